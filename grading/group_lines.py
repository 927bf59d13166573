"""Groups as lines of text, "group; learner": read against a class, each problem with its line.

The separator is a tab, a semicolon or a comma, whichever the text has, in this order. More learners may follow on a
line. A learner is named as the LMS does, "Last, First" too, or by the LMS's id.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from flask_babel import gettext as _

from grading.group_models import LONGEST_NAME
from lti_tool.lti import public as lti

MOST_LINES = 5000
LONGEST_LINE = 10_000
LONGEST_SHOWN = 60
SEPARATORS = "\t;,"
HEADS = ("group", "team")


@dataclass
class ReadLines:
    """What lines say of a class."""

    groups: dict[int, str] = field(default_factory=dict)
    """A group's name by user id."""
    left: list[str] = field(default_factory=list)
    """The lines that have a problem, as they were written. Nothing of them is in `groups`."""
    problems: list[str] = field(default_factory=list)
    """What to change, each with the number of its line among those that are left."""

    def refuse(self, line: str, why: str) -> None:
        """Leave a line to whoever wrote it."""
        self.left.append(line)
        shown = line.strip() if len(line.strip()) <= LONGEST_SHOWN else f"{line.strip()[:LONGEST_SHOWN]}…"
        self.problems.append(_("Line %(number)s, “%(line)s”: %(why)s", number=len(self.left), line=shown, why=why))


def read_lines(text: str, learners: Mapping[int, lti.Person]) -> ReadLines:
    """Read lines; what one of them says wrong does not touch the others."""
    read, lines = ReadLines(), [line for line in text.lstrip("\ufeff").replace("\0", "").splitlines() if line.strip()]
    separator = next((each for each in SEPARATORS if any(each in line for line in lines)), ";")
    people, spellings = _Class(learners), dict[str, str]()
    for line in lines[:MOST_LINES]:
        cells = [" ".join(cell.split()) for cell in _cells(line, separator)]
        group, names = cells[0], [cell for cell in cells[1:] if cell]
        if line is lines[0] and group.casefold() in HEADS:
            continue
        why = _problem_of(group, names) or next(filter(None, map(people.find_problem, names)), None)
        if why is None:
            group = spellings.setdefault(group.casefold(), group)
            why = _put(read.groups, group, [people.get(name) for name in names])
        if why is not None:
            read.refuse(line, why)
    for line in lines[MOST_LINES:]:
        read.left.append(line)
    if len(lines) > MOST_LINES:
        read.problems.append(_("Only %(most)s lines are read at once; the others are left.", most=MOST_LINES))
    return read


def _cells(line: str, separator: str) -> list[str]:
    return next(csv.reader([line[:LONGEST_LINE]], delimiter=separator, skipinitialspace=True), [""])


def _problem_of(group: str, names: list[str]) -> str | None:
    if not group:
        return str(_("the name of the group is missing."))
    if len(group) > LONGEST_NAME:
        return str(_("the group's name has more than %(most)s characters.", most=LONGEST_NAME))
    if not names:
        return str(_("write the group, a semicolon and the learner."))
    return None


def _put(groups: dict[int, str], group: str, members: list[lti.Person]) -> str | None:
    """Put members into a group, or say who is in another one by an earlier line."""
    for person in members:
        earlier = groups.get(person.id, group)
        if earlier != group:
            return str(_("%(name)s is in %(group)s by an earlier line.", name=person.display_name, group=earlier))
    groups.update({person.id: group for person in members})
    return None


class _Class:
    """The learners of a class by what they may be called."""

    def __init__(self, learners: Mapping[int, lti.Person]) -> None:
        self._named: dict[str, list[lti.Person]] = {}
        self._numbered = {person.sub: person for person in learners.values()}
        for person in learners.values():
            self._named.setdefault(" ".join(person.display_name.split()).casefold(), []).append(person)

    def _find(self, name: str) -> list[lti.Person]:
        if name in self._numbered:
            return [self._numbered[name]]
        return next(filter(None, (self._named.get(each) for each in _spellings(name))), [])

    def get(self, name: str) -> lti.Person:
        """Whoever is called so; `find_problem` found none."""
        return self._find(name)[0]

    def find_problem(self, name: str) -> str | None:
        """Why it is not one learner."""
        found = self._find(name)
        if not found:
            return str(_("“%(name)s” is nobody in the course.", name=name))
        if len(found) > 1:
            ids = ", ".join(person.sub for person in found)
            return str(
                _(
                    "%(number)s learners have the name “%(name)s”. Write the LMS’s id: %(ids)s.",
                    number=len(found),
                    name=name,
                    ids=ids,
                )
            )
        return None


def _spellings(name: str) -> Iterator[str]:
    yield name.casefold()
    last, comma, first = name.partition(",")
    if comma:
        yield f"{first.strip()} {last.strip()}".casefold()
