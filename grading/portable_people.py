"""Who the students of an nbgrader course are here: by ids, by what the LMS tells, by a list that somebody wrote."""

import csv
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Invalid
from lti_tool.lti import public as lti

LONGEST_LIST = 5_000_000
LONGEST_ID = 255
HEAD = ("student_id", "lms_user_id")


class By(StrEnum):
    """What a student's name in the gradebook is besides."""

    ID = "id"
    """The student id is the LMS's id of the person."""
    EMAIL = "email"
    """The gradebook's e-mail address is the one that the LMS has."""
    USERNAME = "username"
    """The student id is what the LMS calls the person in its lists (`lis_person_sourcedid`)."""


@dataclass(frozen=True)
class Student:
    """As the gradebook has them."""

    id: str
    lms_user_id: str
    email: str


@dataclass(frozen=True)
class Match:
    """Who a student is."""

    student: Student
    person: lti.Person | None
    wanted: str | None
    """The LMS's id of the person, if it is said."""
    why_not: str = ""
    """For the report, where there is nobody."""


def read_list(path: Path) -> dict[str, str]:
    """A CSV file with the columns `student_id` and `lms_user_id`, the latter the LMS's id or the name in JupyterHub.

    Raises: Invalid: says the line and what to do.
    """
    try:
        if path.stat().st_size > LONGEST_LIST:
            raise Invalid("people_too_long", f"{path} is longer than any list of students.")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise Invalid("people_unreadable", f"{path} cannot be read ({error.strerror}). Name another file.") from error
    except UnicodeDecodeError as error:
        raise Invalid("people_unreadable", f"{path} is not UTF-8. Save it as CSV in UTF-8.") from error
    try:
        lines = list(csv.reader(text.splitlines(), strict=True))
    except csv.Error as error:
        raise Invalid("people_unreadable", f"{path} is not CSV ({error}). Save it as CSV with commas.") from error
    head = [name.strip() for name in lines[0]] if lines else []
    if any(name not in head for name in HEAD):
        raise Invalid(
            "people_unreadable", f"{path}: the first line has to name the columns student_id and lms_user_id."
        )
    at, found = [head.index(name) for name in HEAD], dict[str, str]()
    for number, line in enumerate(lines[1:], 2):
        student, person = (line[column].strip() if column < len(line) else "" for column in at)
        if not student or not person:
            continue  # nobody yet
        if len(person) > LONGEST_ID:
            raise Invalid("people_too_long", f"{path}, line {number}: no LMS has ids of {len(person)} characters.")
        if found.get(student, person) != person or (student not in found and person in found.values()):
            raise Invalid("people_twice", f"{path}, line {number}: {student} or {person} is there twice. Take one out.")
        found[student] = person
    return found


def match(
    tx: Tx,
    placement: lti.Placement,
    students: Iterable[Student],
    said: Mapping[str, str],
    by: Iterable[By] = (),
    contacts: Iterable[lti.Contact] = (),
) -> list[Match]:
    """Who each student is, among the learners of the LMS course. Nobody is two students.

    `contacts`: what the LMS tells of its people now; needed for e-mail addresses and usernames.
    """
    students = list(students)
    learners = [each.person for each in lti.list_members(tx, placement.context_id) if each.role.is_learner]
    people = {person.sub: person for person in learners} | {person.hub_name: person for person in learners}
    known = _Known(people, set(by), list(contacts))
    found = [_match_one(student, said, known) for student in students]
    found = [_unless_somebody_else(tx, each) for each in found]
    ids = {student.id for student in students}
    times = Counter(each.person.id for each in found if each.person)
    return [_once(each, times, ids) for each in found]


@dataclass(frozen=True)
class _Known:
    people: Mapping[str, lti.Person]
    by: set[By]
    contacts: list[lti.Contact]

    def sub_by_email(self, address: str) -> str | None:
        """None: nobody, or several."""
        found = [each.sub for each in self.contacts if address and each.email.casefold() == address.casefold()]
        return found[0] if len(found) == 1 else None

    def sub_by_username(self, name: str) -> str | None:
        found = [each.sub for each in self.contacts if each.username and each.username.casefold() == name.casefold()]
        return found[0] if len(found) == 1 else None


def _match_one(student: Student, said: Mapping[str, str], known: _Known) -> Match:
    wanted = said.get(student.id) or _find_wanted(student, known)
    person = known.people.get(wanted) if wanted else known.people.get(student.id)
    if person is not None and not wanted and person.hub_name != student.id:
        person = None  # an id that is equal by chance proves nothing
    if person is not None:
        return Match(student, person, person.sub)
    why = "is not in the LMS course as a learner yet" if wanted else "nothing says who that is"
    return Match(student, None, wanted, why)


def _find_wanted(student: Student, known: _Known) -> str | None:
    if 0 < len(student.lms_user_id) <= LONGEST_ID:
        return student.lms_user_id
    if By.ID in known.by:
        return student.id
    found = known.sub_by_username(student.id) if By.USERNAME in known.by else None
    if found is None and By.EMAIL in known.by:
        found = known.sub_by_email(student.email or (student.id if "@" in student.id else ""))
    return found


def _unless_somebody_else(tx: Tx, found: Match) -> Match:
    """The ids of an export of this tool are Hub names: whoever has one is no other student."""
    person, name = found.person, found.student.id
    if person is None or name == person.hub_name or lti.find_person_by_hub_name(tx, name) is None:
        return found
    return Match(found.student, None, None, f"{name} is somebody else here, and not {person.display_name}")


def _once(found: Match, times: Mapping[int, int], ids: set[str]) -> Match:
    person = found.person
    if person is None:
        return found
    if times[person.id] > 1:
        why = f"{person.display_name} would be several students; say which with --people"
    elif person.hub_name in ids and person.hub_name != found.student.id:
        why = f"another student of the gradebook is called {person.hub_name} already"
    else:
        return found
    return Match(found.student, None, None, why)
