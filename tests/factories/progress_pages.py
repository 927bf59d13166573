"""Sample contexts of the pages of progress."""

from datetime import UTC, datetime, timedelta
from typing import Any

from lti_tool.kernel.permissions import Role
from plugins.progress.outline import Needs, Rule, TextDone

NOW = datetime(2026, 11, 23, 14, 3, 20, tzinfo=UTC)
Context = dict[str, Any]
L, T = Role.LEARNER, Role.TEACHER
TRAIL = [("Progress of the class", "#")]


def entry(title: str, state: str = "new", kind: str = "lesson", **changes: Any) -> Context:
    base: Context = {
        "kind": kind,
        "slug": title.lower().replace(" ", "-"),
        "title": title,
        "url": "#",
        "state": state,
        "is_done": state == "done",
        "is_new": False,
        "required": True,
        "note": None,
        "spent": None,
        "can_mark": False,
    }
    return base | changes


def standing(**changes: Any) -> Context:
    base: Context = {
        "percent": 62,
        "lines": ["4 of 6 lessons", "0 of 1 video watched", "1 of 2 quizzes passed"],
        "rule": "Finished when every required item is done.",
        "spent": "2 h 10 min",
        "last_at": NOW,
        "done_at": None,
        "has_begun": True,
        "new": 0,
    }
    return base | changes


def course(**changes: Any) -> Context:
    first = [
        entry("What a notebook is", "done", spent="12 min"),
        entry("Words and numbers", "done", spent="25 min"),
        entry("First quiz", "done", "quiz", note="85 %", spent="40 min"),
    ]
    second = [
        entry("Reading a table from a file that is larger than the memory of the machine", "done", spent="31 min"),
        entry("Joining two tables, the film", "next", "video", note="42 % watched", spent="7 min"),
        entry("Grouping", "started", spent="under 1 min", can_mark=True),
        entry("A look at what comes next", required=False),
        entry("Second quiz", "started", "quiz", note="40 %, 60 % needed"),
        entry("A new lesson", is_new=True),
    ]
    base: Context = {
        "progress": standing(),
        "following": {"title": "Joining two tables, the film (3:20)", "url": "#"},
        "modules": [
            {"title": "Words and numbers", "percent": 100, "entries": first},
            {"title": "Tables", "percent": 25, "entries": second},
        ],
        "mark_url": "#",
    }
    return base | changes


def row(name: str, percent: int, **changes: Any) -> Context:
    base: Context = {
        "name": name,
        "url": "#",
        "percent": percent,
        "count": f"{percent * 8 // 100} of 8",
        "spent": "2 h 10 min",
        "last_at": NOW - timedelta(days=percent // 9),
        "done_at": NOW - timedelta(days=3) if percent == 100 else None,
    }
    return base | changes


def group(**changes: Any) -> Context:
    names = ["All", "Finished", "Under way", "Quiet for 7 days", "Not begun"]
    labels = {"name": "Learner", "percent": "Progress", "time": "Time spent", "last": "Last seen"}
    idle = {"url": None, "count": None, "spent": None, "last_at": None}
    base: Context = {
        "summary": {"learners": 120, "begun": 97, "done": 31, "mean": 54},
        "rule": "Finished when every required item is done. The quizzes need 60 % on average.",
        "refused": 1,
        "settings_url": "#",
        "export_url": "#",
        "tabs": [{"label": name, "url": "#", "current": name == "All", "number": 24} for name in names],
        "columns": [
            {"name": name, "label": label, "url": "#", "order": "ascending" if name == "name" else None}
            for name, label in labels.items()
        ],
        "rows": [
            row("Ada Lovelace", 100),
            row("Alan Turing", 62),
            row("Grace Hopper", 12),
            row("Mary Jackson", 0, **idle),
        ],
        "pages": {"number": 1, "pages": 3, "previous": None, "following": "#"},
    }
    return base | changes


def settings(**changes: Any) -> Context:
    base: Context = {
        "trail": TRAIL,
        "rule": Rule(Needs.ALL, TextDone.SEEN, 60),
        "course_rule": "Finished when every required item is done.",
        "is_own": True,
        "sends_score": True,
        "may_change": True,
        "platform": "Moodle at Campus",
        "action": "#",
        "try_url": "#",
        "is_saved": False,
        "error": None,
        "typed": None,
    }
    return base | changes


FINISHED = standing(percent=100, lines=["7 of 7 lessons"], done_at=NOW - timedelta(days=3), new=1)
FRESH = standing(percent=0, has_begun=False, last_at=None, spent="0 min")
PROGRESS_PAGES: dict[str, tuple[str, Role | None, Context]] = {
    "progress": ("progress/course.html", L, course()),
    "progress-done": ("progress/course.html", L, course(progress=FINISHED, following=None)),
    "progress-fresh": ("progress/course.html", L, course(progress=FRESH)),
    "progress-learner": (
        "progress/course.html",
        T,
        course(learner="Ada Lovelace", trail=TRAIL, following=None, mark_url=None),
    ),
    "progress-class": ("progress/class.html", T, group()),
    "progress-class-none": ("progress/class.html", T, group(rows=[], pages=None, refused=0)),
    "progress-preview": (
        "progress/course.html",
        T,
        course(progress=FRESH, preview={"edit_url": None, "is_trial": False}),
    ),
    "progress-settings": ("progress/settings.html", T, settings(is_saved=True)),
    "progress-settings-wrong": (
        "progress/settings.html",
        T,
        settings(error="Write a whole number from 0 to 100, or leave it empty.", typed="abc"),
    ),
}
