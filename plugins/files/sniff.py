"""What a file is, by its content. The name only tells kinds of text apart.

Common binary kinds by their own marks, the rest by puremagic's signatures, ZIPs by what is in them (`archives`).
Text that a browser would take for HTML or SVG is called that (WHATWG MIME Sniffing, section 7.1).
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import puremagic

from plugins.files import archives

BYTES = "application/octet-stream"
HEAD = 65_536
JSON_MAX = 100_000_000
"""Longer JSON is plain text to us."""
TEXTS = {".csv": "text/csv", ".md": "text/markdown", ".txt": "text/plain"}
_CONTROLS = bytes(set(range(32)) - {8, 9, 10, 12, 13, 27} | {127})
_BOMS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_TAGS = "html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p|svg|meta|link|object|embed|form|img"
_HTML = re.compile(rf"(?:<!doctype html|<(?:{_TAGS}))[\s/>]|<!--", re.I)
_XML_NOISE = re.compile(r"(?:\s|<\?.*?\?>|<!--.*?-->|<!doctype[^\[>]*(?:\[.*?\])?\s*>)+", re.I | re.S)
_PROVEN = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"%PDF-": "application/pdf",
    b"fLaC": "audio/flac",
    b"OggS": "audio/ogg",
    b"ID3": "audio/mpeg",
}
_BRANDS = {
    "avif": "image/avif",
    "avis": "image/avif",
    "qt  ": "video/quicktime",
    "M4A ": "audio/mp4",
    "M4B ": "audio/mp4",
}
_STILL = ("heic", "heix", "hevc", "mif1", "msf1")
_SAME = {"audio/x-wav": "audio/wav", "audio/x-flac": "audio/flac", "audio/mp3": "audio/mpeg", "": BYTES}


def find_type(path: Path, name: str) -> str:
    """The content type; `application/octet-stream` for what is not known. Raises: Refused: a broken archive."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    for start, kind in _PROVEN.items():
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(head[8:12], BYTES)
    if head[4:8] == b"ftyp":
        return _of_brand(head[8:12].decode("latin-1"))
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return archives.find_zip_type(path)
    if _is_text(path, head):
        return _of_text(path, head, PurePosixPath(name).suffix.lower())
    return _of_magic(head)


def _of_brand(brand: str) -> str:
    """ISO/IEC 14496-12, 4.3: the major brand of a file of boxes."""
    if brand in _STILL:
        return "image/heic"
    return _BRANDS.get(brand, "video/mp4")


def _of_magic(head: bytes) -> str:
    if head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06:  # a frame of MPEG audio
        return "audio/mpeg"
    try:
        found = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        return BYTES
    kind = next((match.mime_type for match in found if match.mime_type and match.confidence >= 0.4), "")
    return _SAME.get(kind, kind)


def _is_text(path: Path, head: bytes) -> bool:
    if head[:2] in _BOMS:
        return _decodes(head, _BOMS[head[:2]])
    return all(not block.translate(None, _KEPT) for block in _blocks(path))


_KEPT = bytes(set(range(256)) - set(_CONTROLS))


def _decodes(head: bytes, encoding: str) -> bool:
    try:
        return "\0" not in head[: len(head) // 2 * 2].decode(encoding)
    except UnicodeDecodeError:
        return False


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(1_048_576):
            yield block


def _of_text(path: Path, head: bytes, suffix: str) -> str:
    encoding = _BOMS.get(head[:2], "utf-8-sig")
    text = head.decode(encoding, errors="replace")
    if text.startswith("WEBVTT") and text[6:7] in ("", " ", "\t", "\n", "\r"):
        return "text/vtt"
    noise = _XML_NOISE.match(text)
    bare = text[noise.end() :] if noise else text
    if re.match(r"<(?:\w+:)?svg[\s/>]", bare, re.I):
        return "image/svg+xml"
    if _HTML.match(text.lstrip()) or _HTML.match(bare):
        return TEXTS.get(suffix, "text/html")
    if text.lstrip().startswith("<?xml"):
        return "application/xml"
    if suffix in (".json", ".ipynb"):
        return _of_json(path)
    return TEXTS.get(suffix, "text/plain")


def _of_json(path: Path) -> str:
    if path.stat().st_size > JSON_MAX:
        return "text/plain"
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return "text/plain"
    is_notebook = isinstance(found, dict) and isinstance(found.get("cells"), list) and "nbformat" in found
    return "application/x-ipynb+json" if is_notebook else "application/json"
