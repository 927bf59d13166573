"""Sample contexts of the pages for marking by hand."""

from decimal import Decimal
from typing import Any

from grading.engine.answers import ShownCell
from grading.engine.cell_html import Output, clean_html, code_html, markdown_html
from grading.engine.hand_marks import HandMark
from grading.hand_marking_forms import MarkForm
from grading.hand_marking_pages import show_cells
from lti_tool.kernel.permissions import Role

QUESTION = """## 2. Your advice (6 points)

A friend starts at the school on Monday and asks which line to take. Write 80 to 150 words: your answer first, then the
numbers that support it (with units, and what they count), then what these data do not show."""
ANSWER = """I would take **line 4**. Its median delay is 2 minutes, line 9's is 5 minutes.

The mean says the opposite (6 against 4.8 minutes), but that is because of one morning with 41 minutes. On the other
nine days line 4 was never more than 3 minutes late.

- ten mornings are few
- nothing is known about weekends"""
MODEL = "Take line 4, and leave ten minutes of slack on days when you must not be late."
CODE = 'def summary(delays):\n    return {"mean": sum(delays) / len(delays), "longest": max(delays)}'
TEST = 'assert summary(line_4)["mean"] == 6\nassert summary(line_4)["median"] == 2'
TABLE = clean_html(
    "<table><thead><tr><th></th><th>line 4</th><th>line 9</th></tr></thead>"
    "<tbody><tr><th>mean</th><td>6.0</td><td>4.8</td></tr></tbody></table>"
)


def text(source: str) -> ShownCell:
    """A cell with text."""
    return ShownCell("text", markdown_html(source, below=2), ())


def answer(**changes: Any) -> dict[str, Any]:
    """One answer to mark."""
    mark = HandMark(None, None, None, None, True, None, None, "v1")
    rubric = [("A clear answer that fits the numbers", "2"), ("Mean and median used for what they say", "2")]
    rubric += [("A limit of the data that matters here", "2"), ("Units are missing", "-0.5")]
    base: dict[str, Any] = {
        "trail": [("Quiz 3: Which bus?", "#"), ("Marking by hand", "#")],
        "quiz": {"title": "Quiz 3: Which bus?"},
        "question": {"number": 2, "title": "Your advice", "max_points": Decimal(6)},
        "learner": {"name": "Ada Lovelace", "attempt": 2, "is_outdated": False, "url": "#", "notebook_url": "#"},
        "place": {"number": 3, "of": 28},
        "left": {"question": 12, "all": 30},
        "orders": [
            {"label": "Question by question", "url": "#", "current": True, "number": None},
            {"label": "Learner by learner", "url": "#", "current": False, "number": None},
        ],
        "previous_url": "#",
        "following_url": "#",
        "onwards_url": "#",
        "answer": {
            "state": "there",
            "question": show_cells([text(QUESTION)]),
            "cells": show_cells([text(ANSWER)]),
            "model": show_cells([text(MODEL)]),
        },
        "mark": mark,
        "form": MarkForm("4", "", "The limits are well seen.", frozenset({1, 2}), "v1"),
        "is_unsaved": False,
        "shown_points": "",
        "version": "v1",
        "items": [
            {"id": at, "key": at, "label": label, "points": points, "version": 1, "is_chosen": at < 3}
            for at, (label, points) in enumerate(rubric, 1)
        ],
        "new_lines": range(1, 3),
        "rubric_open": False,
        "problems": [],
        "conflict": False,
        "moved": False,
        "said": "Saved",
        "save_url": "#",
    }
    return base | changes


def desk(**changes: Any) -> dict[str, Any]:
    """What there is to mark."""
    line = {"how": "by tests", "max_points": Decimal(4), "answers": 28, "waiting": 0, "is_by_hand": False, "url": "#"}
    by_hand = {"how": "by hand", "max_points": Decimal(6), "is_by_hand": True}
    base: dict[str, Any] = {
        "trail": [("Quiz 3: Which bus?", "#")],
        "quiz": {"title": "Quiz 3: Which bus?"},
        "left": 12,
        "total": 56,
        "start_url": "#",
        "learner_url": "#",
        "questions": [
            line | {"number": 1, "title": "Three numbers"},
            line | by_hand | {"number": 2, "title": "Your advice", "waiting": 12},
            line | by_hand | {"number": 3, "title": "What you would measure next"},
        ],
        "hides_names": False,
        "names_url": "#",
        "formgrader_url": "#",
        "marks_url": "#",
        "nbgrader_url": "#",
        "done": False,
    }
    return base | changes


TESTED = ShownCell("code", code_html(TEST), (Output("error", "KeyError: 'median'"),))
OUTPUTS = (Output("text", "6.0"), Output("html", html=TABLE))
CHANGED = HandMark(None, Decimal(2), Decimal(3), Decimal("0.5"), False, "Half of it.", None, "v2")
GONE: dict[str, Any] = {"state": "deleted", "question": [], "cells": [], "model": []}
BY_HAND_PAGES = {
    "by-hand": ("grading/by_hand.html", Role.TEACHER, desk()),
    "by-hand-done": ("grading/by_hand.html", Role.TEACHER, desk(left=0, done=True, hides_names=True)),
    "by-hand-none": ("grading/by_hand.html", Role.TEACHER, desk(left=0, total=0, start_url=None, questions=[])),
    "by-hand-answer": ("grading/by_hand_answer.html", Role.TEACHER, answer()),
    "by-hand-bare": (
        "grading/by_hand_answer.html",
        Role.TEACHER,
        answer(items=[], said=None, form=MarkForm("", "", "", frozenset(), "v1"), rubric_open=True, previous_url=None),
    ),
    "by-hand-conflict": (
        "grading/by_hand_answer.html",
        Role.TEACHER,
        answer(
            conflict=True,
            said=None,
            mark=CHANGED,
            answer={
                "state": "there",
                "question": [],
                "cells": show_cells([ShownCell("code", code_html(CODE), OUTPUTS), TESTED]),
                "model": [],
            },
        ),
    ),
    "by-hand-refused": (
        "grading/by_hand_answer.html",
        Role.TEACHER,
        answer(
            said=None,
            learner={"name": "Learner 7F3A91", "attempt": None, "is_outdated": True, "url": None, "notebook_url": "#"},
            form=MarkForm("7", "", "", frozenset({1}), "v1"),
            problems=[("points", "The question is worth 0 to 6 points. What goes beyond is extra credit.")],
        ),
    ),
    "by-hand-deleted": (
        "grading/by_hand_answer.html",
        Role.TEACHER,
        answer(
            moved=True,
            following_url=None,
            onwards_url=None,
            answer=GONE,
        ),
    ),
}
