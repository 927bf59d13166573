"""What grading keeps about a person: to be handed out, and to be removed."""

from typing import Any

from sqlalchemy import Select, delete, func, select, update

from grading.comparing import erase_similarity, export_similarity
from grading.group_models import GroupMemberRow, GroupRow, GroupSetRow, ShareRow
from grading.messages import ForgetLearner
from grading.models import (
    AssignmentRow,
    BlobRow,
    DraftBlobRow,
    DraftRow,
    ExtensionRow,
    ResultRow,
    SubmissionRow,
)
from grading.packs import forget_packs
from grading.portable_models import ArrivedStudentRow
from grading.remarking import forget_person
from grading.remarking_rows import RemarkedRow, RemarkRow
from grading.rubric_models import RubricChoiceRow, RubricItemRow
from grading.submissions import is_of
from lti_tool.kernel import jobs
from lti_tool.kernel.db import Tx

AT_ONCE = 500
"""Hashes in one statement."""


def export_personal_data(tx: Tx, user_id: int) -> dict[str, Any]:
    """Submissions, results, drafts and extensions of a person; file names and hashes stand for the files."""
    query = select(SubmissionRow, AssignmentRow).join(AssignmentRow, AssignmentRow.id == SubmissionRow.assignment_id)
    submissions = [
        {
            "course": assignment.course_slug,
            "assignment": assignment.name,
            "placement_id": row.placement_id,
            "attempt": row.number,
            "handed_in_for_a_group": row.group_id is not None,
            "submitted_at": row.submitted_at.isoformat(),
            "receipt": row.receipt,
            "files": row.files,
            "state": row.state.value,
            "points": None if row.points is None else str(row.points),
            "max_points": str(row.max_points),
            "marks": row.marks,
            "cell_ms": row.cell_ms,
        }
        for row, assignment in tx.execute(query.where(is_of([user_id])).order_by(SubmissionRow.id))
    ]
    results = [
        {"assignment_id": row.assignment_id, "points": str(row.points), "recorded_at": row.recorded_at.isoformat()}
        for row in tx.scalars(select(ResultRow).where(ResultRow.user_id == user_id))
    ]
    drafts = [
        {"assignment_id": row.assignment_id, "saved_at": row.saved_at.isoformat(), "files": row.files}
        for row in tx.scalars(select(DraftRow).where(DraftRow.user_id == user_id))
    ]
    extensions = [
        {
            "assignment_id": row.assignment_id,
            "due_at": row.due_at.isoformat() if row.due_at else None,
            "closes_at": row.closes_at.isoformat() if row.closes_at else None,
            "more_attempts": row.more_attempts,
            "reason": row.reason,
            "granted_at": row.granted_at.isoformat(),
        }
        for row in tx.scalars(select(ExtensionRow).where(ExtensionRow.user_id == user_id))
    ]
    kept = {"submissions": submissions, "results": results, "drafts": drafts, "extensions": extensions}
    kept |= {"groups": _groups_of(tx, user_id)}
    kept |= {"nbgrader": [row.student_id for row in tx.scalars(_arrived(user_id))]}
    kept |= {"rubric": _chosen(tx, user_id), "marked_again": _marked_again(tx, user_id)}
    return kept | {"similar": export_similarity(tx, user_id)}


def _arrived(user_id: int) -> Select[ArrivedStudentRow]:
    """What they were called in nbgrader courses that came here."""
    return select(ArrivedStudentRow).where(ArrivedStudentRow.user_id == user_id)


def _groups_of(tx: Tx, user_id: int) -> list[dict[str, Any]]:
    """The groups that they are in now."""
    query = select(GroupSetRow.placement_id, GroupSetRow.name.label("set_name"), GroupRow.name)
    query = query.join(GroupRow, GroupRow.set_id == GroupSetRow.id)
    query = query.join(GroupMemberRow, GroupMemberRow.group_id == GroupRow.id).order_by(GroupRow.id)
    rows = tx.execute(query.where(GroupMemberRow.user_id == user_id))
    return [{"placement_id": row.placement_id, "set": row.set_name, "group": row.name} for row in rows]


