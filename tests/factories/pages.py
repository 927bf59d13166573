"""Sample contexts of every page: what the templates' comments promise, as plain values."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from markupsafe import Markup

from lti_tool.kernel.permissions import Role
from tests.factories.admin_pages import ADMIN_PAGES
from tests.factories.by_hand_pages import BY_HAND_PAGES
from tests.factories.course_pages import COURSE_PAGES
from tests.factories.group_pages import GROUP_PAGES
from tests.factories.progress_pages import PROGRESS_PAGES
from tests.factories.remark_pages import REMARK_PAGES
from tests.factories.review_pages import REVIEW_PAGES
from tests.factories.video_pages import VIDEO_PAGES

NOW = datetime(2026, 11, 23, 14, 3, 20, tzinfo=UTC)
SHA = "5d1c2f0a9be37c1145c0a4f1d3a3c9aa64a5e3d19a1f7be0a6d4f5fd6f7b2c10"
Context = dict[str, Any]
Samples = Mapping[str, tuple[str, Role | None, Context]]
"""Name of the sample: template, role of who looks (None: no session), context."""


def signed_in(role: Role) -> SimpleNamespace:
    """A session as templates see it."""
    name = "Ada Lovelace" if role.is_learner else "Grace Hopper"
    return SimpleNamespace(
        display_name=name,
        role=role,
        course_title="First steps with data",
        platform_name="Moodle at Campus",
    )


def nav(role: Role, current: str) -> list[Context]:
    """The header's links."""
    labels = ["Course", "Submissions"] if role.is_staff else ["Course"]
    return [{"label": label, "url": "#", "current": label == current} for label in labels]


TERMS: Context = {
    "counts": "the best attempt",
    "late": "Each day begun after the due date takes 10 % off the points of an attempt, 50 % at most.",
    "closes": datetime(2026, 12, 5, 22, 59, tzinfo=UTC),
    "is_extended": False,
}
LIMITS = "When it is marked, a cell may take 30 seconds, the notebook 2 minutes and 1 GB of memory."
PACKAGES = "It is marked with these packages and what they need, and no others: numpy==2.3.1, pandas>=2.3."
NOT_INSTALLED: Context = {
    "state": "failed",
    "text": "The packages could not be installed from the package index. uv says: there is no version of numpy==9.9. "
    "Submissions are taken and wait; none is marked in another environment.",
}
LATE: Context = {
    "label": "2 days late: −20 %",
    "text": "8 of 10, 2 days late: −20 %, counts 6.4",
    "off": Decimal("1.6"),
    "counts": Decimal("6.4"),
}


def attempt(number: int = 2, state: str = "graded", **changes: Any) -> Context:
    """One attempt, as `grading/_attempt_status.html` documents it."""
    done = state in ("graded", "needs_manual")
    sent = {"state": "sent", "text": None, "at": NOW + timedelta(seconds=9)}
    base: Context = {
        "number": number,
        "submitted_at": NOW - timedelta(days=2 - number),
        "receipt": "7F3A-91BC",
        "sha256": SHA,
        "state": state,
        "state_text": None,
        "warning": None,
        "suspicion": None,
        "by": None,
        "lateness": None,
        "waiting": {"text": "about 4 minutes, 37 before yours", "every_ms": 6000} if state == "queued" else None,
        "finished_at": NOW + timedelta(seconds=7) if done else None,
        "points": Decimal("8.5") if done else None,
        "max_points": Decimal(10),
        "feedback_url": "#" if done else None,
        "delivery": sent if state == "graded" else {"state": "waiting", "text": None, "at": None},
    }
    return base | changes


TRAIL = [("First steps with data", "#"), ("Words and numbers", None)]


def quiz(**changes: Any) -> Context:
    """A learner's quiz page."""
    base: Context = {
        "trail": TRAIL,
        "quiz": {
            "title": "Quiz 1: Words and numbers",
            "summary": "Four small puzzles with text and numbers. Plain Python is enough.",
            "due": datetime(2026, 11, 30, 22, 59, tzinfo=UTC),
            "closed": False,
            "terms": TERMS,
            "limits": LIMITS,
            "environment": PACKAGES,
            "attempts_allowed": 5,
            "attempts_left": 3,
            "next_attempt": 3,
            "max_points": Decimal(10),
        },
        "group": None,
        "draft": {"saved_at": NOW},
        "here_url": "/quiz",
        "version": "1",
        "place": {
            "course_title": "First steps with data",
            "course_url": "#",
            "previous": None,
            "following": {"title": "Many numbers at once", "url": "#", "word": "Lesson"},
        },
        "write_url": None,
        "can_submit": True,
        "why_not": None,
        "error": None,
        "hub_url": "#open",
        "submit_url": "#",
        "upload_url": "#",
        "newest": attempt(),
        "earlier": [attempt(1, points=Decimal(6), receipt="02CC-5E17")],
        "counting": {
            "points": Decimal("8.5"),
            "max_points": Decimal(10),
            "text": "Your best attempt counts:",
        },
        "platform": "Moodle",
        "status_url": "/status-done",
    }
    return base | changes


