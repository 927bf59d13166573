"""What progress does about messages."""

from sqlalchemy import delete, select, tuple_

from grading.messages import GradeRecorded
from lti_tool.contract import Recurring
from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx, affect
from lti_tool.kernel.jobs import JobRun
from lti_tool.kernel.messages import Handler
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti import public as lti
from lti_tool.lti.messages import ContextLinked, LinkLaunched
from plugins.progress.courses import copy_settings, read_courses
from plugins.progress.grades import read_grade
from plugins.progress.merging import NAMES, Facts, conclude
from plugins.progress.messages import SettleCourse
from plugins.progress.models import ItemRow, LearnerRow, TimeRow
from plugins.progress.outbox import want_score
from plugins.progress.ranges import BLOCK_S
from plugins.progress.recording import LATEST_SAVE, record, write_items
from plugins.progress.settling import Standing, announce_items, settle, write_learners

AT_ONCE = 100
"""Learners that are settled in one transaction."""
FORGET_S = 24 * 3600.0


def take_over_grade(run: JobRun, fact: GradeRecorded) -> None:
    """A quiz was marked: its item is done if that is enough."""
    with run.runtime.db.transaction() as tx:
        run.finish(tx)
        change = read_grade(tx, fact)
        if change is not None:
            record(tx, [change])


def settle_course(run: JobRun, message: SettleCourse) -> None:
    """The outline or the rule is another one: weigh every learner anew, some at a time."""
    last: tuple[int, int] | None = (0, 0)
    while last is not None:
        with run.runtime.db.transaction() as tx:
            last = _settle_some(tx, message, last)
            if last is None:
                run.finish(tx)


def send_to_launched_link(run: JobRun, message: LinkLaunched) -> None:
    """What a learner has reached already goes to a new activity that shows the whole course too."""
    prefix, _, slug = message.item_ref.partition("/")
    if prefix != "courses" or not slug or "/" in slug or message.placement_id is None:
        return
    with run.runtime.db.transaction() as tx:
        run.finish(tx)
        course = read_courses(tx, [(message.placement_id, slug)]).get(message.placement_id)
        row = tx.get(LearnerRow, (message.placement_id, message.user_id), with_for_update=True)
        if course is not None and course.sends_score and row is not None:
            place = (row.placement_id, row.user_id, slug)
            want_score(tx, *place, row.percent, row.done_at, afresh=message.link_id)


def copy_settings_of_context(run: JobRun, fact: ContextLinked) -> None:
    """An LMS course was copied: when its courses count as finished, and whether the LMS gets scores, is as it was."""
    with run.runtime.db.transaction() as tx:
        run.finish(tx)
        origins = {each.course_slug: each.id for each in lti.list_placements_of(tx, fact.origin_id)}
        for placement in lti.list_placements_of(tx, fact.context_id):
            if placement.course_slug in origins:
                copy_settings(tx, placement.course_slug, origins[placement.course_slug], placement.id)


def forget_old_time(runtime: Runtime) -> None:
    """Drop what time spent was compared with, once no save that old is counted any more. The sums stay."""
    oldest = int((clock.now() - LATEST_SAVE).timestamp()) // BLOCK_S - 1
    with runtime.db.transaction() as tx:
        affect(tx, delete(TimeRow).where(TimeRow.block < oldest))


HANDLERS = (
    Handler("progress.take_over_grade", GradeRecorded, take_over_grade),
    Handler("progress.settle_course", SettleCourse, settle_course),
    Handler("progress.send_to_launched_link", LinkLaunched, send_to_launched_link, queue="passback"),
    Handler("progress.copy_settings", ContextLinked, copy_settings_of_context),
)
RECURRING = (Recurring("progress.forget_old_time", FORGET_S, forget_old_time),)


def _settle_some(tx: Tx, message: SettleCourse, last: tuple[int, int]) -> tuple[int, int] | None:
    """The next learners after `last` (placement, user); returns the last of them, None when there are no more."""
    key = tuple_(LearnerRow.placement_id, LearnerRow.user_id)
    query = select(LearnerRow).where(LearnerRow.course_slug == message.course_slug, key > last)
    if message.placement_id is not None:
        query = query.where(LearnerRow.placement_id == message.placement_id)
    query = query.order_by(LearnerRow.placement_id, LearnerRow.user_id).limit(AT_ONCE).with_for_update()
    standings = [Standing.of(row) for row in tx.scalars(query)]
    if not standings:
        return None
    courses = read_courses(tx, {(one.placement_id, one.course_slug) for one in standings})
    columns = [getattr(ItemRow, name) for name in NAMES]
    mine = tuple_(ItemRow.placement_id, ItemRow.user_id).in_([(one.placement_id, one.user_id) for one in standings])
    changed = []
    for row in tx.execute(select(*columns).where(mine)):
        facts, course = Facts(**row._mapping), courses.get(row.placement_id)
        item = course.find_item(facts.ref) if course else None
        if course is not None and item is not None:
            before = facts.values()
            conclude(facts, item, course.rule)
            if facts.values() != before:
                changed.append(facts)
    announce_items(tx, changed)
    write_items(tx, changed)
    settle(tx, standings, courses)
    write_learners(tx, standings)
    return standings[-1].placement_id, standings[-1].user_id
