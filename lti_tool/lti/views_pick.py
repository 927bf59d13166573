"""The picker: of deep linking, and of an activity that shows nothing yet."""

from typing import Any

from flask import Response, request, url_for
from flask_babel import gettext as _

from lti_tool.contract import Choice, Contents
from lti_tool.kernel.errors import AppError, Invalid, NotFound
from lti_tool.lti.blueprint import BLUEPRINT
from lti_tool.lti.deep_linking import Problem, sign_response
from lti_tool.lti.picking import (
    group_choices,
    in_order,
    list_choices,
    matching,
    place_in_link,
    require_choices,
    require_picker,
    spend_selection,
    takes_activities,
)
from lti_tool.lti.registrations import get_registration
from lti_tool.lti.views import see_other
from lti_tool.lti.way_back import NOT_FOUND, NOT_TAKEN, NOTHING_HERE, button_back, find_problem
from lti_tool.web.render import page
from lti_tool.web.runtime import current_plugins, current_runtime
from lti_tool.web.session import (
    BROWSER_COOKIE,
    TOKEN_KEY,
    SignedIn,
    current_session,
    digest_of,
    session_path,
    start_session,
)

FEW = 12
"""So many choices are seen at one glance and need no search."""


@BLUEPRINT.get("/lti/pick")
def pick() -> Response:
    """Show what can be placed."""
    session = current_session()
    require_picker(session)
    if not takes_activities(session):
        return _nothing_taken(session)
    return _show(session, request.args.get("course", ""), None)


@BLUEPRINT.post("/lti/pick")
def choose() -> Response:
    """Take the choice: answer the LMS, or fill the activity."""
    session = current_session()
    require_picker(session)
    if not takes_activities(session):
        return _nothing_taken(session)
    try:
        with current_runtime().db.reading() as tx:
            choices = require_choices(tx, _contents(), session, _ticked())
    except (Invalid, NotFound) as error:
        return _show(session, request.args.get("course", ""), error)
    return _place(session, choices[0]) if session.deep_linking is None else _answer(session, choices)


def _ticked() -> list[str]:
    return in_order(request.form.getlist("item"), request.form.get("order", ""))


@BLUEPRINT.post("/lti/pick/cancel")
def cancel() -> Response:
    """Go back to the LMS with nothing; the LMS is told why, if it was not the teacher's wish."""
    session = current_session()
    require_picker(session)
    if session.deep_linking is None:
        return see_other(url_for("lti.pick"))
    return _answer(session, [], find_problem(session, request.form))


def _answer(session: SignedIn, choices: list[Choice], problem: Problem | None = None) -> Response:
    """To the LMS with the answer. The selection is spent last: whatever fails before can be tried again."""
    runtime, selection = current_runtime(), session.deep_linking or {}
    with runtime.db.reading() as tx:
        registration = get_registration(tx, session.registration_id)
    is_saved = selection.get("auto_create", False)
    word = ", ".join(choice.title for choice in choices[:3]) + (" …" if len(choices) > 3 else "")
    said = problem.text if problem else _("Nothing was chosen.")
    if choices:
        said = _("%(items)s goes to your course.", items=word)
        said += "" if is_saved else " " + _("Save it there if your LMS asks you to.")
    told = said if choices else ""
    response = page(
        "lti/return_to_lms.html",
        title=_("Adding to your course") if choices else _("Back to your course"),
        message=said,
        return_url=selection["return_url"],
        method="post",
        fields={"JWT": sign_response(runtime, registration, selection, choices, message=told, problem=problem)},
        platform_name=session.platform_name,
        automatic=True,
    )
    with runtime.db.transaction() as tx:
        spend_selection(tx, digest_of(request.environ[TOKEN_KEY]), runtime.settings.web.session_hours)
    return response


def _place(session: SignedIn, choice: Choice) -> Response:
    with current_runtime().db.transaction() as tx:
        token = start_session(tx, place_in_link(tx, session, choice), request.cookies.get(BROWSER_COOKIE))
    return see_other(request.environ["coursebridge.root"] + session_path(token, choice.path))


def _show(session: SignedIn, course: str, error: AppError | None) -> Response:
    with current_runtime().db.reading() as tx:
        every = list_choices(tx, _contents(), session.registration_id)
    titles = {choice.course_slug: choice.course_title for choice in every if choice.course_slug}
    if not titles:
        return _nothing_to_pick(session)
    words = request.args.get("q", "").strip()[:200]
    slug = course if course in titles else next(iter(titles))
    listed = [choice for choice in every if choice.course_slug == slug]
    return page(
        "courses/pick.html",
        search={"url": url_for("lti.pick"), "words": words, "course": slug} if len(listed) > FEW else None,
        status=error.status if error else 200,
        course={"title": titles[slug]},
        courses=[_tab(name, title, slug) for name, title in titles.items()],
        action=url_for("lti.choose", course=slug),
        multiple=bool(session.deep_linking and session.deep_linking["accept_multiple"]),
        modules=group_choices(matching([*listed, *(each for each in every if not each.course_slug)], words), None),
        error=error.message if error else None,
        cancel_url=url_for("lti.cancel") if session.deep_linking else None,
        problem=error.code if error and error.code == NOT_FOUND else None,
    )


def _nothing_to_pick(session: SignedIn) -> Response:
    paths = [path for source in _contents() if (path := source.begin_path(session.role))]
    ask = _("The people who run this tool can import one that is written as files: coursebridge course import PATH.")
    write = _("Write one here. When it has a first lesson, add it from your LMS: choose this tool again there.")
    return page(
        "errors/error.html",
        title=_("There is no course to add yet"),
        message=_("The lessons and quizzes of each course will be listed here, to be added to your LMS course."),
        next_steps=[write, ask] if paths else [ask],
        actions=[{"label": _("Write a new course"), "url": request.script_root + path} for path in paths],
        form=button_back(session, NOTHING_HERE),
    )


def _nothing_taken(session: SignedIn) -> Response:
    return page(
        "errors/error.html",
        status=422,
        title=_("Nothing here fits"),
        message=_(
            "%(platform)s asked for content of another kind here. This tool adds activities: lessons, quizzes and "
            "whole courses.",
            platform=session.platform_name,
        ),
        next_steps=[_("Go back, and add an external tool activity there: the way is in the guide of your LMS.")],
        form=button_back(session, NOT_TAKEN),
    )


def _tab(slug: str, title: str, current: str) -> dict[str, Any]:
    return {
        "title": title,
        "label": title,
        "url": url_for("lti.pick", course=slug),
        "current": slug == current,
        "number": None,
    }


def _contents() -> list[Contents]:
    return [plugin.contents for plugin in current_plugins() if plugin.contents]
