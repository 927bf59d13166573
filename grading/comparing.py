"""Comparing the newest submissions of a quiz's learners in one LMS course with each other, in the background."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, delete, func, or_, select

from grading.filesets import Listing, unpack
from grading.messages import CompareSubmissions
from grading.models import AssignmentRow, BlobRow, SubmissionRow
from grading.own_work import OwnWork, read_given, read_own_work
from grading.similarity import Pair, compare_all
from grading.similarity_models import ComparisonRow, SimilarPairRow
from lti_tool.kernel import clock, jobs
from lti_tool.kernel.db import Tx
from lti_tool.kernel.jobs import JobRow, JobRun, JobState
from lti_tool.lti import public as lti

MOST_LEARNERS = 1000
"""With more, the first ones to have handed in; a thousand are half a million pairs."""
AT_ONCE = 100
"""Submissions whose files are in memory at the same time."""


@dataclass(frozen=True)
class Comparison:
    """Where comparing stands."""

    row: ComparisonRow | None
    """None: nobody has asked for it yet."""
    state: JobState | None
    """Of its job; None: there is none any more."""

    @property
    def is_busy(self) -> bool:
        """Does it wait, or is it done at this moment?"""
        return self.state in (JobState.QUEUED, JobState.RUNNING)


def find_comparison(tx: Tx, placement_id: int, assignment_id: int) -> Comparison:
    """Where comparing stands; one query."""
    mine = (ComparisonRow.placement_id == placement_id, ComparisonRow.assignment_id == assignment_id)
    query = select(ComparisonRow, JobRow.state).outerjoin(JobRow, JobRow.id == ComparisonRow.job_id)
    found = tx.execute(query.where(*mine)).one_or_none()
    return Comparison(None, None) if found is None else Comparison(*found)


def ask_to_compare(tx: Tx, placement_id: int, assignment_id: int) -> None:
    """Have the submissions compared, unless that is under way. Whoever asks holds the quiz's row meanwhile."""
    tx.scalar(select(AssignmentRow.id).where(AssignmentRow.id == assignment_id).with_for_update())
    known = find_comparison(tx, placement_id, assignment_id)
    if known.is_busy:
        return
    job_id = jobs.enqueue(tx, CompareSubmissions(placement_id, assignment_id))
    if known.row is None:
        tx.add(ComparisonRow(placement_id=placement_id, assignment_id=assignment_id, job_id=job_id))
    else:
        known.row.job_id = job_id


def compare_submissions(run: JobRun, message: CompareSubmissions) -> None:
    """Handle `CompareSubmissions`: what was found before is replaced."""
    db = run.runtime.db
    with db.reading() as tx:
        assignment = tx.get(AssignmentRow, message.assignment_id)
        rows = [] if assignment is None else _newest(tx, message)
        works = {} if assignment is None else _read_works(tx, assignment, rows[:MOST_LEARNERS])
    found = compare_all({submission_id: work.tokens for submission_id, work in works.items()})
    with db.transaction() as tx:
        run.finish(tx)
        row = tx.get(ComparisonRow, (message.placement_id, message.assignment_id))
        if row is None:
            return
        row.number, row.too_short = found.number, found.too_short
        row.left_out, row.compared_at = max(0, len(rows) - MOST_LEARNERS), clock.now()
        _replace_pairs(tx, message, found.pairs)


def read_pair(tx: Tx, assignment: AssignmentRow, one: SubmissionRow, other: SubmissionRow) -> tuple[OwnWork, OwnWork]:
    """What the learners of two submissions wrote; one query."""
    works = _read_works(tx, assignment, [one, other])
    return works[one.id], works[other.id]


def _newest(tx: Tx, message: CompareSubmissions) -> list[SubmissionRow]:
    """The newest attempt of each learner and group of the LMS course, test students left out."""
    learners = {person.id for person in lti.list_learners(tx, message.placement_id) if not person.is_test}
    mine = (SubmissionRow.placement_id == message.placement_id, SubmissionRow.assignment_id == message.assignment_id)
    last = select(SubmissionRow.hub_name, func.max(SubmissionRow.number).label("number")).where(*mine)
    newest = last.group_by(SubmissionRow.hub_name).subquery()
    same = and_(SubmissionRow.hub_name == newest.c.hub_name, SubmissionRow.number == newest.c.number)
    rows = tx.scalars(select(SubmissionRow).join(newest, same).where(*mine).order_by(SubmissionRow.id))
    return [row for row in rows if row.user_id in learners]


def _read_works(tx: Tx, assignment: AssignmentRow, rows: Sequence[SubmissionRow]) -> dict[int, OwnWork]:
    """What each submission has of its learner's own, some at a time."""
    names = {f"{name}.ipynb" for name in assignment.notebooks}
    release, works = _only(assignment.release, names), dict[int, OwnWork]()
    for start in range(0, len(rows), AT_ONCE):
        some = {row.id: _only(row.files, names) for row in rows[start : start + AT_ONCE]}
        packed = _load(tx, [release, *some.values()])
        given = read_given(_unpack(release, packed))
        works |= {key: read_own_work(_unpack(listing, packed), given) for key, listing in some.items()}
    return works


def _only(listing: Listing, names: set[str]) -> Listing:
    return [entry for entry in listing if entry["path"] in names]


def _load(tx: Tx, listings: Iterable[Listing]) -> dict[str, bytes]:
    wanted = {entry["sha256"] for listing in listings for entry in listing}
    rows = tx.execute(select(BlobRow.sha256, BlobRow.packed).where(BlobRow.sha256.in_(wanted)))
    return {row.sha256: row.packed for row in rows}


def _unpack(listing: Listing, packed: Mapping[str, bytes]) -> dict[str, bytes]:
    wanted = {entry["sha256"] for entry in listing}
    return unpack(listing, {sha256: body for sha256, body in packed.items() if sha256 in wanted})


def _replace_pairs(tx: Tx, message: CompareSubmissions, pairs: Sequence[Pair]) -> None:
    ids = {key for pair in pairs for key in (pair.first, pair.second)}
    # held, so that nobody is erased between this look and the commit
    held = select(SubmissionRow.id, SubmissionRow.user_id).where(SubmissionRow.id.in_(ids)).with_for_update(read=True)
    owners = {row.id: row.user_id for row in tx.execute(held)}
    mine = (SimilarPairRow.placement_id == message.placement_id, SimilarPairRow.assignment_id == message.assignment_id)
    tx.execute(delete(SimilarPairRow).where(*mine))
    tx.add_all(
        SimilarPairRow(
            placement_id=message.placement_id,
            assignment_id=message.assignment_id,
            first_id=pair.first,
            second_id=pair.second,
            first_user_id=owners[pair.first],
            second_user_id=owners[pair.second],
            percent=pair.percent,
        )
        for pair in pairs
        if pair.first in owners and pair.second in owners
    )


def export_similarity(tx: Tx, user_id: int) -> list[dict[str, object]]:
    """That a person's work was found similar, without saying to whose."""
    rows = tx.scalars(select(SimilarPairRow).where(_of_person(user_id)).order_by(SimilarPairRow.id))
    return [{"assignment_id": row.assignment_id, "percent": row.percent} for row in rows]


def erase_similarity(tx: Tx, user_id: int) -> None:
    """Forget every pair that a person is in."""
    tx.execute(delete(SimilarPairRow).where(_of_person(user_id)))


def _of_person(user_id: int) -> ColumnElement[bool]:
    return or_(SimilarPairRow.first_user_id == user_id, SimilarPairRow.second_user_id == user_id)