QUESTIONS: list[Context] = [
    {
        "label": "Count the vowels",
        "points": Decimal(2),
        "max_points": Decimal(2),
        "state": "full",
        "comment": None,
    },
    {
        "label": "Palindromes",
        "points": Decimal(3),
        "max_points": Decimal(3),
        "state": "full",
        "comment": None,
    },
    {
        "label": "The most common word",
        "points": Decimal("1.5"),
        "max_points": Decimal(3),
        "state": "part",
        "comment": "A tie is broken the wrong way round.",
    },
    {
        "label": "In your own words",
        "points": None,
        "max_points": Decimal(2),
        "state": "needs_manual",
        "comment": None,
    },
]
MARKED: Context = {
    "questions": QUESTIONS,
    "total": {
        "points": Decimal("6.5"),
        "max_points": Decimal(10),
        "penalty": Decimal(0),
        "late": None,
    },
    "notebooks": [{"name": "quiz-1", "frame_url": "about:blank", "download_url": "#"}],
}


GIVEN: Context = {"is_given": True, "due": datetime(2026, 12, 2, 22, 59, tzinfo=UTC), "url": "#"}
LINE: Context = {"counts": False, "extension": {"is_given": False, "due": None, "url": "#"}}


def row(learner: str, state: str = "graded", **changes: Any) -> Context:
    """One line of the teacher's table."""
    base = attempt(1, state)
    return base | {"learner": learner, "late": False, "stopped": False, "url": "#", "retry_url": None} | LINE | changes


def submissions(**changes: Any) -> Context:
    """The teacher's table."""
    retrying = {
        "state": "retrying",
        "text": "Moodle did not answer. Next try at 14:20.",
        "at": None,
    }
    base: Context = {
        "trail": [("First steps with data", "#"), ("Submissions", None)],
        "quiz": quiz()["quiz"],
        "terms": TERMS,
        "limits": LIMITS,
        "environment": PACKAGES,
        "notice": None,
        "build_url": "#",
        "platform": "Moodle",
        "down": None,
        "pages": {"number": 1, "pages": 1, "previous": None, "following": None},
        "compare_url": "#",
        "compared_at": NOW,
        "summary": {"learners": 24, "submitted": 6, "to_mark": 1, "problems": 2},
        "tabs": [
            {"label": "All", "url": "#", "current": True, "number": 24},
            {"label": "To mark", "url": "#", "current": False, "number": 1},
            {"label": "Problems", "url": "#", "current": False, "number": 2},
            {"label": "Nothing submitted", "url": "#", "current": False, "number": 18},
        ],
        "rows": [
            row("Ada Lovelace", number=2, counts=True),
            row("Ada Lovelace", number=1, points=Decimal(6), extension=None),
            row("Alan Turing", points=Decimal(8), late=True, lateness=LATE, extension=GIVEN),
            row("Edsger Dijkstra", "needs_manual", points=Decimal(6)),
            row(
                "Katherine Johnson",
                points=Decimal(9),
                late=True,
                delivery=retrying,
                retry_url="#",
            ),
            row(
                "Grace Hopper",
                points=Decimal(9),
                delivery={
                    "state": "differs",
                    "text": "The gradebook shows 7 of 10: changed there? 9 of 10 were sent.",
                    "at": NOW,
                },
                retry_url="#",
            ),
            row("Margaret Hamilton", "failed", delivery=None, retry_url="#"),
            row("Grace Brewster", "held", points=Decimal(10), delivery=None),
            row("Radia Perlman", "running", delivery=None),
            row("Tim Berners-Lee", number=None, extension=GIVEN),
        ],
        "send_all_url": "#",
        "by_hand_url": "#",
        "mark_url": "#",
        "export_url": "#",
        "similar_url": "#",
        "marks_url": "#",
        "remark_url": "#",
        "groups_url": "#",
        "extend_url": "#",
        "health_url": "#",
        "write_url": "#",
    }
    return base | changes


