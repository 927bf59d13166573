"""Which names of files, students and assignments that others chose are harmless here."""

import unicodedata

LONGEST = 200
"""Bytes: file systems take 255, and ours puts something before and behind."""
DEEPEST = 20
BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of what follows: a name would show as another."""


def find_name_problem(name: str) -> str | None:
    """Why this cannot be one part of a path, as the end of a sentence that begins with the name."""
    if name in ("", ".", ".."):
        return "is no name"
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        return "has a name that is not UTF-8"
    if length > LONGEST:
        return f"has a name of more than {LONGEST} bytes"
    if "/" in name or "\\" in name:
        return "has a slash in its name"
    if any(unicodedata.category(char) in ("Cc", "Cs") or char in BIDI for char in name):
        return "has a character in its name that cannot be seen"
    if name.startswith((".new-", ".old-", ".coursebridge")):
        return "has a name that the tool uses itself"
    return None
