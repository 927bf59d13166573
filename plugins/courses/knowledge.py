"""What a course folder knows of the course in the browser: the line `revision` of course.toml.

`4f2a9c1e-57 without watering` was written by an export of the course with the uid `4f2a9c1e` when revision 57 was its
newest; what was saved of the item `watering` and not published was left out.
"""

import re
from dataclasses import dataclass

from plugins.courses.parts import item_part


@dataclass(frozen=True)
class Knowledge:
    """The line in its parts."""

    uid: str
    number: int
    left_out: frozenset[str] = frozenset()
    """Slugs of items."""

    @property
    def line(self) -> str:
        """As course.toml has it."""
        slugs = f" without {', '.join(sorted(self.left_out))}" if self.left_out else ""
        return f"{self.uid}-{self.number}{slugs}"

    def reaches(self, part: str, revision_id: int) -> bool:
        """Does the folder know this revision of a part?"""
        return revision_id <= self.number and part not in {item_part(slug) for slug in self.left_out}


def read_knowledge(line: str, uid: str) -> Knowledge:
    """What a folder knows of the course with this uid."""
    found = re.fullmatch(r"([0-9a-f]{8})-([0-9]+)(?: without (.+))?", line)
    if found is None or found[1] != uid:
        return Knowledge(uid, 0)
    return Knowledge(uid, int(found[2]), frozenset((found[3] or "").split(", ")) - {""})
