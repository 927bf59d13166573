"""What the course page shows: every item, and for learners how far their own quizzes are."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from flask import url_for
from flask_babel import format_decimal, ngettext
from flask_babel import gettext as _

from grading import public as grading
from lti_tool.kernel.db import Tx
from lti_tool.kernel.permissions import Role
from lti_tool.web.session import SignedIn
from plugins.courses.models import Item
from plugins.courses.service import Outline


@dataclass(frozen=True)
class Standing:
    """How a quiz stands for one person."""

    is_done: bool
    note: str


def outline_context(tx: Tx, session: SignedIn, outline: Outline) -> dict[str, Any]:
    """The context of `courses/course.html`. Two queries at most."""
    standings = _list_standings(tx, session, outline.course.slug)
    modules: list[dict[str, Any]] = [
        {
            "title": module.title,
            "summary": module.summary or None,
            "entries": [_entry(session, outline.course.slug, item, standings) for item in items],
        }
        for module, items in outline.modules
    ]
    entries = [entry for module in modules for entry in module["entries"]]
    progress, following = None, None
    if session.role.is_learner:
        progress, following = _progress(entries), _where_to_go_on(entries)
        if following and progress and progress["done"]:
            following["state"] = "next"
    return {"course": outline.course, "progress": progress, "next_entry": following, "modules": modules}


def item_url(slug: str, item: Item) -> str:
    """The page of an item in this session."""
    if item.assignment:
        return url_for("grading.show_quiz", slug=slug, name=item.assignment)
    return url_for("courses.show_item", slug=slug, item_slug=item.slug)


def _list_standings(tx: Tx, session: SignedIn, slug: str) -> dict[str, Standing]:
    """By assignment name; results are the person's own."""
    placement_id = session.placement_id if session.role.is_learner else None
    results = grading.list_results(tx, placement_id, session.user_id) if placement_id is not None else {}
    standings = {}
    for (_course, name), maximum in grading.list_max_points(tx, {slug}).items():
        result = results.get(name)
        if result is None:
            number = format_decimal(_plain(maximum))
            points = ngettext("%(points)s point", "%(points)s points", 1 if maximum == 1 else 2, points=number)
            standings[name] = Standing(False, points)
        else:
            facts = {"score": format_decimal(_plain(result.score)), "max": format_decimal(_plain(result.max_score))}
            note = (
                _("%(score)s of %(max)s so far", **facts) if result.needs_manual else _("%(score)s of %(max)s", **facts)
            )
            standings[name] = Standing(True, note)
    return standings


def _plain(points: Decimal) -> Decimal:
    return points.normalize() + 0


def _entry(session: SignedIn, slug: str, item: Item, standings: dict[str, Standing]) -> dict[str, Any]:
    standing = standings.get(item.assignment or "", Standing(False, ""))
    is_open = not item.assignment or session.role is not Role.OBSERVER  # quizzes show a learner's own work
    return {
        "kind": item.kind.value,
        "title": item.title,
        "url": item_url(slug, item) if is_open else None,
        "state": "done" if standing.is_done else "todo",
        "note": standing.note or None,
    }


def _progress(entries: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Only quizzes can be done: nobody watches who reads."""
    quizzes = [entry for entry in entries if entry["kind"] == "quiz"]
    if not quizzes:
        return None
    done = sum(entry["state"] == "done" for entry in quizzes)
    text = ngettext("%(done)s of %(num)d quiz done", "%(done)s of %(num)d quizzes done", len(quizzes), done=done)
    return {"done": done, "total": len(quizzes), "text": text}


def _where_to_go_on(entries: list[dict[str, Any]]) -> dict[str, Any] | None:
    """What comes after the last quiz that is done; at the end, the first quiz that is not."""
    done = [number for number, entry in enumerate(entries) if entry["state"] == "done"]
    ahead = entries[done[-1] + 1 :] if done else entries
    left = [entry for entry in entries if entry["kind"] == "quiz" and entry["state"] != "done"]
    return next(iter([*ahead[:1], *left]), None)
