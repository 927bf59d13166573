"""Formulas: LaTeX to MathML (latex2mathml), which browsers show and screen readers speak without any script."""

from functools import lru_cache
from html import escape

from latex2mathml.converter import convert

LONGEST = 4000
"""Characters of one formula; a longer one is shown as it was written."""
_NAMES = (
    "math mrow mi mn mo ms mtext mspace mfrac msqrt mroot msub msup msubsup munder mover munderover mtable mtr mtd "
    "mstyle mpadded mphantom menclose merror"
)
TAGS = frozenset(_NAMES.split(" "))
ATTRIBUTES: dict[str, set[str]] = {
    "math": {"display"},
    "mi": {"mathvariant"},
    "mo": {
        "stretchy",
        "fence",
        "separator",
        "form",
        "lspace",
        "rspace",
        "minsize",
        "maxsize",
        "accent",
        "movablelimits",
    },
    "mspace": {"width", "linebreak"},
    "mfrac": {"linethickness"},
    "mtable": {"columnalign", "columnlines", "rowlines", "rowspacing", "displaystyle"},
    "mtd": {"columnalign"},
    "mstyle": {"displaystyle", "scriptlevel"},
    "munder": {"accentunder"},
    "mover": {"accent"},
    "menclose": {"notation"},
    "mpadded": {"width", "height", "depth", "lspace", "voffset"},
}


@lru_cache(maxsize=2048)
def to_mathml(latex: str, *, is_block: bool) -> str:
    """A formula as MathML, not cleaned; as it was written where it cannot be read."""
    if len(latex) > LONGEST:
        return f"<code>{escape(latex)}</code>"
    try:
        return str(convert(latex, display="block" if is_block else "inline"))
    except Exception:  # the library raises whatever its parser runs into
        return f"<code>{escape(latex)}</code>"
