"""The page on which staff give whole groups more time or more attempts."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as AnyResponse

from grading.access import placement_of
from grading.blueprint import blueprint
from grading.extension_forms import EMPTY, Problems, read_grant, show_sent
from grading.extensions import ClassTerms, find_problems, grant_to_all, load_class_terms
from grading.group_sets import GroupSet, list_sets
from grading.group_work import say_members
from grading.staff_pages import learners_of
from grading.submissions import Learner
from lti_tool.kernel.audit import Actor, Via
from lti_tool.kernel.db import Tx
from lti_tool.kernel.permissions import Right
from lti_tool.lti import public as lti
from lti_tool.web.render import page
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import SignedIn, open_course, right_required


@dataclass(frozen=True)
class _Groups:
    """The groups of a class, and the quiz."""

    everybody: ClassTerms
    sets: list[GroupSet]
    names: Mapping[int, str]
    """Of the learners who are in the course now, by user id."""
    offers: bool
    """Does the LMS tell its groups?"""

    def members(self) -> dict[str, list[int]]:
        """Those of each group who are in the course, by the group's id as the form has it."""
        found = {
            str(each.group_ids[name]): [user_id for user_id in ids if user_id in self.names]
            for each in self.sets
            for name, ids in each.groups.items()
        }
        return {group: here for group, here in found.items() if here}

    def chosen(self, ticked: Collection[str]) -> set[int]:
        """Who is in the groups that are ticked; nobody if one of them is not there any more."""
        members = self.members()
        return {user_id for each in ticked for user_id in members[each]} if set(ticked) <= set(members) else set()

    def options(self, platform: str) -> list[dict[str, str]]:
        """Them as boxes to tick."""
        members = self.members()
        shown = [(each, name, str(each.group_ids[name])) for each in self.sets for name in each.groups]
        return [
            {
                "value": group,
                "label": f"{name} ({each.name or platform})",
                "hint": say_members(self.names, members[group]),
            }
            for each, name, group in shown
            if group in members
        ]


@blueprint.get("/<slug>/<name>/extension")
@right_required(Right.GRANT_EXTENSIONS)
def extend_groups(slug: str, name: str) -> AnyResponse:
    """The groups to tick, and what can be granted."""
    session = open_course(slug)
    with current_runtime().db.reading() as tx:
        groups = _load(tx, session, name)
    return _page(session, groups, EMPTY, ())


@blueprint.post("/<slug>/<name>/extension")
@right_required(Right.GRANT_EXTENSIONS)
def save_groups_extension(slug: str, name: str) -> AnyResponse:
    """Grant it to everybody in the groups that are ticked: all of them or nobody."""
    session, ticked = open_course(slug), request.form.getlist("group")
    grant, problems = read_grant(request.form)
    by = Actor(f"{session.display_name} ({session.platform_name})", Via.COURSE, session.user_id)
    with current_runtime().db.transaction() as tx:
        groups = _load(tx, session, name)
        chosen, row = groups.chosen(ticked), groups.everybody.row
        problems += find_problems(row, grant) if not problems else []
        problems += [] if chosen else [("group-1", _("Choose at least one of the groups on this page."))]
        if not problems:
            learners = [Learner(placement_of(session), user_id) for user_id in chosen]
            changed = grant_to_all(tx, row, learners, grant, by)
    if problems:
        return _page(session, groups, show_sent(request.form), ticked, problems)
    done: dict[str, Any] = {"given": changed, "kept": len(chosen) - changed}
    return redirect(url_for("grading.extend_groups", slug=slug, name=name, **done), 303)


def _load(tx: Tx, session: SignedIn, name: str) -> _Groups:
    """Raises: NotFound: no such quiz."""
    everybody = load_class_terms(tx, session.course_slug or "", name, placement_of(session))
    names = {user_id: person.display_name for user_id, person in learners_of(tx, session).items()}
    sets = list_sets(tx, placement_of(session))
    return _Groups(everybody, sets, names, lti.offers_groups(tx, placement_of(session)))


def _page(
    session: SignedIn,
    groups: _Groups,
    form: Mapping[str, str],
    ticked: Collection[str],
    problems: Problems | None = None,
) -> Response:
    row = groups.everybody.row
    place: dict[str, Any] = {"slug": row.course_slug, "name": row.name}
    addresses = {
        "save_url": url_for("grading.save_groups_extension", **place),
        "groups_url": url_for("grading.show_groups", **place),
        "read_url": url_for("grading.read_groups", **place, then="extension") if groups.offers else None,
    }
    return page(
        "grading/group_extension.html",
        status=422 if problems else 200,
        trail=[(row.title, url_for("grading.list_quiz", **place))],
        quiz={"title": row.title, "due": row.due_at, "closes": row.closes_at, "max_attempts": row.max_attempts},
        platform=session.platform_name,
        options=groups.options(session.platform_name),
        ticked=ticked,
        form=form,
        errors=problems or [],
        said=_said(request.args),
        **addresses,
    )


def _said(arguments: Mapping[str, str]) -> str | None:
    """What was just done."""
    if "read" in arguments:
        return str(_("Read."))
    given, kept = (_number(arguments.get(key, "")) for key in ("given", "kept"))
    if given is None or kept is None:
        return None
    text = ngettext("Granted to %(num)d learner.", "Granted to %(num)d learners.", given)
    if kept:
        more = ngettext(
            "%(num)d learner had as much already and keeps it.",
            "%(num)d learners had as much already and keep it.",
            kept,
        )
        text = f"{text} {more}"
    return str(text)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else None