def _leave_to_mates(tx: Tx, user_id: int) -> None:
    """What a group handed in is also its other members': one of them stands for who handed it in."""
    tx.execute(delete(ShareRow).where(ShareRow.user_id == user_id))
    heir = select(func.min(ShareRow.user_id)).where(ShareRow.submission_id == SubmissionRow.id).scalar_subquery()
    query = select(SubmissionRow, heir).where(SubmissionRow.user_id == user_id, SubmissionRow.group_id.is_not(None))
    for row, mate in tx.execute(query).all():
        if mate is not None:
            row.user_id, row.request_id = mate, f"left-{row.id:08d}"
            tx.execute(update(RemarkedRow).where(RemarkedRow.submission_id == row.id).values(user_id=mate))
    tx.flush()


def _chosen(tx: Tx, user_id: int) -> list[dict[str, Any]]:
    """The items of rubrics that were found to hold for this person's answers."""
    query = select(RubricItemRow).join(RubricChoiceRow, RubricChoiceRow.item_id == RubricItemRow.id)
    rows = tx.scalars(query.where(RubricChoiceRow.user_id == user_id).order_by(RubricItemRow.id))
    return [{"assignment_id": row.assignment_id, "question": row.cell, "item": row.label} for row in rows]


def _marked_again(tx: Tx, user_id: int) -> list[dict[str, Any]]:
    """What marking the person's attempts again gave, applied or not."""
    query = select(RemarkedRow, RemarkRow.started_at).join(RemarkRow, RemarkRow.id == RemarkedRow.remark_id)
    return [
        {
            "started_at": started_at.isoformat(),
            "submission_id": row.submission_id,
            "state": row.state.value,
            "old_points": None if row.old_points is None else str(row.old_points),
            "points": None if row.points is None else str(row.points),
            "cells": row.cells,
        }
        for row, started_at in tx.execute(query.where(RemarkedRow.user_id == user_id).order_by(RemarkedRow.id))
    ]


def erase_personal_data(tx: Tx, user_id: int) -> None:
    """Delete a person's work and marks, and files that nothing lists any more. Gradebooks follow by a job.

    What a group handed in stays, with its marks, for the other members.
    """
    _leave_to_mates(tx, user_id)
    kept_in = select(SubmissionRow.placement_id, SubmissionRow.hub_name).where(SubmissionRow.user_id == user_id)
    for placement_id, hub_name in tx.execute(kept_in.distinct()).all():
        jobs.enqueue(tx, ForgetLearner(placement_id, hub_name))
        forget_packs(tx, placement_id)
    for row in tx.scalars(_arrived(user_id)).all():
        for name in (row.hub_name, row.student_id):  # it may not be renamed yet
            if name:
                jobs.enqueue(tx, ForgetLearner(row.placement_id, name))
        forget_packs(tx, row.placement_id)
        tx.delete(row)
    forget_person(tx, user_id)
    drafts = select(DraftRow.id).where(DraftRow.user_id == user_id)
    tx.execute(delete(DraftBlobRow).where(DraftBlobRow.draft_id.in_(drafts)))
    erase_similarity(tx, user_id)
    for table in (ResultRow, DraftRow, ExtensionRow, RubricChoiceRow, GroupMemberRow):
        tx.execute(delete(table).where(table.user_id == user_id))
    tx.execute(delete(SubmissionRow).where(SubmissionRow.user_id == user_id))
    tx.flush()
    _remove_unused_files(tx)


def _remove_unused_files(tx: Tx) -> None:
    """Files that nothing lists any more: what was just erased, and pages of feedback that later ones replaced.

    They are held first and then looked for once more: whoever hands in the same file meanwhile holds it too
    (`filesets.store_files`), and has it listed or does not find it any more.
    """
    unused = sorted(set(tx.scalars(select(BlobRow.sha256))) - _listed(tx))
    for start in range(0, len(unused), AT_ONCE):
        some = BlobRow.sha256.in_(unused[start : start + AT_ONCE])
        tx.execute(select(BlobRow.sha256).where(some).order_by(BlobRow.sha256).with_for_update()).all()
    still = sorted(set(unused) - _listed(tx)) if unused else []
    for start in range(0, len(still), AT_ONCE):
        tx.execute(delete(BlobRow).where(BlobRow.sha256.in_(still[start : start + AT_ONCE])))


def _listed(tx: Tx) -> set[str]:
    """Hashes of all that anybody handed in and got back, and of the releases."""
    listings = [listing for row in tx.execute(select(SubmissionRow.files, SubmissionRow.feedback)) for listing in row]
    listings += tx.scalars(select(AssignmentRow.release))
    return {entry["sha256"] for listing in listings if listing for entry in listing}
