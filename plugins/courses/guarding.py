"""What courses decide about the pages of others.

A quiz that is closed to a learner, or a draft, is closed wherever grading shows it: as a page and in Jupyter. Files and
videos of a course that several platforms use are changed by none of them.
"""

from collections.abc import Collection
from dataclasses import dataclass

from flask import Flask, redirect, request, url_for
from flask.blueprints import BlueprintSetupState
from flask_babel import gettext as _
from sqlalchemy import String, bindparam, cast, or_, select
from werkzeug.wrappers import Response

from grading import public as grading
from lti_tool.kernel import clock
from lti_tool.kernel.errors import Forbidden, NotFound
from lti_tool.kernel.runtime import Runtime
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import SignedIn, find_current_session
from plugins.courses.blueprint import blueprint
from plugins.courses.editing import require_own
from plugins.courses.models import Admission, Course, Item, Module, PartState
from plugins.courses.reading import Reader, read_course, ref_of, ref_to
from plugins.courses.service import find_course, get_outline
from plugins.progress import public as progress

KEPT_OPEN = ("grading.show_feedback", "grading.show_marked_notebook")
"""What somebody handed in stays theirs to read."""
OWN_CHOICES = ("video.keep_preference",)
"""Changes nothing of the course."""
MOST_KEPT = 5000
KEPT_S = 5
"""How long a process goes by what it has read of a course."""
_limited: dict[tuple[str, str], tuple[float, "_Limits"]] = {}
NO_CONDITION = "[]"
"""What an empty list is in a column of JSON."""
_LIMITED = (
    select(Course.slug, Item.slug, Item.assignment)
    .join(Module, Module.id == Item.module_id)
    .join(Course, Course.id == Item.course_id)
    .where(
        Course.slug.in_(bindparam("slugs", expanding=True)),
        or_(
            Course.state == PartState.DRAFT,
            Course.admission == Admission.PAID,
            Item.state == PartState.DRAFT,
            Item.release_at.is_not(None),
            Module.release_at.is_not(None),
            cast(Item.after, String) != NO_CONDITION,
            cast(Module.after, String) != NO_CONDITION,
        ),
    )
)
"""Items that `access.may_be_closed` is true of, and those of courses that are."""


@blueprint.before_app_request
def guard_others() -> Response | None:
    """What a request to another plugin is refused for, or where it is led instead. Raises: Forbidden."""
    endpoint = request.endpoint or ""
    owner = endpoint.partition(".")[0]
    if owner == "grading":
        return lead_from_closed_quiz(endpoint)
    if endpoint == "progress.mark_item":
        refuse_mark_on_closed_item()
    if owner in ("files", "video"):
        refuse_change_to_shared_course(endpoint)
    return None


def lead_from_closed_quiz(endpoint: str) -> Response | None:
    """Lead a learner from a closed quiz to the page that says why."""
    session = find_current_session()
    name, slug = (request.view_args or {}).get("name"), session.course_slug if session else None
    if session is None or slug is None or name is None or not session.role.is_learner:
        return None
    if endpoint in KEPT_OPEN or name not in _read_limits(current_runtime(), {slug})[slug].quizzes:
        return None
    item_slug = _list_closed(slug, session).get(name)
    return redirect(url_for("courses.show_item", slug=slug, item_slug=item_slug), 303) if item_slug else None


def refuse_mark_on_closed_item() -> None:
    """Raises: Forbidden: a learner says that they have done what is closed to them, which would open what follows."""
    session = find_current_session()
    slug = (request.view_args or {}).get("slug")
    if session is None or slug is None or slug != session.course_slug or not session.role.is_learner:
        return
    with current_runtime().db.reading() as tx:
        is_closed = find_course(tx, slug) and request.form.get("item") in read_course(tx, session, slug).locks
    if is_closed:
        raise Forbidden("item_closed", _("This is not open to you yet. Its page says when it is."))


def refuse_change_to_shared_course(endpoint: str) -> None:
    """Raises: Forbidden: staff of one platform changes a file or video that others see too."""
    if request.method not in ("POST", "PATCH", "DELETE"):
        return
    session = find_current_session()
    if session is None or session.course_slug is None or not session.role.is_staff or endpoint in OWN_CHOICES:
        return
    with current_runtime().db.reading() as tx:
        course = find_course(tx, session.course_slug)
        if course is not None:
            require_own(tx, course, session.registration_id)


def list_closed_to(slug: str, who: grading.Caller) -> frozenset[str]:
    """The quizzes that a person's single-user server neither gets nor hands in."""
    if who.role.is_staff or not _read_limits(current_runtime(), {slug})[slug].quizzes:
        return frozenset()
    return frozenset(_list_closed(slug, who))


@blueprint.record_once
def _add_gate(state: BlueprintSetupState) -> None:
    assert isinstance(state.app, Flask)
    grading.add_gate(state.app, list_closed_to)
    progress.add_gate(state.app, progress.Gate(list_limited_items, list_closed_items))


def _list_closed(slug: str, who: Reader) -> dict[str, str]:
    """Slugs of the items whose quizzes are closed to a person, by assignment."""
    with current_runtime().db.reading() as tx:
        try:
            outline = get_outline(tx, slug)
        except NotFound:
            return {}
        items = {item.assignment: item for item in outline.items if item.assignment}
        shown = outline.published().items if outline.course.state is PartState.PUBLISHED else []
        locks = read_course(tx, who, slug).locks if shown else {}
        return {name: item.slug for name, item in items.items() if item not in shown or item.slug in locks}


def list_limited_items(runtime: Runtime, slugs: Collection[str]) -> frozenset[str]:
    """The items of courses that are closed to some learner at some time."""
    return frozenset[str]().union(*(limits.refs for limits in _read_limits(runtime, slugs).values()))


def list_closed_items(session: SignedIn, slug: str, refs: Collection[str]) -> frozenset[str]:
    """Those of the items that are closed to the learner of a session: nothing that is said of them counts."""
    if session.role.is_staff:
        return frozenset()
    with current_runtime().db.reading() as tx:
        try:
            reading = read_course(tx, session, slug)
        except NotFound:
            return frozenset(refs)
    open_refs = {ref_of(slug, item) for item in reading.outline.items if item.slug not in reading.locks}
    return frozenset(refs) - open_refs


@dataclass(frozen=True)
class _Limits:
    """What of a course is closed to somebody at some time."""

    quizzes: frozenset[str]
    """Assignments."""
    refs: frozenset[str]
    """Of items."""


def _read_limits(runtime: Runtime, slugs: Collection[str]) -> dict[str, _Limits]:
    """Of each of the courses, from memory or with one query for all others."""
    now, url = clock.now().timestamp(), runtime.settings.database.url
    kept = {slug: _limited.get((url, slug)) for slug in slugs}
    found = {slug: limits for slug, entry in kept.items() if entry for at, limits in [entry] if 0 <= now - at < KEPT_S}
    missing = [slug for slug in slugs if slug not in found]
    if missing:
        if len(_limited) > MOST_KEPT:
            _limited.clear()
        quizzes: dict[str, set[str]] = {slug: set() for slug in missing}
        refs: dict[str, set[str]] = {slug: set() for slug in missing}
        with runtime.db.reading() as tx:
            rows = tx.execute(_LIMITED, {"slugs": missing}).all()
        for slug, item_slug, assignment in rows:
            refs[slug].add(ref_to(slug, item_slug))
            if assignment:
                quizzes[slug].add(assignment)
        for slug in missing:
            found[slug] = _Limits(frozenset(quizzes[slug]), frozenset(refs[slug]))
            _limited[url, slug] = (now, found[slug])
    return found
