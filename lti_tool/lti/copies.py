"""Courses that were copied in the LMS: found by what a launch or a notice says, linked when a teacher agrees.

A copy shows the same content at once; what learners did stays with the course that it was copied from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import InstrumentedAttribute

from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Conflict, NotFound
from lti_tool.kernel.jobs import JobRun, emit
from lti_tool.kernel.upsert import upsert
from lti_tool.lti.claims_more import HistoryClaim
from lti_tool.lti.messages import ActOnNotice, ContextLinked
from lti_tool.lti.models import Context, Link, Placement
from lti_tool.lti.models_services import ContextCopy, CopyState, Notice
from lti_tool.lti.notices import CONTEXT_COPY
from lti_tool.lti.people import record_placement


@dataclass(frozen=True)
class Copy:
    """A copied course, for the page that asks about it."""

    origin_id: int
    origin_title: str
    state: CopyState


def learn_copy(tx: Tx, context_id: int, history: HistoryClaim) -> Copy | None:
    """What is known about where a course was copied from. A course that has been used here was not copied just now."""
    if history.course:
        context = tx.get_one(Context, context_id)
        if context.lms_course != history.course:
            context.lms_course = history.course
    found = find_copy(tx, context_id)
    if found is not None or not (history.contexts or history.previous_courses) or _is_used(tx, context_id):
        return found
    context = tx.get_one(Context, context_id)
    origin = _find_used(tx, context, Context.context_id, history.contexts)
    origin = origin or _find_used(tx, context, Context.lms_course, history.previous_courses)
    return _offer(tx, context_id, origin) if origin else None


def find_copy(tx: Tx, context_id: int) -> Copy | None:
    """The course that one was copied from, if that is known."""
    query = (
        select(ContextCopy, Context.title)
        .join(Context, Context.id == ContextCopy.origin_id)
        .where(ContextCopy.context_id == context_id)
    )
    row = tx.execute(query).one_or_none()
    return Copy(row[0].origin_id, row[1], row[0].state) if row else None


def inherit_item(tx: Tx, link: Link, copy: Copy, history: HistoryClaim) -> None:
    """Have an activity that names nothing show what the one that it was copied from shows.

    That one is known by the platform's history of the activity; of platforms that keep none (Moodle, Canvas), by its
    title, if only one activity of the old course has it.
    """
    if link.item_ref is not None or copy.state is CopyState.SEPARATE:
        return
    old = (Link.context_id == copy.origin_id, Link.item_ref.is_not(None))
    if history.links:
        refs = {
            row.resource_link_id: row.item_ref
            for row in tx.scalars(select(Link).where(*old, Link.resource_link_id.in_(history.links)))
        }
        link.item_ref = next((refs[each] for each in history.links if each in refs), None)
    elif link.title:
        same = tx.scalars(select(Link.item_ref).where(*old, Link.title == link.title).limit(2)).all()
        link.item_ref = same[0] if len(same) == 1 else None
    link.is_inherited = link.item_ref is not None
    tx.flush()


def link_copy(tx: Tx, context_id: int) -> None:
    """Use the old course's content and settings in the copy. Raises: NotFound, Conflict: it was decided otherwise."""
    copy = _decide(tx, context_id, CopyState.LINKED)
    if copy is None:
        return
    slugs = select(Placement.course_slug).where(Placement.context_id == copy.origin_id).order_by(Placement.id)
    for slug in tx.scalars(slugs).all():
        record_placement(tx, context_id, slug)
    emit(tx, ContextLinked(context_id, copy.origin_id))


def separate_copy(tx: Tx, context_id: int) -> None:
    """Begin anew in the copy: what its activities took over is forgotten. Raises: NotFound, Conflict."""
    if _decide(tx, context_id, CopyState.SEPARATE) is not None:
        inherited = (Link.context_id == context_id, Link.is_inherited)
        tx.execute(update(Link).where(*inherited).values(item_ref=None, is_inherited=False))


def act_on_notice(run: JobRun, message: ActOnNotice) -> None:
    """Handle `ActOnNotice`: a copied course is offered its content before anybody has launched there."""
    with run.runtime.db.transaction() as tx:
        run.finish(tx)
        notice = tx.get(Notice, message.notice_row_id)
        if notice is None or notice.handled_at is not None:
            return
        notice.handled_at = clock.now()
        if notice.notice_type == CONTEXT_COPY and notice.facts["origins"]:
            _offer_by_notice(tx, notice)


def _offer_by_notice(tx: Tx, notice: Notice) -> None:
    key = {"deployment_row_id": notice.deployment_row_id, "context_id": notice.facts["context"]}
    told = tx.scalar(select(Context).filter_by(**key))
    probe = told or Context(registration_id=notice.registration_id, **key)
    origin = _find_used(tx, probe, Context.context_id, notice.facts["origins"])
    if origin is None or (told and (_is_used(tx, told.id) or find_copy(tx, told.id))):
        return
    initial = {"registration_id": notice.registration_id, "title": notice.facts["title"]}
    context_id = told.id if told else upsert(tx, Context, key, {}, initial=initial)
    _offer(tx, context_id, origin)


def _decide(tx: Tx, context_id: int, state: CopyState) -> ContextCopy | None:
    """Move on from `offered`; None if it was decided so already."""
    row = tx.get(ContextCopy, context_id, with_for_update=True)
    if row is None:
        raise NotFound("copy_not_found", "This course was not copied from one that is known here.")
    if row.state is state:
        return None
    if row.state is not CopyState.OFFERED:
        raise Conflict("copy_decided", "Somebody has decided this already. Open the activity again from your course.")
    row.state = state
    tx.flush()
    return row


def _offer(tx: Tx, context_id: int, origin: Context) -> Copy:
    initial = {"origin_id": origin.id, "state": CopyState.OFFERED, "found_at": clock.now()}
    upsert(tx, ContextCopy, {"context_id": context_id}, {}, initial=initial)
    return Copy(origin.id, origin.title, CopyState.OFFERED)


def _is_used(tx: Tx, context_id: int) -> bool:
    return tx.scalar(select(Placement.id).where(Placement.context_id == context_id).limit(1)) is not None


def _find_used(tx: Tx, copy: Context, column: InstrumentedAttribute[Any], ids: Sequence[str]) -> Context | None:
    """The first of these courses of the platform that uses a course of ours; its own installation before others."""
    if not ids:
        return None
    query = (
        select(Context)
        .where(Context.registration_id == copy.registration_id, column.in_(ids))
        .where(Context.id.in_(select(Placement.context_id)))
    )
    if copy.id is not None:
        query = query.where(Context.id != copy.id)
    attribute = column.key
    found = sorted(
        tx.scalars(query),
        key=lambda each: (
            ids.index(getattr(each, attribute)),
            each.deployment_row_id != copy.deployment_row_id,
            each.id,
        ),
    )
    return found[0] if found else None