def similar(**changes: Any) -> Context:
    """Pairs of similar submissions."""
    base: Context = {
        "trail": [("Quiz 1: Words and numbers", "#")],
        "quiz": quiz()["quiz"],
        "least": 80,
        "comparison": {
            "is_busy": False,
            "has_failed": False,
            "at": NOW,
            "number": 214,
            "too_short": 3,
            "left_out": 0,
        },
        "pairs": [
            {"names": ["Ada Lovelace", "Alan Turing"], "percent": 100, "url": "#"},
            {"names": ["Edsger Dijkstra", "Katherine Johnson-Goble of Hampton"], "percent": 84, "url": "#"},
        ],
        "compare_url": "#",
        "here_url": "#",
    }
    return base | changes


def similar_pair(**changes: Any) -> Context:
    """Two of them side by side."""
    given = [("def mean(values):", "given"), ('    """The mean of some numbers."""', "given")]
    one = [*given, ("    total = 0", "alike"), ("    for value in values: total = total + value", "alike")]
    other = [*given, ("    s = 0", "alike"), ("    # my way, with a comment that is longer than the column", "own")]
    other.append(("    for x in values: s = s + x", "alike"))
    sides = [[{"text": text, "kind": kind} for text, kind in side] for side in (one, other)]
    person = {"number": 2, "submitted_at": NOW, "url": "#"}
    base: Context = {
        "trail": [("Quiz 1: Words and numbers", "#"), ("Similar submissions", "#")],
        "quiz": quiz()["quiz"],
        "percent": 84,
        "people": [person | {"name": "Ada Lovelace"}, person | {"name": "Alan Turing", "number": 1}],
        "parts": [
            {"title": "Question 1", "sides": sides},
            {"title": "Added cell 1", "sides": [None, [{"text": "print(mean([1, 2, 3]))", "kind": "own"}]]},
        ],
    }
    return base | changes


def submission(**changes: Any) -> Context:
    """The teacher's detail of one submission."""
    base: Context = {
        "trail": [
            ("First steps with data", "#"),
            ("Quiz 1: Words and numbers", "#"),
            ("Katherine Johnson", None),
        ],
        "quiz": quiz()["quiz"],
        "learner": {"name": "Katherine Johnson"},
        "platform": "Moodle",
        "attempt": attempt(2, points=Decimal(8), lateness=LATE, late=True, via="jupyterlab", log=None),
        "terms": TERMS | {"due": datetime(2026, 11, 30, 22, 59, tzinfo=UTC)},
        "which_counts": "This attempt counts.",
        "members": [],
        "student": "u-7f3a",
        "extension": GIVEN,
        "attempts": [
            {"label": "Attempt 2", "url": "#", "current": True, "number": None},
            {"label": "Attempt 1", "url": "#", "current": False, "number": None},
        ],
        "files": [{"name": "quiz-1.ipynb", "size_text": "14 kB", "url": "#"}],
        "history": [
            {"at": NOW, "text": "Submitted from JupyterLab"},
            {"at": NOW + timedelta(seconds=7), "text": "Marked: 8.5 of 10"},
            {"at": NOW + timedelta(seconds=9), "text": "Sent to Moodle"},
        ],
        "by_hand_url": "#",
        "accept_url": None,
        "zero_url": None,
        "mark_url": "#",
        "retry_mark_url": None,
        "retry_send_url": None,
        "remark_url": "#",
        "submission_id": 7,
    }
    return base | MARKED | changes


def extension(**changes: Any) -> Context:
    """More time for one learner."""
    dates = {"due": datetime(2026, 11, 30, 22, 59, tzinfo=UTC), "closes": TERMS["closes"], "max_attempts": 3}
    base: Context = {
        "trail": [("Quiz 1: Words and numbers", "#")],
        "quiz": {"title": "Quiz 1: Words and numbers"} | dates,
        "learner": {"name": "Katherine Johnson"},
        "own": TERMS | dates | {"due": datetime(2026, 12, 2, 22, 59, tzinfo=UTC), "is_extended": True},
        "form": {"due": "2026-12-02T22:59", "closes": "", "attempts": "1", "reason": "Ill that week."},
        "errors": [],
        "said": None,
        "groups_url": "#",
        "save_url": "#",
        "withdraw_url": "#",
    }
    return base | changes


SUSPICION = (
    'Test cells stopped failing when they must. In quiz-1.ipynb a copy of "words-tests" that expects a wrong value '
    "passed."
)
OF_TEACHER: Context = {"late": False, "via": "page", "log": None}
UNGRANTED = [("due", "Choose a time after the due date of the class, or leave it empty.")]


