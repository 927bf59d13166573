"""What the pages show of a learner's progress."""

from typing import Any

from flask import request, url_for
from flask_babel import gettext as _

from plugins.progress.explaining import explain_rule, spent_words
from plugins.progress.merging import UNWATCHABLE
from plugins.progress.models import ItemState
from plugins.progress.outline import ItemDef, TextDone
from plugins.progress.reading import CourseProgress, ItemProgress


def progress_context(slug: str, found: CourseProgress, *, is_own: bool, links_quizzes: bool = False) -> dict[str, Any]:
    """The context of `progress/course.html`. On somebody else's page nothing can be pressed.

    `links_quizzes`: whoever looks at it may see the attempts too.
    """
    by_ref = {item.ref: item for item in found.outline.items}
    modules = [
        {
            "title": module.title,
            "percent": found.modules[module.slug],
            "entries": [
                _entry(item, found, is_own=is_own, has_page=is_own or (links_quizzes and item.kind == "quiz"))
                for item in module.items
            ],
        }
        for module in found.outline.modules
    ]
    following = None
    if is_own and found.next_ref:
        item = by_ref[found.next_ref]
        place = f" ({clock_words(found.resume_s)})" if found.resume_s and item.kind == "video" else ""
        following = {"title": item.title + place, "url": item_path(item.ref)}
    return {
        "progress": {
            "percent": found.percent,
            "lines": found.explained,
            "rule": explain_rule(found.rule),
            "spent": spent_words(found.seconds),
            "last_at": found.last_at,
            "done_at": found.done_at,
            "has_begun": found.last_at is not None,
            "new": sum(one.is_new and one.state is ItemState.NEW for one in found.items.values()),
        },
        "following": following,
        "modules": modules,
        "mark_url": url_for("progress.mark_item", slug=slug) if is_own else None,
    }


def item_path(ref: str) -> str:
    """The page of an item, in this session."""
    return f"{request.script_root}/{ref}"


def clock_words(seconds: float | None) -> str:
    """A position in a video: 3:20, 1:02:03."""
    minutes, rest = divmod(int(seconds or 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _entry(item: ItemDef, found: CourseProgress, *, is_own: bool, has_page: bool) -> dict[str, Any]:
    one = found.items[item.ref]
    asks_for_mark = item.kind not in UNWATCHABLE and found.rule.texts is TextDone.MARKED
    return {
        "kind": item.kind,
        "slug": item.ref.rpartition("/")[2],
        "title": item.title,
        "url": item_path(item.ref) if has_page else None,
        "state": "next" if is_own and item.ref == found.next_ref else one.state.value,
        "is_done": one.state is ItemState.DONE,
        "is_new": one.is_new and one.state is ItemState.NEW,
        "required": item.required,
        "note": _note(item, one),
        "spent": spent_words(one.seconds) if one.seconds else None,
        "can_mark": is_own and asks_for_mark and one.state is ItemState.STARTED,
    }


def _note(item: ItemDef, one: ItemProgress) -> str | None:
    """How far a single item is, where that is more than done or not."""
    if item.kind == "quiz" and one.score is not None:
        if one.state is not ItemState.DONE and item.min_score is not None:
            return str(_("%(score)s %%, %(least)s %% needed", score=one.score, least=item.min_score))
        return f"{one.score} %"
    if item.kind == "video" and one.state is ItemState.STARTED:
        return str(_("%(percent)s %% watched", percent=one.percent))
    return None
