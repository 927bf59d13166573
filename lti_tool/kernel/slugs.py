"""Names for addresses and folders, made from titles."""

import re
import unicodedata
from collections.abc import Collection
from itertools import chain, count


def free_slug(title: str, taken: Collection[str], otherwise: str) -> str:
    """A slug made from a title that is not taken; `otherwise` for a title without Latin letters or digits."""
    ascii_title = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    wanted = re.sub(r"[^a-z0-9]+", "-", ascii_title.lower()).strip("-")[:70].strip("-") or otherwise
    numbered = (f"{wanted}-{n}" for n in count(2))
    return next(each for each in chain([wanted], numbered) if each not in taken)
