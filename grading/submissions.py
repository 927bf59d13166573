"""Submissions as they come in: numbered, hashed, never overwritten, with a receipt."""

import codecs
import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, bindparam, func, or_, select
from sqlalchemy.exc import IntegrityError

from grading.filesets import Files, Listing, Packed, accept_files, pack_files, snapshot_sha256, store_files
from grading.group_models import ShareRow
from grading.group_work import Party, find_party
from grading.messages import Autograde
from grading.models import SUBMISSION_TRANSITIONS, AssignmentRow, Counts, SubmissionRow, SubmissionState
from grading.terms import Terms, find_terms, must_wait_for_first
from lti_tool.kernel import clock, jobs
from lti_tool.kernel.crashpoints import reach
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Conflict, NotFound, Unacceptable
from lti_tool.lti import public as lti

VIAS = ("jupyterlab", "assignment_list", "page")
REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
RACES = 50
"""How often a number is tried again that somebody else took at the same moment."""


@dataclass(frozen=True)
class Learner:
    """A person in a course as one LMS course uses it. In another LMS course the same person begins anew."""

    placement_id: int
    user_id: int


@dataclass(frozen=True)
class Submitter(Learner):
    """Who hands in."""

    hub_name: str


def make_snapshot(files: Files, max_bytes: int) -> Packed:
    """The files that count, hashed and compressed; done before the transaction that stores them.

    Raises: TooLarge, Unacceptable: with what to do.
    """
    return pack_files(accept_files(files, max_bytes))


def store_submission(
    tx: Tx, assignment: AssignmentRow, who: Submitter, snapshot: Packed, *, via: str, request_id: str
) -> tuple[SubmissionRow, bool]:
    """Keep a snapshot as the learner's next attempt and put it in line for marking.

    A learner in a group hands in for it (docs/adr/0028-group-work.md).
    The same request id again gives the same submission. Returns it, and whether it is new. It is submitted when the
    caller's transaction has committed, not before.
    Raises: Conflict: attempts used up, or closed. Unacceptable: with what to do.
    """
    _check_via(via, request_id)
    known = _find_request(tx, who, request_id)
    if known is not None:
        return known, False
    terms = find_terms(tx, assignment, who.placement_id, who.user_id)
    _check_open(terms)
    _check_notebooks(assignment, snapshot)
    listing, sha256 = store_files(tx, snapshot), snapshot.sha256
    party = find_party(tx, assignment.id, who.placement_id, who.user_id, who.hub_name)
    for _ in range(RACES):
        number = _next_number(tx, assignment, terms, who, party)
        try:
            with tx.begin_nested():
                row = _insert(tx, assignment, who, party, number, listing, sha256, via, request_id)
        except IntegrityError:  # the same learner submits in another window at this moment
            known = _find_request(tx, who, request_id)
            if known is not None:
                return known, False
            continue
        put_in_line(tx, row)
        reach("submit.stored")
        return row, True
    raise Conflict(
        "submit_busy",
        "Your submission could not be stored because others of yours arrived at the same time. Submit again.",
    )


def put_in_line(tx: Tx, row: SubmissionRow) -> None:
    """Have an attempt marked when its turn comes: the LMS courses take turns (docs/adr/0022)."""
    row.job_id = jobs.enqueue(tx, Autograde(row.id), lane=lane_of(row.placement_id))


def lane_of(placement_id: int) -> str:
    """The lane of an LMS course in the queue for marking."""
    return f"placement {placement_id}"


def move(row: SubmissionRow, state: SubmissionState) -> None:
    """Change the state. Raises: Conflict when the table of transitions does not have it."""
    if state not in SUBMISSION_TRANSITIONS[row.state]:
        raise Conflict("submission_state", f"A submission that is {row.state} cannot become {state}.")
    row.state = state


def attempts_of(assignment_id: int, who: Learner) -> ColumnElement[bool]:
    """Which rows of `SubmissionRow` are the attempts of a learner, alone or in a group."""
    return and_(
        SubmissionRow.placement_id == who.placement_id,
        SubmissionRow.assignment_id == assignment_id,
        is_of([who.user_id]),
    )


def is_of(user_ids: Collection[int]) -> ColumnElement[bool]:
    """Did one of these hand it in, or have a share in it?"""
    shared = select(ShareRow.submission_id).where(ShareRow.user_id.in_(user_ids))
    return or_(SubmissionRow.user_id.in_(user_ids), SubmissionRow.id.in_(shared))


