"""The page on which staff say that a quiz is done in groups, in which, and make groups where the LMS has none."""

from collections.abc import Mapping

from flask import Response, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from grading.access import get_placement, placement_of
from grading.blueprint import blueprint
from grading.group_lines import ReadLines, read_lines
from grading.group_models import LONGEST_NAME
from grading.group_pages import own_set_context, sets_context
from grading.group_sets import GroupSet, GroupWork, choose_set, list_sets, load_group_work, read_lms_groups
from grading.group_sets import save_own_set as save_set
from grading.staff_pages import learners_of
from lti_tool.kernel.audit import Actor, Via
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Conflict, NotFound
from lti_tool.kernel.permissions import Right
from lti_tool.lti import public as lti
from lti_tool.web.render import page
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import SignedIn, open_course, right_required

ALONE = "alone"


@blueprint.get("/<slug>/<name>/groups")
@right_required(Right.GRANT_EXTENSIONS)
def show_groups(slug: str, name: str) -> AnyResponse:
    """How the quiz is done, and in which groups."""
    return _page(open_course(slug), name)


@blueprint.post("/<slug>/<name>/groups")
@right_required(Right.GRANT_EXTENSIONS)
def choose_groups(slug: str, name: str) -> AnyResponse:
    """Have it done in the groups of a set, or alone."""
    session, chosen = open_course(slug), request.form.get("set", "")
    if chosen != ALONE and not _is_number(chosen):
        return _page(session, name, error=_("Choose how the quiz is done."))
    set_id = None if chosen == ALONE else int(chosen)
    by = Actor(f"{session.display_name} ({session.platform_name})", Via.COURSE, session.user_id)
    try:
        with current_runtime().db.transaction() as tx:
            choose_set(tx, load_group_work(tx, slug, name, placement_of(session)), placement_of(session), set_id, by)
    except Conflict as error:
        return _page(session, name, error=error.message, status=error.status)
    return redirect(url_for("grading.show_groups", slug=slug, name=name, saved=1), 303)


@blueprint.post("/<slug>/<name>/groups/read")
@right_required(Right.GRANT_EXTENSIONS)
def read_groups(slug: str, name: str) -> AnyResponse:
    """Take over the groups of the LMS."""
    session, runtime = open_course(slug), current_runtime()
    with runtime.db.reading() as tx:
        placement = get_placement(tx, session)
    read_lms_groups(runtime, placement)
    if request.args.get("then") == "extension":
        return redirect(url_for("grading.extend_groups", slug=slug, name=name, read=1), 303)
    return redirect(url_for("grading.show_groups", slug=slug, name=name, read=1), 303)


@blueprint.get("/<slug>/<name>/groups/own")
@right_required(Right.GRANT_EXTENSIONS)
def edit_own_set(slug: str, name: str) -> AnyResponse:
    """Groups that are made here: a new set, or the one of `set`."""
    session = open_course(slug)
    with current_runtime().db.reading() as tx:
        work, found, learners = _own(tx, session, name)
    filled = {user_id: group for group, ids in found.groups.items() for user_id in ids} if found else {}
    return _own_page(session, work, found, learners, found.name if found else "", filled)


@blueprint.post("/<slug>/<name>/groups/own")
@right_required(Right.GRANT_EXTENSIONS)
def save_own_set(slug: str, name: str) -> AnyResponse:
    """Keep them; or, with `do=read`, only fill them in from pasted lines. A line that is wrong keeps nothing."""
    session = open_course(slug)
    title = _text(request.form.get("name"))
    with current_runtime().db.transaction() as tx:
        work, found, learners = _own(tx, session, name)
        read = read_lines(request.form.get("lines", ""), learners)
        sent = {user_id: _text(request.form.get(f"group-{user_id}")) for user_id in learners} | read.groups
        problems = [("lines", text) for text in read.problems]
        is_preview = request.form.get("do") == "read"
        problems += [] if is_preview else _problems(title, sent)
        if not problems and not is_preview:
            _keep(tx, session, found, title, sent)
    if problems or is_preview:
        return _own_page(session, work, found, learners, title, sent, problems, read)
    return redirect(url_for("grading.show_groups", slug=slug, name=name, kept=1), 303)


def _keep(tx: Tx, session: SignedIn, found: GroupSet | None, title: str, sent: Mapping[int, str]) -> None:
    # who is not listed now (they left the course, it may be for a day) stays where they are
    others = {each: group for group, ids in found.groups.items() for each in ids} if found else {}
    kept = {user_id: group for user_id, group in others.items() if user_id not in sent}
    wanted = {user_id: group for user_id, group in sent.items() if group}
    save_set(tx, placement_of(session), found.id if found else None, title, kept | wanted)


def _own(tx: Tx, session: SignedIn, name: str) -> tuple[GroupWork, GroupSet | None, dict[int, lti.Person]]:
    """The quiz, the set that the address names, and the class. Raises: NotFound."""
    work = load_group_work(tx, session.course_slug or "", name, placement_of(session))
    wanted, found = request.args.get("set"), None
    if wanted is not None:
        sets = {str(each.id): each for each in list_sets(tx, placement_of(session)) if each.is_own}
        if wanted not in sets:
            raise NotFound("group_set_not_found", _("There is no such set of groups in your course."))
        found = sets[wanted]
    learners = {user_id: person for user_id, person in learners_of(tx, session).items() if not person.is_test}
    return work, found, learners


def _problems(title: str, sent: Mapping[int, str]) -> list[tuple[str, str]]:
    problems = []
    wanted = {user_id: group for user_id, group in sent.items() if group}
    if not title:
        problems.append(("name", _("Give this division a name, “Project teams” for one.")))
    elif len(title) > LONGEST_NAME:
        problems.append(("name", _("At most %(most)s characters.", most=LONGEST_NAME)))
    if not wanted:
        problems.append(("name", _("Write a group beside at least one learner.")))
    for user_id, group in wanted.items():
        if len(group) > LONGEST_NAME:
            problems.append((f"group-{user_id}", _("At most %(most)s characters.", most=LONGEST_NAME)))
    return problems


def _page(session: SignedIn, name: str, *, error: str | None = None, status: int | None = None) -> Response:
    with current_runtime().db.reading() as tx:
        work = load_group_work(tx, session.course_slug or "", name, placement_of(session))
        sets = list_sets(tx, placement_of(session))
        learners = learners_of(tx, session)
        offers = lti.offers_groups(tx, placement_of(session))
    said = {"saved": _("Saved."), "read": _("Read."), "kept": _("The groups are kept.")}
    return page(
        "grading/groups.html",
        status=status or (422 if error else 200),
        error=error,
        said=next((text for key, text in said.items() if key in request.args), None),
        **sets_context(session, work, sets, learners, offers),
    )


def _own_page(
    session: SignedIn,
    work: GroupWork,
    found: GroupSet | None,
    learners: Mapping[int, lti.Person],
    title: str,
    groups: Mapping[int, str],
    problems: list[tuple[str, str]] | None = None,
    read: ReadLines | None = None,
) -> Response:
    context = own_set_context(work, found, learners, title, groups, read)
    return page("grading/own_groups.html", status=422 if problems else 200, errors=problems or [], **context)


def _text(value: str | None) -> str:
    return " ".join((value or "").replace("\0", "").split())


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10
