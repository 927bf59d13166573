"""The outlines and rules that hold, and how they are set."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import bindparam, select

from lti_tool.kernel import clock, jobs
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import NotFound
from plugins.progress.messages import SettleCourse
from plugins.progress.models import LearnerRow, OutlineRow, SettingsRow
from plugins.progress.outline import (
    ItemDef,
    OutlineDef,
    Rule,
    check_outline,
    date_items,
    dump_outline,
    dump_rule,
    load_outline,
    load_rule,
)

_AT = (
    select(OutlineRow.definition, SettingsRow)
    .outerjoin(SettingsRow, SettingsRow.placement_id == bindparam("placement_id"))
    .where(OutlineRow.course_slug == bindparam("course_slug"))
)


@dataclass(frozen=True)
class Course:
    """A course as it counts in one placement."""

    slug: str
    outline: OutlineDef
    rule: Rule
    items: Mapping[str, ItemDef]
    """By reference."""
    sends_score: bool = False

    def find_item(self, ref: str) -> ItemDef | None:
        """The item of that reference."""
        return self.items.get(ref)


def publish_outline(tx: Tx, course_slug: str, outline: OutlineDef) -> None:
    """Take over what a course consists of now. What learners have done stays; the rest is weighed anew by a job.

    Raises: Invalid.
    """
    check_outline(course_slug, outline)
    row = tx.get(OutlineRow, course_slug, with_for_update=True)
    before = load_outline(row.definition) if row else None
    said = dump_outline(date_items(outline, before, clock.now()))
    if row is None:
        row = OutlineRow(course_slug=course_slug, version=0, definition={})
        tx.add(row)
    elif row.definition == said:
        return
    row.version, row.definition, row.published_at = row.version + 1, said, clock.now()
    tx.flush()
    if before is not None:
        jobs.enqueue(tx, SettleCourse(course_slug))


def set_course(tx: Tx, course_slug: str, placement_id: int, *, rule: Rule | None, sends_score: bool) -> None:
    """What a teacher sets for their LMS course: another rule (None: the course's own), and whether the LMS gets scores.

    Raises: NotFound.
    """
    read_course_at(tx, course_slug, placement_id)
    row = tx.get(SettingsRow, placement_id, with_for_update=True)
    if row is None:
        row = SettingsRow(placement_id=placement_id, course_slug=course_slug, version=0, sends_score=False)
        tx.add(row)
    said = dump_rule(rule) if rule else None
    if (row.rule, row.sends_score) == (said, sends_score) and row.version:
        return
    row.rule, row.sends_score, row.version = said, sends_score, row.version + 1
    tx.flush()
    jobs.enqueue(tx, SettleCourse(course_slug, placement_id))


def copy_settings(tx: Tx, course_slug: str, origin_id: int, placement_id: int) -> None:
    """Have a placement begin with what a teacher has set in another one. What was set here already stays."""
    origin = tx.get(SettingsRow, origin_id)
    if origin is None or tx.get(SettingsRow, placement_id) is not None:
        return
    copied = SettingsRow(placement_id=placement_id, course_slug=course_slug, version=1)
    copied.rule, copied.sends_score = origin.rule, origin.sends_score
    tx.add(copied)
    tx.flush()
    jobs.enqueue(tx, SettleCourse(course_slug, placement_id))


def read_course_at(tx: Tx, course_slug: str, placement_id: int) -> Course:
    """The course in one placement. One query. Raises: NotFound."""
    found = tx.execute(_AT, {"course_slug": course_slug, "placement_id": placement_id}).one_or_none()
    if found is None:
        raise NotFound("outline_not_found", "This course has no content yet. It shows up here as soon as it has.")
    return _course(course_slug, load_outline(found[0]), found[1])


def read_courses(tx: Tx, places: Iterable[tuple[int, str]]) -> dict[int, Course]:
    """The courses of (placement id, course slug), by placement; those without an outline are left out."""
    slugs = dict(places)
    outlines = _read_outlines(tx, set(slugs.values()))
    query = select(SettingsRow).where(SettingsRow.placement_id.in_(slugs))
    settings = {row.placement_id: row for row in tx.scalars(query)} if outlines else {}
    found = {}
    for placement_id, slug in slugs.items():
        if slug in outlines:
            found[placement_id] = _course(slug, outlines[slug], settings.get(placement_id))
    return found


def _course(slug: str, outline: OutlineDef, row: SettingsRow | None) -> Course:
    rule = load_rule(row.rule) if row and row.rule else outline.rule
    items = {item.ref: item for item in outline.items}
    return Course(slug, outline, rule, items, sends_score=bool(row and row.sends_score))


def has_own_rule(tx: Tx, placement_id: int) -> bool:
    """Has the teacher set another rule than the course's?"""
    row = tx.get(SettingsRow, placement_id)
    return row is not None and row.rule is not None


def list_placements(tx: Tx, course_slug: str) -> list[int]:
    """Where learners have begun this course."""
    query = select(LearnerRow.placement_id).where(LearnerRow.course_slug == course_slug).distinct()
    return list(tx.scalars(query.order_by(LearnerRow.placement_id)))


def _read_outlines(tx: Tx, slugs: Collection[str]) -> dict[str, OutlineDef]:
    query = select(OutlineRow.course_slug, OutlineRow.definition).where(OutlineRow.course_slug.in_(slugs))
    return {slug: load_outline(said) for slug, said in tx.execute(query)}