def overview(**changes: Any) -> Context:
    """All quizzes of a course, for its teachers."""
    line = {"url": "#", "learners": 28, "submitted": 24, "to_mark": 3, "failed": 1}
    base: Context = {
        "trail": [("First steps with data", "#"), ("Submissions", None)],
        "quizzes": [
            line | {"title": "Quiz 1: Words and numbers", "due": NOW},
            line | {"title": "Quiz 2: Tables", "due": None, "to_mark": 0, "failed": 0},
        ],
        "export_url": "#",
        "pack": pack(),
    }
    return base | changes


def pack(state: str | None = None, problem: str = "") -> Context:
    """The course packed for nbgrader."""
    addresses = {"url": "#", "pack_url": "#", "status_url": "/pack", "here_url": "#"}
    return addresses | {
        "state": state,
        "asked_at": NOW,
        "expires_at": NOW,
        "size": 12_400_000,
        "problem": problem,
    }


def course(**changes: Any) -> Context:
    """An outline half way through."""

    def entry(title: str, state: str = "todo", kind: str = "lesson", note: str | None = None) -> Context:
        return {
            "kind": kind,
            "title": title,
            "url": None if state == "locked" else "#",
            "state": state,
            "lock": "Opens after: Quiz 2" if state == "locked" else None,
            "opens_at": None,
            "is_draft": False,
            "is_extra": False,
            "note": note,
        }

    base: Context = {
        "course": {
            "title": "First steps with data",
            "summary": "From a line of text to a table you can question, in eight short steps.",
            "description": Markup("<p>You will ask a table and get an answer.</p>"),
            "authors": ["Grace Hopper"],
            "facts": ["Beginner", "English", "4 h", "Free"],
            "tags": ["Data", "python"],
            "licence": "CC-BY-4.0",
        },
        "rating": {"average": 4.4, "count": 31, "url": "#"},
        "progress": {"percent": 38, "text": "38 % done", "explained": ["2 of 5 lessons", "1 of 3 quizzes passed"]},
        "next_entry": {"title": "Many numbers at once", "url": "#", "has_begun": True},
        "is_draft": False,
        "edit_url": None,
        "drop_url": "#",
        "take_up_url": None,
        "catalogue_url": "#",
        "is_dropped": False,
        "payment": None,
        "preview": None,
        "modules": [
            {
                "slug": "m1",
                "title": "Words and numbers",
                "summary": None,
                "entries": [
                    entry("A value has a type", "done"),
                    entry("Asking the same question of many values", "done"),
                    entry("Quiz 1: Words and numbers", "done", "quiz", "8.5 of 10"),
                ],
            },
            {
                "slug": "m2",
                "title": "Tables",
                "summary": "A year of weather, one row a day.",
                "entries": [
                    entry("Many numbers at once", "next"),
                    entry("A table you can question"),
                    entry("Quiz 2: A year of weather", "todo", "quiz", "12 points"),
                ],
            },
            {
                "slug": "m3",
                "title": "Saying what you found",
                "summary": None,
                "entries": [
                    entry("From number to sentence"),
                    entry("Quiz 3: One honest paragraph", "locked", "quiz", "Opens 1 Dec"),
                ],
            },
        ],
    }
    return base | changes


def pick(**changes: Any) -> Context:
    """The deep linking picker."""
    base: Context = {
        "course": {"title": "First steps with data"},
        "courses": [],
        "action": "#",
        "multiple": False,
        "error": None,
        "cancel_url": "#",
        "problem": None,
        "modules": [
            {
                "title": module["title"],
                "entries": [
                    {
                        "id": f"{module['title']}/{e['title']}",
                        "kind": e["kind"],
                        "title": e["title"],
                        "max_points": Decimal(10) if e["kind"] == "quiz" else None,
                        "chosen": "Quiz 1" in e["title"],
                    }
                    for e in module["entries"]
                ],
            }
            for module in course()["modules"]
        ],
    }
    check = {"id": "lti/check", "kind": "check", "title": "Check this browser", "max_points": None, "chosen": False}
    base["modules"].append({"title": "To try things out", "entries": [check]})
    return base | changes


def activity() -> Context:
    """What an activity of the LMS shows, for its teacher."""
    choice = {"title": "Quiz 1", "course_title": "First steps with data", "max_points": Decimal(10)}
    dates = {"opens_at": None, "due_at": NOW}
    said = {"activity": "Week 1: quiz", "platform": "Moodle", "pick_url": "#", "update_url": "#", "is_sent": True}
    return {**said, "choice": choice | dates}


