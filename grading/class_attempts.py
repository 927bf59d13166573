"""The attempts of a class at one quiz, by whom they belong to: a group's to each of its members."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, defer

from grading.group_models import GroupRow, ShareRow
from grading.group_work import HandedIn
from grading.models import SubmissionRow
from lti_tool.kernel.db import Tx


@dataclass(frozen=True)
class ClassAttempts:
    """What the learners of a class handed in for a quiz."""

    by_learner: dict[int, list[SubmissionRow]] = field(default_factory=dict)
    """By user id, newest first; a group's attempt stands with each member of then."""
    groups: dict[int, HandedIn] = field(default_factory=dict)
    """Of the attempts that are a group's, by id of the submission."""

    def owners_of(self, row: SubmissionRow) -> tuple[int, ...]:
        """Whose it is."""
        return self.groups[row.id].user_ids if row.id in self.groups else (row.user_id,)

    def list_units(self) -> list[tuple[int, ...]]:
        """The learners, those together whose newest attempt is one and the same group's."""
        units: dict[str, list[int]] = {}
        for user_id, rows in self.by_learner.items():
            units.setdefault(rows[0].hub_name if rows[0].group_id is not None else f"{user_id}", []).append(user_id)
        return [tuple(unit) for unit in units.values()]

    def attempts_of(self, unit: Sequence[int]) -> list[SubmissionRow]:
        """Everything that a unit handed in, newest first, each once."""
        found = {row.id: row for user_id in unit for row in self.by_learner.get(user_id, [])}
        return sorted(found.values(), key=lambda row: (row.number, row.id), reverse=True)

    def say_whose(self, row: SubmissionRow, names: Mapping[int, str]) -> str:
        """The learner's name, or the group's with those of its members."""
        if row.id not in self.groups:
            return names.get(row.user_id, "")
        return self.groups[row.id].say(names)


def load_class_attempts(
    tx: Tx,
    placement_id: int,
    assignment_id: int,
    learners: Collection[int],
    without: Sequence[InstrumentedAttribute[Any]],
) -> ClassAttempts:
    """The attempts of these learners; one query. `without`: large columns that are not needed."""
    query = (
        select(SubmissionRow, GroupRow.name, ShareRow.user_id)
        .outerjoin(GroupRow, GroupRow.id == SubmissionRow.group_id)
        .outerjoin(ShareRow, ShareRow.submission_id == SubmissionRow.id)
        .where(SubmissionRow.placement_id == placement_id, SubmissionRow.assignment_id == assignment_id)
        .options(*(defer(column) for column in without))
        .order_by(SubmissionRow.number.desc(), SubmissionRow.id.desc(), ShareRow.user_id)
    )
    found = ClassAttempts()
    for row, name, sharer in tx.execute(query):
        owner = row.user_id if sharer is None else sharer
        if name is not None and sharer is not None:
            before = found.groups.get(row.id, HandedIn(name, ()))
            found.groups[row.id] = HandedIn(name, (*before.user_ids, sharer))
        if owner in learners:
            found.by_learner.setdefault(owner, []).append(row)
    return found
