"""Titles and labels that people give."""


def tidy(text: str) -> str:
    """One line without control characters: PostgreSQL takes no NUL."""
    return "".join(char for char in " ".join(text.split()) if char.isprintable())