def lesson(html: str, **changes: Any) -> Context:
    """A lesson around some markup."""
    base: Context = {
        "trail": TRAIL,
        "lesson": {
            "title": "A table you can question",
            "kind": "lesson",
            "kind_word": "Lesson",
            "summary": None,
            "html": Markup(html),
            "cells": None,
            "url": None,
            "is_elsewhere": False,
            "file_name": None,
        },
        "hub_url": None,
        "lock": None,
        "place": "4 of 8",
        "course_link": {"title": "First steps with data", "url": "#"},
        "previous": {"title": "Many numbers at once", "url": "#", "kind": "lesson", "word": "Lesson"},
        "following": {"title": "Quiz 2: A year of weather", "url": "#", "kind": "quiz", "word": "Quiz"},
        "ref": None,
        "player": None,
        "preview": None,
    }
    return base | changes


def shown(kind: str, lock: str | None = None, **changes: Any) -> Context:
    """Another kind of item."""
    base = lesson("", lock=lock)
    return base | {"lesson": base["lesson"] | {"kind": kind, "kind_word": kind.capitalize()} | changes}


CELLS: list[Context] = [
    {"kind": "text", "html": Markup("<h2>Weather</h2><p>A year of it.</p>"), "outputs": []},
    {
        "kind": "code",
        "html": Markup('<span class="n">print</span>(1)'),
        "outputs": [
            {"kind": "text", "text": "1", "html": "", "src": "", "alt": ""},
            {
                "kind": "html",
                "text": "",
                "html": Markup("<table><tr><td></td><th>mm</th></tr></table>"),
                "src": "",
                "alt": "",
            },
            {"kind": "error", "text": "NameError: x", "html": "", "src": "", "alt": ""},
        ],
        "number": 3,
    },
]
PROSE = "<p>A table is a list of rows.</p><h2>Rows and columns</h2><pre><code>weather.head()</code></pre>"
REFUSED = {
    "state": "refused",
    "text": "Moodle says the activity is gone. Add it to the course again.",
    "at": None,
}
STOPPED = (
    "A cell took too long and was stopped, so the tests that depend on it have 0 points. Look for an endless loop."
)
UNREADABLE = (
    "quiz-1.ipynb could not be read as a notebook, so this attempt was not marked. Save it and submit it again."
)
ERROR: Context = {
    "title": "This link is used up",
    "message": "A link into JupyterHub works once, for 60 seconds.",
    "next_steps": ["Go back to the quiz.", "Choose “Open in JupyterHub” again."],
    "reference": "9C41D07E",
    "actions": [{"label": "Back to the quiz", "url": "#"}],
}
NOTHING_TO_PICK: Context = {
    "title": "There is no course to add yet",
    "message": "The lessons and quizzes of each course will be listed here, to be added to your LMS course.",
    "next_steps": ["Write one here.", "Or ask for one to be imported."],
    "actions": [{"label": "Write a new course", "url": "#"}],
    "form": {"label": "Return to Moodle", "url": "#", "fields": {"problem": "nothing_here"}},
}
NOTHING_TAKEN: Context = {
    "title": "Nothing here fits",
    "message": "Moodle asked for content of another kind here. This tool adds activities.",
    "next_steps": ["Go back, and add an external tool activity there."],
    "form": {"label": "Return to Moodle", "url": "#", "fields": {"problem": "not_taken"}},
}
CHECK: Context = {
    "findings": [
        {"title": "Your browser was recognised", "is_good": True, "text": "It keeps our cookie.", "advice": ""},
        {"title": "The clocks differ", "is_good": False, "text": "21 seconds ahead.", "advice": "Tell them."},
    ],
    "browser": "Mozilla/5.0",
}
STORAGE: Context = {
    "storage": {"target": "_parent", "origin": "https://lms.example", "key": "k", "patience": 1500},
    "launch_url": "#",
    "fields": {"state": "abc"},
}
WINDOW: Context = {"platform_name": "Moodle", "window_url": "#"}
RETURN: Context = {
    "title": "Adding Quiz 1 to your course",
    "message": "One moment: Moodle takes over from here.",
    "platform_name": "Moodle",
    "return_url": "#",
    "method": "post",
    "fields": {"JWT": "e30"},
    "automatic": False,
}
FRAGMENT = {
    "attempt": attempt(3, "running"),
    "counting": None,
    "quiz": quiz()["quiz"],
    "platform": "Moodle",
    "status_url": "/status-done",
}