def in_place_of(row: SubmissionRow) -> ColumnElement[bool]:
    """Which attempts have the same place in the gradebook, that of a learner or of a group: itself and its siblings."""
    return and_(
        SubmissionRow.placement_id == row.placement_id,
        SubmissionRow.assignment_id == row.assignment_id,
        SubmissionRow.hub_name == row.hub_name,
    )


def list_siblings(tx: Tx, row: SubmissionRow) -> list[SubmissionRow]:
    """All attempts with the same place in the gradebook, newest first."""
    return list(tx.scalars(select(SubmissionRow).where(in_place_of(row)).order_by(SubmissionRow.number.desc())))


def list_owners(tx: Tx, row: SubmissionRow) -> list[Learner]:
    """Whose an attempt is: whoever handed it in and, of a group's, all who were members then; in the order of ids."""
    user_ids = {row.user_id}
    if row.group_id is not None:
        user_ids |= set(tx.scalars(select(ShareRow.user_id).where(ShareRow.submission_id == row.id)))
    return [Learner(row.placement_id, user_id) for user_id in sorted(user_ids)]


def list_submissions(tx: Tx, assignment_id: int, who: Learner) -> list[SubmissionRow]:
    """A learner's attempts, newest first."""
    mine = {"placement_id": who.placement_id, "assignment_id": assignment_id, "user_id": who.user_id}
    return list(tx.scalars(_ATTEMPTS, mine))


_ATTEMPTS = (
    select(SubmissionRow)
    .where(
        SubmissionRow.placement_id == bindparam("placement_id"),
        SubmissionRow.assignment_id == bindparam("assignment_id"),
        or_(
            SubmissionRow.user_id == bindparam("user_id"),
            SubmissionRow.id.in_(select(ShareRow.submission_id).where(ShareRow.user_id == bindparam("user_id"))),
        ),
    )
    .order_by(SubmissionRow.number.desc())
)


def list_named(tx: Tx, assignment_id: int, who: Learner) -> tuple[list[SubmissionRow], dict[int, str]]:
    """A learner's attempts, newest first; and who handed in those of groups, by submission. One query."""
    people = lti.select_names().subquery()
    query = select(SubmissionRow, people.c.name).outerjoin(people, people.c.id == SubmissionRow.user_id)
    rows = tx.execute(query.where(attempts_of(assignment_id, who)).order_by(SubmissionRow.number.desc())).all()
    return [row for row, _name in rows], {row.id: name or "" for row, name in rows if row.group_id is not None}


def get_attempt(tx: Tx, assignment_id: int, who: Learner, number: int) -> SubmissionRow:
    """One attempt of a learner. Raises: NotFound."""
    query = select(SubmissionRow).where(attempts_of(assignment_id, who), SubmissionRow.number == number)
    return pick_attempt(tx.scalars(query).all(), number)


def pick_attempt(attempts: Sequence[SubmissionRow], number: int) -> SubmissionRow:
    """One of a learner's attempts. Raises: NotFound."""
    row = next((each for each in attempts if each.number == number), None)
    if row is None:
        raise NotFound("submission_not_found", f"You have no attempt {number} of this quiz.")
    return row


def upload_as_files(assignment: AssignmentRow, filename: str, content: bytes) -> dict[str, bytes]:
    """An uploaded notebook under the name that it must have. Raises: Unacceptable."""
    if not _looks_like_a_notebook(content):
        raise Unacceptable(
            "not_a_notebook",
            f"{filename} is not a whole notebook, so it was not handed in and no attempt was used. Upload the .ipynb "
            "file that JupyterLab gives you under File, Download.",
        )
    names = [f"{name}.ipynb" for name in assignment.notebooks]
    if len(names) == 1:  # browsers rename downloads: "quiz-1 (2).ipynb"
        return {names[0]: content}
    if filename in names:
        return {filename: content}
    raise Unacceptable(
        "notebook_unknown", f"This quiz has the notebooks {', '.join(names)}. Upload one with one of these names."
    )


def _looks_like_a_notebook(content: bytes) -> bool:
    """Whether it may be one: marking looks closely, in a sandbox; here a wrong or broken file is found without parsing.

    https://nbformat.readthedocs.io/en/latest/format_description.html; "worksheets" is what format 3 has.
    """
    text = content.removeprefix(codecs.BOM_UTF8).strip()
    has_cells = b'"cells"' in text or b'"worksheets"' in text
    return text.startswith(b"{") and text.endswith(b"}") and has_cells


