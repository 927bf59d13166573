"""What a browser may do with a file. No file of a user ever runs script on the tool's origin."""

import re
import unicodedata
from urllib.parse import quote

POLICY = "sandbox; default-src 'none'; img-src data:; media-src 'self'; style-src 'unsafe-inline'"
"""Seals a file that is opened by itself, whatever it is."""
SHOWN = frozenset(
    {
        *("image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"),
        *("audio/mpeg", "audio/mp4", "audio/ogg", "audio/wav", "audio/flac"),
        *("video/mp4", "video/webm", "video/quicktime", "video/x-matroska"),
        "text/vtt",
    }
)
"""May be shown by a browser: kinds that can hold no script. PDF is not among them: a reader runs its script."""
_AS_BYTES = ("text/html", "application/xml", "text/xml", "application/xhtml+xml", "text/javascript")


def disposition(filename: str, *, inline: bool) -> str:
    """Content-Disposition in both forms of RFC 6266: ASCII for old programs, UTF-8 (RFC 8187) for the others."""
    plain = unicodedata.normalize("NFKD", filename).encode("ascii", "ignore").decode()
    plain = re.sub(r'["\\\x00-\x1f\x7f%]', "_", plain).strip() or "file"
    kind = "inline" if inline else "attachment"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"


def is_shown(content_type: str) -> bool:
    """May a browser show it, or only save it?"""
    return content_type in SHOWN


def served_type(content_type: str) -> str:
    """The type that is said to a browser: text in UTF-8, and nothing that it would run if it ignored the rest."""
    if content_type in _AS_BYTES:
        return "application/octet-stream"
    return f"{content_type}; charset=utf-8" if content_type.startswith("text/") else content_type