RED: Context = {"name": "Red", "members": ["Ada Lovelace", "Grace Hopper"], "unseen": 1}
BY_GRACE = attempt(by="Grace Hopper")
MEMBERS: list[Context] = [
    {"name": "Ada Lovelace", "handed_in": True, "extension": GIVEN, "late": None},
    {
        "name": "Grace Hopper",
        "handed_in": False,
        "extension": {"is_given": False, "due": None, "url": "#"},
        "late": LATE,
    },
]
THIRD = quiz()["quiz"] | {"attempts_left": 2, "next_attempt": 4}
L, T = Role.LEARNER, Role.TEACHER
REFUSED_FILE = "Files of this kind are not accepted here. What counts is the content, not the name."
BOX = {
    "endpoint": "#",
    "action": "#",
    "page_url": "#",
    "chunk_bytes": 8_388_608,
    "max_bytes": 5_000_000_000,
    "max_form_bytes": 25_000_000,
    "replaces": None,
}


def file_row(name: str = "split-apply-combine.png", **changes: Any) -> Context:
    """A file, as `files/_list.html` documents it."""
    base: Context = {
        "name": name,
        "slug": "" if changes.get("state") == "refused" else name.lower(),
        "url": "#",
        "kind": "Image",
        "size": 183_211,
        "pixels": "1280 × 720",
        "created_at": NOW,
        "state": "ready",
        "refusal": None,
        "uses": 2,
        "newer": None,
        "newer_refusal": None,
    }
    return base | changes


def files_page(**changes: Any) -> Context:
    """All files of a course."""
    unfinished = {
        "name": "Week 1, a notebook is a conversation.mp4",
        "size": 1_834_211_000,
        "position": 788_710_000,
        "percent": 43,
        "fingerprint": "1700000000000 1834211000 Week 1.mp4",
        "replaces": None,
        "expires_at": NOW + timedelta(hours=40),
        "url": "#",
        "discard_url": "#",
    }
    video = {"kind": "Video", "pixels": None, "size": 512_300_100}
    base: Context = {
        "box": BOX,
        "quota": {"used": 46_000_000_000, "limit": 50_000_000_000, "percent": 92},
        "unfinished": [unfinished],
        "rows": [
            file_row("Week 0.mp4", **video, newer="scanning"),
            file_row(),
            file_row("weather-stations-of-the-whole-country.csv", state="scanning", kind=None, pixels=None, uses=0),
            file_row("Growing trees.mp4", state="missing", **video | {"kind": None}, uses=1),
            file_row("setup.exe", state="refused", refusal=REFUSED_FILE, kind=None, pixels=None, uses=0),
        ],
        "busy": True,
        "list_url": "#",
    }
    return base | changes


def file_page(**changes: Any) -> Context:
    """One file."""
    refused = changes.get("state") == "refused"
    return {
        "trail": [("Files", "#")],
        "file": file_row(sha256="" if refused else SHA) | changes,
        "uses": [] if refused else ["courses/first-steps/split-apply-combine"],
        "download_url": None if refused else "#",
        "image_url": None if refused else "/static/icon.svg",
        "box": BOX | {"replaces": 7},
        "delete_url": "#" if refused else None,
    }


RIGHTS: Context = {
    "options": [
        {"value": "mark", "label": "Mark", "hint": "Read what learners handed in, mark it, and work in formgrader."},
        {"value": "edit_course", "label": "Edit the course", "hint": "Change texts, quizzes, videos and files."},
    ],
    "chosen": ["mark"],
    "action": "#",
    "is_saved": True,
}


