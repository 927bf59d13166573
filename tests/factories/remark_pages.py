"""Sample contexts of marking again, and of how a quiz goes."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from lti_tool.kernel.permissions import Role

Context = dict[str, Any]
NOW = datetime(2026, 11, 23, 14, 3, 20, tzinfo=UTC)
T = Role.TEACHER
TITLE = "Quiz 1: Words and numbers"
TRAIL = [(TITLE, "#")]
FAILED = "It could not be marked: the worker failed on it several times. Its marks stay as they are."


def begin(**changes: Any) -> Context:
    """What to mark again."""
    past = {"by": "Grace Hopper (Moodle)", "at": NOW, "attempts": 24, "applied": 21, "url": "#", "state": "applied"}
    base: Context = {
        "trail": TRAIL,
        "quiz": {"title": TITLE},
        "error": None,
        "open_url": None,
        "which": "newest",
        "learners": [(1, "Ada Lovelace", False), (2, "Alan Turing", False), (3, "Katherine Johnson", False)],
        "start_url": "#",
        "past": [past, past | {"attempts": 1, "applied": 0, "state": "dropped"}],
    }
    return base | changes


def cell(label: str, old: str | None, new: str, maximum: str = "3", look: bool = False) -> Context:
    """A question that differs."""
    points = {key: None if text is None else Decimal(text) for key, text in (("old", old), ("new", new))}
    return {"label": label, "look": look, "max": Decimal(maximum), **points}


def row(number: int, learner: str, old: str | None, new: str | None, **changes: Any) -> Context:
    """One attempt of a run."""
    before, after = None if old is None else Decimal(old), None if new is None else Decimal(new)
    base: Context = {
        "id": number,
        "learner": learner,
        "url": "#",
        "number": 1,
        "state": "marked",
        "may_be_picked": True,
        "old": before,
        "old_max": Decimal(10),
        "new": after,
        "new_max": Decimal(10),
        "difference": None if after is None else after - (before or 0),
        "cells": [],
        "result": None,
        "marked_since": False,
        "needs_manual": False,
        "why": None,
        "suspicion": None,
    }
    return base | changes


HELD = 'Test cells stopped failing when they must. A copy of "vowel-tests" that ends in a false assertion passed.'
TABS = [
    {"label": "Changed", "url": "#", "current": False, "number": 4},
    {"label": "As before", "url": "#", "current": False, "number": 18},
    {"label": "Problems", "url": "#", "current": False, "number": 2},
    {"label": "All", "url": "#", "current": True, "number": 24},
]
BETTER = {"old": Decimal(6), "new": Decimal(9)}
ROWS = [
    row(1, "Ada Lovelace", "6", "9", cells=[cell("Palindromes", "0", "3")], result=BETTER),
    row(2, "Alan Turing", None, "8", cells=[cell("Palindromes", None, "3"), cell("Count the vowels", None, "2", "2")]),
    row(3, "Katherine Johnson", "9.5", "8", cells=[cell("The most common word", "3", "1.5", look=True)]),
    row(4, "Edsger Dijkstra", "7", "7", marked_since=True, suspicion=HELD),
    row(5, "Margaret Hamilton", "5", None, state="failed", may_be_picked=False, why=FAILED),
    row(6, "Left the course", "5", None, state="stale", may_be_picked=False, url=None, why="It was released again."),
]


def run(state: str = "ready", rows: list[Context] | None = None, **changes: Any) -> Context:
    """A run whose preview is there."""
    counts = {"attempts": 24, "better": 3, "worse": 1, "same": 18, "problems": 2, "pending": 22, "applied": 0}
    addresses = ("here", "status", "apply", "drop", "resume", "repeat", "begin")
    base: Context = {
        "trail": TRAIL,
        "quiz": {"title": TITLE},
        "run": {"state": state, "by": "Grace Hopper (Moodle)", "at": NOW, "finished_at": None, "stopped": None},
        "progress": None,
        "preview": {
            "summary": counts | {"results": 4},
            "tabs": TABS,
            "rows": ROWS if rows is None else rows,
            "pages": {"number": 1, "pages": 1, "previous": None, "following": None},
        },
        **{f"{name}_url": f"#{name}" for name in addresses},
    }
    return base | changes


def over() -> Context:
    """A run of which one part was applied."""
    rows = [each | {"state": "applied", "may_be_picked": False, "result": None} for each in ROWS[:3]]
    rows.append(ROWS[3] | {"state": "left", "may_be_picked": False})
    context = run("applied", rows)
    context["preview"]["summary"] |= {"applied": 3, "pending": 0, "results": 0, "problems": 0}
    return context


def at_work(state: str = "marking", stopped: str | None = None) -> Context:
    """A run that is marked, or applied."""
    progress = {"done": 34, "total": 120, "is_marking": state == "marking", "stopped": stopped}
    return run(state, preview=None, progress=progress, status_url="/remark-progress")


SHARES = (0, 0, 1, 2, 2, 5, 9, 34, 61, 186)


def health(**changes: Any) -> Context:
    """How a quiz of three hundred goes."""
    question = {"max_points": Decimal(2), "full": 251, "none": 12, "marked": 300, "waiting": 0, "is_hard": False}
    base: Context = {
        "trail": TRAIL,
        "quiz": {"title": TITLE},
        "summary": {"learners": 312, "handed_in": 300, "attempts": 431, "mean": 84, "middle": 91},
        "scores": [
            {"label": f"{10 * number} to {10 * number + 10} %", "value": value, "text": str(value)}
            for number, value in enumerate(SHARES)
        ],
        "questions": [
            question | {"label": "Count the vowels", "percent": 93},
            question | {"label": "Palindromes", "percent": 41, "full": 98, "none": 160, "is_hard": True},
            question
            | {"label": "In your own words", "percent": None, "marked": 0, "full": 0, "none": 0, "waiting": 300},
        ],
        "cells": [
            {"label": "most-common-tests", "value": 2400, "text": "2.4 s, at most 29.9 s"},
            {"label": "Cells of the learners’ own", "value": 800, "text": "0.8 s, at most 12.0 s"},
            {"label": "vowels", "value": 12, "text": "0.012 s, at most 0.3 s"},
        ],
        "cell_limit_s": 30.0,
        "ends": [{"label": "A cell took too long", "number": 14}, {"label": "Too much memory", "number": 2}],
        "states": [{"state": each, "number": 128} for each in ("graded", "needs_manual", "held")],
        "attempts": [
            {"label": "1 attempt", "value": 190, "text": "190"},
            {"label": "2 attempts", "value": 89, "text": "89"},
            {"label": "3 attempts", "value": 21, "text": "21"},
        ],
        "remark_url": "#",
    }
    return base | changes


NOBODY = {"learners": 12, "handed_in": 0, "attempts": 0, "mean": None, "middle": None}
REMARK_PAGES: dict[str, tuple[str, Role | None, Context]] = {
    "remark": ("grading/remark.html", T, begin()),
    "remark-refused": (
        "grading/remark.html",
        T,
        begin(error="Attempts of this quiz are being marked again already.", open_url="#", which="all", past=[]),
    ),
    "remark-marking": ("grading/remark_run.html", T, at_work()),
    "remark-applying": ("grading/remark_run.html", T, at_work("applying")),
    "remark-stopped": ("grading/remark_run.html", T, at_work(stopped="SandboxUnavailable: bubblewrap is missing")),
    "remark-progress": ("grading/_remark_progress.html", T, at_work()),
    "remark-ready": ("grading/remark_run.html", T, run()),
    "remark-applied": ("grading/remark_run.html", T, over()),
    "health": ("grading/health.html", T, health()),
    "health-none": (
        "grading/health.html",
        T,
        health(summary=NOBODY, scores=[], questions=[], cells=[], ends=[], states=[], attempts=[], remark_url=None),
    ),
}
