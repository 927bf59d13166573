"""Students of an nbgrader course that was taken over: who they are here, and saying it later."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib import import_module

from sqlalchemy import select

from grading.engine.portable_rows import Rows
from grading.messages import ForgetLearner
from grading.portable_import import find_contacts, get_placement_by_key
from grading.portable_models import ArrivedStudentRow
from grading.portable_people import By, Match, Student, match
from grading.portable_placing import adopt, ensure_placed
from lti_tool.kernel import jobs
from lti_tool.kernel.errors import Conflict, NotFound
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti import public as lti


@dataclass(frozen=True)
class Listed:
    """A student for the list."""

    id: str
    name: str
    email: str
    lms_user_id: str
    """Empty: nothing says who that is."""
    person: str
    """What the LMS calls them; empty: they have not come."""


def list_students(runtime: Runtime, key: str) -> list[Listed]:
    """Everybody who came with an nbgrader course, by id. Raises: NotFound: there is no such placement."""
    placement = get_placement_by_key(runtime, key)
    ensure_placed(runtime, placement.id)
    with runtime.db.reading() as tx:
        mine = ArrivedStudentRow.placement_id == placement.id
        rows = list(tx.scalars(select(ArrivedStudentRow).where(mine).order_by(ArrivedStudentRow.student_id)))
        people = lti.list_people(tx, [row.user_id for row in rows if row.user_id is not None])
    said = _students(_read(runtime, placement)) if rows else {}
    found = []
    for row in rows:
        first, last, email, _lms = said.get(row.hub_name or row.student_id, ("", "", "", ""))
        person = people.get(row.user_id) if row.user_id is not None else None
        name = f"{first} {last}".strip()
        found.append(Listed(row.student_id, name, email, row.wanted or "", person.display_name if person else ""))
    return found


def match_students(runtime: Runtime, key: str, said: Mapping[str, str], by: Collection[By]) -> list[Match]:
    """Find out who those are whom nobody knew, and give them their work. What comes back is of those.

    Raises: NotFound, ExternalError.
    """
    placement = get_placement_by_key(runtime, key)
    contacts = find_contacts(runtime, placement, by)
    ensure_placed(runtime, placement.id)
    with runtime.db.reading() as tx:
        mine = ArrivedStudentRow.placement_id == placement.id
        rows = list(tx.scalars(select(ArrivedStudentRow).where(mine, ArrivedStudentRow.user_id.is_(None))))
    known = _students(_read(runtime, placement)) if rows else {}
    students = [_student(row, known.get(row.student_id, ("", "", "", ""))) for row in rows]
    with runtime.db.reading() as tx:
        matches = match(tx, placement, students, said, by, contacts)
    return [_adopted(runtime, placement, each) for each in matches]


def forget_student(runtime: Runtime, key: str, student_id: str) -> None:
    """Remove what came of a student who is nobody here: marks, files, attempts.

    Raises: NotFound: no such student. Conflict: they are somebody here, whose data are erased as a whole.
    """
    placement = get_placement_by_key(runtime, key)
    with runtime.db.transaction() as tx:
        row = tx.get(ArrivedStudentRow, (placement.id, student_id), with_for_update=True)
        if row is None:
            message = f"No student {student_id} came to {key}. `coursebridge nbgrader people {key}` lists them."
            raise NotFound("student_not_found", message)
        if row.user_id is not None:
            message = (
                f"{student_id} is somebody here. Erase that person's data: what came with the course goes with them."
            )
            raise Conflict("student_matched", message)
        tx.delete(row)
        jobs.enqueue(tx, ForgetLearner(placement.id, student_id))


def _student(row: ArrivedStudentRow, said: tuple[str, str, str, str]) -> Student:
    return Student(row.student_id, row.wanted or said[3], said[2])


def _adopted(runtime: Runtime, placement: lti.Placement, found: Match) -> Match:
    if found.person is not None and adopt(runtime, placement, found.student.id, found.person):
        return found
    if found.person is not None:
        why = f"{found.person.display_name} has handed in here already, or is another student"
        return Match(found.student, None, found.wanted, why)
    if found.wanted is not None:
        with runtime.db.transaction() as tx:
            tx.get_one(ArrivedStudentRow, (placement.id, found.student.id)).wanted = found.wanted
    return found


def _read(runtime: Runtime, placement: lti.Placement) -> Rows:
    url = runtime.settings.gradebook_url(placement.course_slug, placement.id)
    rows: Rows = import_module("grading.engine.portable_gradebook").read_gradebook(url)
    return rows


def _students(rows: Rows) -> dict[str, tuple[str, str, str, str]]:
    """First name, last name, e-mail address and the LMS's id, by student id."""
    return {
        str(name): (str(first or ""), str(last or ""), str(email or ""), str(lms or ""))
        for name, first, last, email, lms in rows["student"]
    }
