"""Texts that people write: plain, tidy, not too long."""

import re
import unicodedata

from lti_tool.kernel.errors import Unacceptable

LONGEST_WORD = 100


def read_text(text: str, longest: int, *, name: str, least: int = 0) -> str:
    """The text without control characters and heaps of empty lines. Raises: Unacceptable: too long, too short."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = "".join(char for char in text if char == "\n" or unicodedata.category(char) not in ("Cc", "Cs", "Co", "Cn"))
    text = re.sub(r"[\u202a-\u202e\u2066-\u2069]", "", text)  # would turn the direction of what follows
    lines = (re.sub(r"[^\S\n]+", " ", line).strip() for line in text.split("\n"))
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    if len(text) > longest:
        message = f"This is {len(text):,} characters long. Up to {longest:,} are accepted."
        raise Unacceptable(f"{name}_too_long", message, {"longest": longest})
    if len(text) < least:
        raise Unacceptable(f"{name}_missing", "Write a few words here.")
    return text