PAGES: Samples = {
    "quiz": ("grading/quiz.html", L, quiz()),
    "quiz-in-group": ("grading/quiz.html", L, quiz(group=RED, newest=BY_GRACE, files=[("quiz-1.ipynb", "#")])),
    "quiz-in-no-group": ("grading/quiz.html", L, quiz(group={"name": None, "members": [], "unseen": 0})),
    "quiz-first": (
        "grading/quiz.html",
        L,
        quiz(draft=None, newest=None, earlier=[], counting=None),
    ),
    "quiz-queued": (
        "grading/quiz.html",
        L,
        quiz(quiz=THIRD, newest=attempt(3, "queued"), earlier=[attempt(2), attempt(1)]),
    ),
    "quiz-running": (
        "grading/quiz.html",
        L,
        quiz(quiz=THIRD, newest=attempt(3, "running"), earlier=[]),
    ),
    "quiz-manual": (
        "grading/quiz.html",
        L,
        quiz(
            newest=attempt(2, "needs_manual", points=Decimal(6)),
            earlier=[],
            counting=None,
        ),
    ),
    "quiz-held": (
        "grading/quiz.html",
        L,
        quiz(
            newest=attempt(
                2,
                "held",
                state_text="The tests have run. Your teacher looks at this submission; the score is here when that is "
                "done.",
                delivery=None,
            ),
            counting=None,
        ),
    ),
    "quiz-stopped": (
        "grading/quiz.html",
        L,
        quiz(newest=attempt(2, points=Decimal(3), warning=STOPPED), counting=None),
    ),
    "quiz-failed": (
        "grading/quiz.html",
        L,
        quiz(
            newest=attempt(2, "failed", state_text=UNREADABLE, delivery=None),
            counting=None,
        ),
    ),
    "quiz-refused": ("grading/quiz.html", L, quiz(newest=attempt(2, delivery=REFUSED))),
    "quiz-closed": (
        "grading/quiz.html",
        L,
        quiz(
            can_submit=False,
            why_not="The quiz closed on 30 November. Your best attempt counts.",
        ),
    ),
    "quiz-extended": (
        "grading/quiz.html",
        L,
        quiz(
            quiz=quiz()["quiz"] | {"terms": TERMS | {"is_extended": True}},
            newest=attempt(2, points=Decimal(8), lateness=LATE),
            earlier=[attempt(1, points=Decimal(8), lateness=LATE)],
        ),
    ),
    "submission-of-group": (
        "grading/submission.html",
        T,
        submission(learner={"name": "Red: Ada Lovelace, Grace Hopper"}, members=MEMBERS, student="group-1"),
    ),
    "extension": ("grading/extension.html", T, extension()),
    "extension-refused": ("grading/extension.html", T, extension(errors=UNGRANTED, withdraw_url=None)),
    "quiz-error": (
        "grading/quiz.html",
        L,
        quiz(error="The file is not a notebook. Choose a file that ends in .ipynb."),
    ),
    "feedback": (
        "grading/feedback.html",
        L,
        {
            "trail": [*TRAIL, ("Quiz 1: Words and numbers", "#")],
            "quiz": quiz()["quiz"],
            "attempt": attempt(2, "needs_manual", points=Decimal("6.5")),
            "which_counts": "Attempt 1 counts, with 7 of 10.",
        }
        | MARKED,
    ),
    "feedback-late": (
        "grading/feedback.html",
        L,
        {
            "trail": [*TRAIL, ("Quiz 1: Words and numbers", "#")],
            "quiz": quiz()["quiz"],
            "attempt": attempt(2, points=Decimal(8), lateness=LATE),
            "which_counts": "This attempt counts.",
        }
        | MARKED
        | {"total": MARKED["total"] | {"points": Decimal(8), "late": LATE}},
    ),
    "similar": ("grading/similar.html", T, similar()),
    "similar-busy": (
        "grading/similar.html",
        T,
        similar(pairs=[], comparison=similar()["comparison"] | {"is_busy": True, "at": None}),
    ),
    "similar-pair": ("grading/similar_pair.html", T, similar_pair()),
    "submissions": ("grading/submissions.html", T, submissions()),
    "submissions-down": (
        "grading/submissions.html",
        T,
        submissions(
            down=SimpleNamespace(since=NOW),
            pages={"number": 2, "pages": 6, "previous": "#", "following": "#"},
        ),
    ),
    "submissions-none": ("grading/submissions.html", T, submissions(rows=[], notice=NOT_INSTALLED)),
    "submission": ("grading/submission.html", T, submission()),
    "submission-held": (
        "grading/submission.html",
        T,
        submission(
            attempt=attempt(2, "held", points=Decimal(10), suspicion=SUSPICION, delivery=None) | OF_TEACHER,
            accept_url="#",
            zero_url="#",
            retry_mark_url="#",
        ),
    ),
    "submission-zeroed": (
        "grading/submission.html",
        T,
        submission(attempt=attempt(2, points=Decimal(0), suspicion=SUSPICION) | OF_TEACHER, accept_url="#"),
    ),
    "submission-failed": (
        "grading/submission.html",
        T,
        submission(
            attempt=attempt(
                2,
                "failed",
                state_text=UNREADABLE,
                delivery=REFUSED,
                late=False,
                via="page",
                log="TimeoutError: cell 4",
            ),
            questions=[],
            notebooks=[],
            retry_mark_url="#",
            retry_send_url="#",
        ),
    ),
    "status": ("grading/_attempt_status.html", L, FRAGMENT),
    "status-done": ("grading/_attempt_status.html", L, FRAGMENT | {"attempt": attempt(3)}),
    "overview": ("grading/overview.html", T, overview()),
    "pack": ("grading/_pack.html", T, {"pack": pack("packing")}),
    "overview-packing": ("grading/overview.html", T, overview(pack=pack("packing"))),
    "overview-packed": ("grading/overview.html", T, overview(pack=pack("ready"))),
    "overview-not-packed": (
        "grading/overview.html",
        T,
        overview(pack=pack("failed", "The course has no quiz yet, so there is no gradebook.")),
    ),
    "overview-none": ("grading/overview.html", T, overview(quizzes=[])),
    "registered": (
        "lti/registered.html",
        None,
        {"platform_name": "Moodle", "number": 1, "waits": True, "is_update": False},
    ),
    "registered-anew": (
        "lti/registered.html",
        None,
        {"platform_name": "Moodle", "number": 1, "waits": False, "is_update": True},
    ),
    "rights": ("lti/rights.html", T, RIGHTS),
    "course": ("courses/course.html", L, course()),
    "course-new": ("courses/course.html", T, course(progress=None, next_entry=None, edit_url="#", is_draft=True)),
    "course-unpaid": (
        "courses/course.html",
        L,
        course(
            progress=None,
            next_entry=None,
            drop_url=None,
            payment={"price": "€19.99", "url": None, "how": "Bank of Trees\nDE12 3456", "reference": "trees-12"},
        ),
    ),
    "course-dropped": ("courses/course.html", L, course(is_dropped=True, take_up_url="#", drop_url=None)),
    "course-preview": (
        "courses/course.html",
        T,
        course(progress=None, next_entry=None, preview={"edit_url": "#", "is_trial": True}),
    ),
    "lesson": ("courses/lesson.html", L, lesson(PROSE)),
    "lesson-closed": ("courses/lesson.html", L, shown("lesson", html=None, lock="Opens after: Quiz 1")),
    "notebook": ("courses/lesson.html", L, shown("notebook", html=None, cells=CELLS)),
    "link-item": ("courses/lesson.html", L, shown("link", html=None, url="https://example.org/", is_elsewhere=True)),
    "file-item": ("courses/lesson.html", L, shown("file", html=None, url="#", file_name="weather.csv")),
    "pick": ("courses/pick.html", T, pick()),
    "pick-many": (
        "courses/pick.html",
        T,
        pick(multiple=True, error="Choose at least one lesson or quiz.", cancel_url=None),
    ),
    "pick-gone": (
        "courses/pick.html",
        T,
        pick(error="Something that you chose is no longer there. Choose again.", problem="item_not_found"),
    ),
    "pick-none": ("errors/error.html", T, NOTHING_TO_PICK),
    "pick-not-taken": ("errors/error.html", T, NOTHING_TAKEN),
    "error": ("errors/error.html", None, ERROR),
    "error-bare": (
        "errors/error.html",
        None,
        {"title": "Not found", "message": "There is no page at this address."},
    ),
    "cookie-window": ("lti/cookie_window.html", None, WINDOW),
    "check": ("lti/check.html", T, CHECK),
    "storage": ("lti/storage.html", None, STORAGE),
    "return": ("lti/return_to_lms.html", None, RETURN),
    "copied": ("lti/copied.html", T, {"origin": "Notebooks 101, autumn", "action": "#", "platform": "Moodle"}),
    "activity": ("lti/activity.html", T, activity()),
    "pick-search": ("courses/pick.html", T, pick(multiple=True, search={"url": "#", "words": "", "course": "first"})),
    **COURSE_PAGES,
    "files": ("files/files.html", T, files_page()),
    "files-none": ("files/files.html", T, files_page(rows=[], unfinished=[], busy=False)),
    "file": ("files/file.html", T, file_page()),
    "file-refused": ("files/file.html", T, file_page(state="refused", kind=None, refusal=REFUSED_FILE, pixels=None)),
    "design": ("design.html", T, {"sample_time": NOW, "action": "#", "page_url": lambda number: f"#page-{number}"}),
    **PROGRESS_PAGES,
    "to-hub": ("grading/to_hub.html", L, {"door": "#", "ticket": "e30", "automatic": False}),
    "hub-away": ("grading/hub_away.html", L, {"again_url": "#", "again_pass": "e30"}),
    **VIDEO_PAGES,
    **REVIEW_PAGES,
    **GROUP_PAGES,
    **REMARK_PAGES,
    **ADMIN_PAGES,
    **BY_HAND_PAGES,
}
