"""From the rows that say what came from an nbgrader course to its place on disk, and to people who come later.

The rows are written first, with everything that pages and the LMS need. Files and the gradebook follow at once, or by
the job `PlaceArrival` if whoever brought them was killed; nobody marks in the placement before.
"""

from collections.abc import Iterable
from importlib import import_module
from types import ModuleType

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError

from grading.assignments import list_assignments
from grading.engine_nbgrader import open_placement_at
from grading.messages import PlaceArrival, PrepareGradebook
from grading.portable_models import ArrivalRow, ArrivedStudentRow
from grading.portable_work import PastWork, WorkReader, has_handed_in, record_work
from lti_tool.kernel import clock, jobs
from lti_tool.kernel.crashpoints import reach
from lti_tool.kernel.db import Tx
from lti_tool.kernel.jobs import JobRun
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti import public as lti
from lti_tool.lti.messages import LinkLaunched, MembersJoined


def place_arrival(run: JobRun, message: PlaceArrival) -> None:
    """Handle `PlaceArrival`."""
    ensure_placed(run.runtime, message.placement_id)


def ensure_placed(runtime: Runtime, placement_id: int) -> None:
    """Put in place what waits for it in a placement; safe to repeat. Not within a transaction."""
    with runtime.db.reading() as tx:
        arrival = tx.get(ArrivalRow, placement_id)
        if arrival is None:
            return
        pending, placement = _pending(tx, placement_id), lti.find_placement(tx, placement_id)
    if placement is None or (arrival.placed_at and not pending):
        return
    names = {row.student_id: row.hub_name for row in pending if row.hub_name}
    url = runtime.settings.gradebook_url(placement.course_slug, placement_id)
    site = open_placement_at(runtime.settings, placement, url).site
    _places().put_in_place(site, arrival.token, names)
    reach("arrival.placed")
    with runtime.db.transaction() as tx:
        tx.get_one(ArrivalRow, placement_id).placed_at = arrival.placed_at or clock.now()
        for row in _pending(tx, placement_id):
            if names.get(row.student_id) == row.hub_name:
                row.placed_at = clock.now()
        jobs.enqueue(tx, PrepareGradebook(placement_id))


def _pending(tx: Tx, placement_id: int) -> list[ArrivedStudentRow]:
    query = select(ArrivedStudentRow).where(
        ArrivedStudentRow.placement_id == placement_id,
        ArrivedStudentRow.hub_name.is_not(None),
        ArrivedStudentRow.placed_at.is_(None),
    )
    return list(tx.scalars(query.order_by(ArrivedStudentRow.student_id)))


def adopt_who_launched(run: JobRun, message: LinkLaunched) -> None:
    """Handle `LinkLaunched`: whoever comes for the first time may be a student of an nbgrader course."""
    if message.placement_id is not None:
        _adopt_waiting(run.runtime, [message.placement_id], [message.user_id])


def adopt_who_joined(run: JobRun, message: MembersJoined) -> None:
    """Handle `MembersJoined`, for those whom the LMS's list names first."""
    with run.runtime.db.reading() as tx:
        placements = [each.id for each in lti.list_placements_of(tx, message.context_id)]
    _adopt_waiting(run.runtime, placements, message.user_ids)


def _adopt_waiting(runtime: Runtime, placement_ids: Iterable[int], user_ids: Iterable[int]) -> None:
    for placement_id in placement_ids:
        with runtime.db.reading() as tx:
            if tx.get(ArrivalRow, placement_id) is None:
                continue
            placement = lti.find_placement(tx, placement_id)
            assert placement is not None
            members = lti.list_members(tx, placement.context_id, list(user_ids))
            found = [(each.person, _waiting_for(tx, placement_id, each.person)) for each in members if each.is_learning]
        for person, student_ids in found:
            if len(student_ids) == 1:
                adopt(runtime, placement, student_ids[0], person)


def _waiting_for(tx: Tx, placement_id: int, person: lti.Person) -> list[str]:
    mine = or_(
        ArrivedStudentRow.wanted.in_([person.sub, person.hub_name]), ArrivedStudentRow.student_id == person.hub_name
    )
    query = select(ArrivedStudentRow.student_id).where(ArrivedStudentRow.placement_id == placement_id, mine)
    return list(tx.scalars(query.where(ArrivedStudentRow.user_id.is_(None))))


def adopt(runtime: Runtime, placement: lti.Placement, student_id: str, person: lti.Person) -> bool:
    """Give somebody what they did in the nbgrader course, all of it or nothing; safe to repeat.

    False: it is given already, or they have handed in here since, so that it cannot be said which came first.
    """
    ensure_placed(runtime, placement.id)
    settings = runtime.settings
    url = settings.gradebook_url(placement.course_slug, placement.id)
    root = settings.placement_dir(placement.course_slug, placement.id)
    with runtime.db.reading() as tx:
        quizzes = [row.name for row in list_assignments(tx, placement.course_slug)]
    rows = import_module("grading.engine.portable_gradebook").read_gradebook(url)
    work = WorkReader(settings, placement, root, url, rows, quizzes).read(student_id)
    try:
        with runtime.db.transaction() as tx:
            given = give(tx, placement, student_id, person, work)
            if given:
                jobs.enqueue(tx, PlaceArrival(placement.id))
    except IntegrityError:  # they hand in at this moment
        return False
    reach("arrival.adopted")
    ensure_placed(runtime, placement.id)
    return given


def give(tx: Tx, placement: lti.Placement, student_id: str, person: lti.Person, work: PastWork) -> bool:
    """Write down that a student is this person, with what they did. False: as `adopt` says."""
    row = tx.get(ArrivedStudentRow, (placement.id, student_id), with_for_update=True)
    taken = select(ArrivedStudentRow.student_id).where(
        ArrivedStudentRow.placement_id == placement.id, ArrivedStudentRow.user_id == person.id
    )
    if row is None or row.user_id is not None or tx.scalar(taken) is not None:
        return False
    if has_handed_in(tx, placement.id, person.id):
        return False
    arrival = tx.get_one(ArrivalRow, placement.id)
    quizzes = {each.name: each for each in list_assignments(tx, placement.course_slug)}
    record_work(tx, placement.id, person, work, quizzes, sends=arrival.sends)
    row.user_id, row.hub_name, row.wanted = person.id, person.hub_name, person.sub
    tx.flush()
    return True


def _places() -> ModuleType:
    """Loaded when it is first needed: nbgrader takes seconds to import."""
    return import_module("grading.engine.portable_places")
