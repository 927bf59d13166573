"""Drafts: the newest work of a learner as Jupyter saved it, and nothing older."""

from datetime import datetime

from sqlalchemy import Select, delete, insert, select
from sqlalchemy.exc import IntegrityError

from grading.filesets import Packed, unpack
from grading.models import AssignmentRow, DraftBlobRow, DraftRow
from grading.submissions import Learner
from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Conflict, NotFound


def save_draft(tx: Tx, assignment: AssignmentRow, who: Learner, draft: Packed, saved_at: datetime) -> datetime:
    """Keep a learner's newest work. An older save than the one kept changes nothing. Returns the time of the one kept.

    A time in the future (a wrong clock) counts as now, or it would block every later save.
    """
    saved_at = min(saved_at, clock.now())
    for _ in range(2):
        row = tx.scalar(_query(assignment.id, who).with_for_update())
        if row is not None:
            if saved_at > row.saved_at:
                row.files, row.saved_at = draft.listing, saved_at
                _replace_content(tx, row, draft)
            return row.saved_at
        try:
            with tx.begin_nested():
                row = DraftRow(
                    placement_id=who.placement_id,
                    assignment_id=assignment.id,
                    user_id=who.user_id,
                    saved_at=saved_at,
                    files=draft.listing,
                )
                tx.add(row)
                tx.flush()
                _replace_content(tx, row, draft)
            return saved_at
        except IntegrityError:  # two first saves at once: the other one is there now
            continue
    raise Conflict("draft_busy", "The draft is being saved elsewhere. Save again.")


def find_draft(tx: Tx, assignment_id: int, who: Learner) -> DraftRow | None:
    """The newest saved work of a learner."""
    return tx.scalar(_query(assignment_id, who))


def load_draft(tx: Tx, row: DraftRow) -> dict[str, bytes]:
    """The files of a draft."""
    rows = tx.execute(select(DraftBlobRow.sha256, DraftBlobRow.packed).where(DraftBlobRow.draft_id == row.id))
    return unpack(row.files, {found.sha256: found.packed for found in rows})


def draft_files(tx: Tx, assignment_id: int, who: Learner) -> dict[str, bytes]:
    """The saved work itself. Raises: NotFound."""
    row = find_draft(tx, assignment_id, who)
    if row is None:
        raise NotFound(
            "draft_not_found", "Nothing is saved yet. Open the notebook in JupyterHub and save it, then submit."
        )
    return load_draft(tx, row)


def _query(assignment_id: int, who: Learner) -> Select[DraftRow]:
    return select(DraftRow).where(
        DraftRow.placement_id == who.placement_id,
        DraftRow.assignment_id == assignment_id,
        DraftRow.user_id == who.user_id,
    )


def _replace_content(tx: Tx, row: DraftRow, draft: Packed) -> None:
    """Delete what the draft no longer has, and add what it has not had yet: most files stay from save to save."""
    mine = DraftBlobRow.draft_id == row.id
    known = set(tx.scalars(select(DraftBlobRow.sha256).where(mine)))
    gone = known - draft.blobs.keys()
    if gone:
        tx.execute(delete(DraftBlobRow).where(mine, DraftBlobRow.sha256.in_(gone)))
    fresh = [{"draft_id": row.id, **draft.blobs[sha256]} for sha256 in sorted(draft.blobs.keys() - known)]
    if fresh:
        tx.execute(insert(DraftBlobRow), fresh)
