"""Rubrics: items with points that teachers make while they mark, and which of them hold for whose answer.

A rubric belongs to one question in one placement. Points that were given stay when an item is changed or removed.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, and_, delete, select

from grading.engine.hand_marks import CellRef
from grading.rubric_models import RubricChoiceRow, RubricItemRow
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Conflict
from lti_tool.kernel.upsert import insert_new

MOST_ITEMS = 30
LONGEST_LABEL = 300


@dataclass(frozen=True)
class RubricOf:
    """The question that a rubric is for."""

    placement_id: int
    assignment_id: int
    ref: CellRef


@dataclass(frozen=True)
class RubricItem:
    """An item as the page shows it."""

    id: int
    label: str
    points: Decimal
    version: int
    is_chosen: bool


@dataclass(frozen=True)
class RubricLine:
    """An item as the teacher wants it."""

    id: int | None
    """None: a new one."""
    version: int
    label: str
    """Empty: take the item away."""
    points: Decimal


def load_rubric(tx: Tx, of: RubricOf, user_id: int) -> list[RubricItem]:
    """The items in order, with what was chosen for one learner; one query."""
    mine = and_(RubricChoiceRow.item_id == RubricItemRow.id, RubricChoiceRow.user_id == user_id)
    query = select(RubricItemRow, RubricChoiceRow.user_id).outerjoin(RubricChoiceRow, mine)
    rows = tx.execute(query.where(*_items(of)).order_by(RubricItemRow.position, RubricItemRow.id))
    return [RubricItem(row.id, row.label, row.points, row.version, chosen is not None) for row, chosen in rows]


def change_rubric(tx: Tx, of: RubricOf, lines: Sequence[RubricLine]) -> None:
    """Change the items that these lines name, and add new ones.

    Raises: Conflict: somebody else has changed one of the items since it was shown, or there are too many. To be rolled
    back then.
    """
    rows = {row.id: row for row in tx.scalars(select(RubricItemRow).where(*_items(of)).with_for_update())}
    for line in lines:
        if line.id is None:
            _add(tx, of, rows, line)
            continue
        row = rows.get(line.id)
        if row is None and not line.label:
            continue
        if row is None or row.version != line.version:
            raise Conflict("rubric_changed", _("Somebody else has changed the rubric meanwhile. Look at it again."))
        if line.label:
            row.label, row.points, row.version = line.label, line.points, row.version + 1
        else:
            tx.execute(delete(RubricChoiceRow).where(RubricChoiceRow.item_id == row.id))
            tx.delete(row)
    tx.flush()


def _add(tx: Tx, of: RubricOf, rows: dict[int, RubricItemRow], line: RubricLine) -> None:
    """A form that is sent twice adds an item once."""
    if not line.label or any((row.label, row.points) == (line.label, line.points) for row in rows.values()):
        return
    if len(rows) >= MOST_ITEMS:
        raise Conflict("rubric_full", _("A rubric has at most %(most)s items.", most=MOST_ITEMS))
    row = RubricItemRow(
        placement_id=of.placement_id,
        assignment_id=of.assignment_id,
        notebook=of.ref.notebook,
        cell=of.ref.grade_id,
        position=max((each.position for each in rows.values()), default=0) + 1,
        label=line.label,
        points=line.points,
        version=1,
    )
    tx.add(row)
    tx.flush()
    rows[row.id] = row


def choose_items(tx: Tx, of: RubricOf, user_id: int, chosen: Collection[int]) -> None:
    """Write down which items hold for a learner's answer. Ids of other questions count for nothing."""
    known = set(tx.scalars(select(RubricItemRow.id).where(*_items(of))))
    mine = RubricChoiceRow.user_id == user_id
    tx.execute(delete(RubricChoiceRow).where(mine, RubricChoiceRow.item_id.in_(known - set(chosen))))
    for item_id in sorted(known & set(chosen)):
        insert_new(tx, RubricChoiceRow, {"item_id": item_id, "user_id": user_id})


def sum_of(items: Collection[RubricItem], chosen: Collection[int], most: Decimal) -> Decimal:
    """The points of the chosen items, not less than 0 and not more than the question is worth."""
    total = sum((item.points for item in items if item.id in chosen), Decimal(0))
    return min(max(total, Decimal(0)), most)


def _items(of: RubricOf) -> tuple[ColumnElement[bool], ...]:
    return (
        RubricItemRow.placement_id == of.placement_id,
        RubricItemRow.assignment_id == of.assignment_id,
        RubricItemRow.notebook == of.ref.notebook,
        RubricItemRow.cell == of.ref.grade_id,
    )
