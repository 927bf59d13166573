"""Names of files as people gave them, made safe to show, to send in a header, and to save under."""

import re
import unicodedata

MAX_BYTES = 180
"""Of UTF-8: file systems take 255, and a browser adds ` (1)`."""
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
"""What Windows, macOS or a path would stumble over."""
_RESERVED = re.compile(r"(?i)(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)")


def clean_name(given: str) -> str:
    """A file name without path, control and invisible characters (right-to-left overrides too); never empty.

    Normalised to NFC, at most MAX_BYTES long with its ending kept.
    """
    last = re.split(r"[/\\]", given)[-1]
    seen = "".join(char for char in unicodedata.normalize("NFC", last) if _is_shown(char))
    name = re.sub(r"\s+", " ", _FORBIDDEN.sub("_", seen)).strip(" .")
    if not name or _RESERVED.match(name):
        name = f"file {name}".strip()
    return _shorten(name)


def _is_shown(char: str) -> bool:
    """Not Cc control, Cf format (bidirectional, zero width), Cs surrogate, Co private, Cn unassigned, Zl, Zp."""
    category = unicodedata.category(char)
    return category not in ("Cf", "Cs", "Co", "Cn", "Zl", "Zp") and (category != "Cc" or char in "\t\n")


def _shorten(name: str) -> str:
    if len(name.encode()) <= MAX_BYTES:
        return name
    stem, dot, ending = name.rpartition(".")
    if not dot or len(ending.encode()) > 20:
        stem, dot, ending = name, "", ""
    room = MAX_BYTES - len((dot + ending).encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(" .") + dot + ending
