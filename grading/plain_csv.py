"""Texts that a spreadsheet opens."""

FORMULA = "=+-@\t\r\n"
"""What makes a spreadsheet take a text for a formula."""


def plain_cell(text: str) -> str:
    """A text that a spreadsheet leaves alone. Blanks before a formula do not make it harmless."""
    return f"'{text}" if text.lstrip(" \u00a0")[:1] in tuple(FORMULA) and text else text