def same_click_id(tx: Tx, assignment: AssignmentRow, who: Learner, files: Files) -> str:
    """A request id for a form without one: the same files sent twice before the first are marked are one submission."""
    settled = [row.id for row in list_submissions(tx, assignment.id, who) if not row.state.is_busy]
    text = f"{assignment.id}:{snapshot_sha256(files)}:{len(settled)}"
    return "page-" + hashlib.sha256(text.encode()).hexdigest()[:32]


def _insert(
    tx: Tx,
    assignment: AssignmentRow,
    who: Submitter,
    party: Party,
    number: int,
    listing: Listing,
    sha256: str,
    via: str,
    request_id: str,
) -> SubmissionRow:
    row = SubmissionRow(
        placement_id=who.placement_id,
        assignment_id=assignment.id,
        user_id=who.user_id,
        hub_name=party.student,
        group_id=party.group_id,
        number=number,
        request_id=request_id,
        sha256=sha256,
        files=listing,
        receipt="",
        via=via,
        submitted_at=clock.now(),
        max_points=assignment.max_points,
    )
    tx.add(row)
    tx.flush()
    row.receipt = receipt_of(sha256, row.id)
    if party.group_id is not None:
        tx.add_all(ShareRow(submission_id=row.id, user_id=user_id) for user_id in party.user_ids)
        tx.flush()
    return row


def receipt_of(sha256: str, submission_id: int) -> str:
    """Eight signs that a person can read out: `7F3A-91BC`."""
    digest = hashlib.sha256(f"{sha256}:{submission_id}".encode()).hexdigest().upper()
    return f"{digest[:4]}-{digest[4:8]}"


def _find_request(tx: Tx, who: Learner, request_id: str) -> SubmissionRow | None:
    mine = (SubmissionRow.placement_id == who.placement_id, SubmissionRow.user_id == who.user_id)
    return tx.scalar(select(SubmissionRow).where(*mine, SubmissionRow.request_id == request_id))


def attempts_that_count_for(assignment_id: int, placement_id: int, party: Party) -> ColumnElement[bool]:
    """Which attempts were used up by a group or any of its members: the next one comes after all of them."""
    return and_(
        SubmissionRow.placement_id == placement_id,
        SubmissionRow.assignment_id == assignment_id,
        or_(SubmissionRow.hub_name == party.student, is_of(party.user_ids)),
    )


def _next_number(tx: Tx, assignment: AssignmentRow, terms: Terms, who: Learner, party: Party) -> int:
    theirs = attempts_that_count_for(assignment.id, who.placement_id, party)
    used: int = tx.scalar(select(func.coalesce(func.max(SubmissionRow.number), 0)).where(theirs)) or 0
    if terms.attempts_left(used) == 0:
        group = "of your group " if party.group_id is not None else ""
        raise Conflict(
            "attempts_used_up",
            f"All {terms.max_attempts} attempts {group}are used. Ask your teacher if you need another one.",
        )
    if terms.counts is Counts.FIRST and must_wait_for_first(
        terms, tx.scalars(select(SubmissionRow).where(theirs)).all()
    ):
        raise Conflict(
            "first_not_marked",
            "Your first attempt counts, and it is not marked completely yet. Hand in another one when it is.",
        )
    return used + 1


def _check_via(via: str, request_id: str) -> None:
    if via not in VIAS:
        raise Unacceptable("via_unknown", f"`via` is one of {', '.join(VIAS)}.")
    if not REQUEST_ID.fullmatch(request_id):
        raise Unacceptable("request_id_invalid", "`request_id` is a UUID.")


def _check_open(terms: Terms) -> None:
    if terms.is_closed(clock.now()):
        raise Conflict(
            "assignment_closed",
            "This quiz is closed; nothing can be submitted any more. Ask your teacher if that is a mistake.",
        )


def _check_notebooks(assignment: AssignmentRow, snapshot: Packed) -> None:
    names = [f"{name}.ipynb" for name in assignment.notebooks]
    sizes = {entry["path"]: entry["size"] for entry in snapshot.listing if entry["path"] in names}
    if not sizes:
        raise Unacceptable(
            "notebook_missing",
            f"There is no {' or '.join(names)} in what you sent. Give the notebook its old name back and submit again.",
        )
    for name, size in sizes.items():
        if size == 0:
            raise Unacceptable("notebook_empty", f"{name} is empty. Save the notebook, then submit again.")
