"""What pages say of groups."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from grading.group_lines import ReadLines
from grading.group_sets import GroupSet, GroupWork
from grading.group_work import say_members
from grading.models import SubmissionRow
from grading.quiz_reading import ReadQuiz
from lti_tool.lti import public as lti
from lti_tool.web.session import SignedIn


def show_group(read: ReadQuiz, attempts: Sequence[SubmissionRow]) -> dict[str, Any] | None:
    """`group` of the quiz page: .name (or none) .members .unseen; None: everybody does the quiz alone."""
    if not read.is_group_work:
        return None
    own = max((row.number for row in attempts), default=0)
    return {
        "name": read.group.name if read.group else None,
        "members": read.group.members if read.group else (),
        "unseen": max(0, read.group.used - own) if read.group else 0,
    }


def sets_context(
    session: SignedIn,
    work: GroupWork,
    sets: Sequence[GroupSet],
    learners: Mapping[int, lti.Person],
    offers_groups: bool,
) -> dict[str, Any]:
    """What `groups.html` needs besides .error .said"""
    place: dict[str, Any] = {"slug": work.row.course_slug, "name": work.row.name}
    shown = [each for each in sets if each.groups or each.id == work.set_id]
    chosen = next((each for each in shown if each.id == work.set_id), None)
    names = {user_id: person.display_name for user_id, person in learners.items()}
    real = {user_id for user_id, person in learners.items() if not person.is_test}
    read = [each.read_at for each in sets if not each.is_own]
    options = [{"value": "alone", "label": _("Everybody alone"), "hint": None}]
    options += [
        {
            "value": str(each.id),
            "label": _("In groups: %(name)s", name=_name(each, session.platform_name)),
            "hint": _hint(each, real, session.platform_name),
        }
        for each in shown
    ]
    return {
        "trail": [(work.row.title, url_for("grading.list_quiz", **place))],
        "quiz": {"title": work.row.title},
        "platform": session.platform_name,
        "is_begun": work.is_begun,
        "options": options,
        "chosen": None if chosen is None else _shown(chosen, names, session.platform_name),
        "value": "alone" if work.set_id is None else str(work.set_id),
        "alone": say_members(names, real - chosen.user_ids) if chosen else None,
        "choose_url": url_for("grading.choose_groups", **place),
        "read_url": url_for("grading.read_groups", **place) if offers_groups else None,
        "read_at": max(read, default=None),
        "own": [
            {"name": each.name, "url": url_for("grading.edit_own_set", **place, set=each.id)}
            for each in sets
            if each.is_own
        ],
        "make_url": url_for("grading.edit_own_set", **place),
    }


def own_set_context(
    work: GroupWork,
    found: GroupSet | None,
    learners: Mapping[int, lti.Person],
    title: str,
    groups: Mapping[int, str],
    read: ReadLines | None,
) -> dict[str, Any]:
    """What `own_groups.html` needs besides .errors"""
    filled = ngettext("%(num)d learner", "%(num)d learners", len(read.groups)) if read and read.groups else None
    place: dict[str, Any] = {"slug": work.row.course_slug, "name": work.row.name}
    people = sorted(learners.values(), key=lambda person: (person.display_name.casefold(), person.id))
    return {
        "trail": [
            (work.row.title, url_for("grading.list_quiz", **place)),
            (_("Group work"), url_for("grading.show_groups", **place)),
        ],
        "is_new": found is None,
        "form": {"name": title, "lines": "\n".join(read.left) if read else ""},
        "said": _("Filled in for %(number)s. Look through it, then save.", number=filled) if filled else None,
        "people": [
            {"field": f"group-{each.id}", "name": each.display_name, "group": groups.get(each.id, "")}
            for each in people
        ],
        "names": sorted({group for group in groups.values() if group}, key=str.casefold),
        "save_url": url_for("grading.save_own_set", **place, set=found.id if found else None),
    }


def _name(each: GroupSet, platform: str) -> str:
    return each.name or _("groups of %(platform)s that are in no set", platform=platform)


def _hint(each: GroupSet, learners: Collection[int], platform: str) -> str:
    where = _("Made here.") if each.is_own else _("From %(platform)s.", platform=platform)
    number = ngettext("%(num)d group", "%(num)d groups", len(each.groups))
    some, all_of_them = len(each.user_ids & set(learners)), len(learners)
    text: str = _(
        "%(where)s %(groups)s, %(some)s of %(all)s learners.", where=where, groups=number, some=some, all=all_of_them
    )
    return text


def _shown(each: GroupSet, names: Mapping[int, str], platform: str) -> dict[str, Any]:
    groups = [{"name": name, "members": say_members(names, ids)} for name, ids in each.groups.items()]
    return {"name": _name(each, platform), "groups": [group for group in groups if group["members"]]}
