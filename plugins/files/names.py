"""Names of files as people gave them, made safe to show, to send in a header, and to save under."""

import re
import unicodedata
from collections.abc import Iterable

from lti_tool.kernel.slugs import free_slug

MAX_BYTES = 180
"""Of UTF-8: file systems take 255, and a browser adds ` (1)`."""
SLUG = r"[a-z0-9][a-z0-9-]{0,78}(?:\.[a-z0-9]{1,10})?"
"""How texts and folders call a file: `slides-2.pdf`."""
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


def free_file_slug(name: str, taken: Iterable[str]) -> str:
    """A slug made from the name of a file that is not taken; it keeps the ending."""
    stem, dot, ending = name.rpartition(".")
    if not re.fullmatch(r"[a-z0-9]{1,10}", ending.lower()) or not stem:
        stem, dot, ending = name, "", ""
    tail = dot + ending.lower()
    stems = {slug.removesuffix(tail) for slug in taken if slug.endswith(tail)}
    return free_slug(stem, stems, "file") + tail


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
