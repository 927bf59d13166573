"""What the pages for marking by hand show, as plain values for the templates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for
from flask_babel import gettext as _

from grading.engine.answers import Answer, ShownCell
from grading.engine.cell_html import Output
from grading.engine.hand_marks import HandMark
from grading.hand_marking import By, Desk, Paper, Question, Spot
from grading.hand_marking_forms import NEW_LINES, MarkForm, Problems, show_number
from grading.rubrics import RubricItem

KEYS = 9
"""Items of a rubric that have a digit."""
_OUTPUTS = {"text": "text", "warning": "text", "error": "error", "html": "html", "picture": "image"}


@dataclass(frozen=True)
class Look:
    """One answer on the desk, and what is known about it."""

    desk: Desk
    question: Question
    paper: Paper
    by: By
    mark: HandMark
    answer: Answer
    items: list[RubricItem]
    has_moved: bool
    """The address was of an earlier attempt than the one in the gradebook."""

    @property
    def spot(self) -> Spot:
        """Where it is."""
        return Spot(self.question.ref, self.paper.submission_id)


def desk_context(desk: Desk) -> dict[str, Any]:
    """What `by_hand.html` needs."""
    place = place_of(desk)
    left = sum(question.waiting for question in desk.by_hand)
    first = {by: desk.find_next_waiting(by) or next(iter(desk.sequence(by)), None) for by in ("question", "learner")}
    return {
        "trail": [(desk.sheet.row.title, url_for("grading.list_quiz", **place))],
        "quiz": {"title": desk.sheet.row.title},
        "left": left,
        "total": len(desk.sequence("question")),
        "start_url": spot_url(desk, first["question"], "question"),
        "learner_url": spot_url(desk, first["learner"], "learner"),
        "questions": [_question_line(desk, question) for question in desk.questions],
        "hides_names": desk.sheet.hides_names,
        "names_url": url_for("grading.switch_names", **place),
        "formgrader_url": url_for("grading.open_formgrader", **place),
        "marks_url": url_for("grading.export_marks", **place),
        "nbgrader_url": url_for("grading.export_nbgrader", **place),
    }


def _question_line(desk: Desk, question: Question) -> dict[str, Any]:
    spots = [spot for spot in desk.sequence("question", question.ref) if spot.ref == question.ref]
    first = next((spot for spot in spots if spot in desk.waiting), next(iter(spots), None))
    words = {"auto": _("by tests"), "manual": _("by hand"), "task": _("by hand")}
    return {
        "number": question.number,
        "title": question.title,
        "how": words[question.kind],
        "max_points": question.max_score,
        "answers": question.answers,
        "waiting": question.waiting,
        "is_by_hand": question.is_by_hand,
        "url": spot_url(desk, first, "question"),
    }


def answer_context(
    look: Look, form: MarkForm, *, problems: Problems, conflict: bool, said: str | None, rubric_open: bool
) -> dict[str, Any]:
    """What `by_hand_answer.html` needs."""
    desk, question = look.desk, look.question
    return _ways(look) | {
        "quiz": {"title": desk.sheet.row.title},
        "question": {"number": question.number, "title": question.title, "max_points": question.max_score},
        "learner": _show_learner(look),
        "left": {"question": question.waiting, "all": sum(each.waiting for each in desk.by_hand)},
        "answer": {
            "state": look.answer.state,
            "question": show_cells(look.answer.question),
            "cells": show_cells(look.answer.cells),
            "model": show_cells(look.answer.model),
        },
        "mark": look.mark,
        "form": form,
        "is_unsaved": form != MarkForm.of(look.mark, look.items),
        "shown_points": show_number(look.mark.manual_score),
        "version": look.mark.version,
        "items": [_show_item(key, item, form) for key, item in enumerate(look.items, 1)],
        "new_lines": range(1, NEW_LINES + 1),
        "problems": problems,
        "rubric_open": rubric_open,
        "conflict": conflict,
        "moved": look.has_moved,
        "said": said,
    }


def _ways(look: Look) -> dict[str, Any]:
    """The ways from an answer to others."""
    desk, place = look.desk, place_of(look.desk)
    spots = desk.sequence(look.by, look.question.ref)
    at = spots.index(look.spot)
    return {
        "trail": [
            (desk.sheet.row.title, url_for("grading.list_quiz", **place)),
            (_("Marking by hand"), url_for("grading.list_by_hand", **place)),
        ],
        "place": {"number": at + 1, "of": len(spots)},
        "orders": [
            {"label": label, "url": spot_url(desk, look.spot, by), "current": by == look.by, "number": None}
            for by, label in _orders()
        ],
        "previous_url": spot_url(desk, spots[at - 1] if at else None, look.by),
        "following_url": spot_url(desk, spots[at + 1] if at + 1 < len(spots) else None, look.by),
        "onwards_url": spot_url(desk, desk.find_next_waiting(look.by, look.spot), look.by),
        "save_url": spot_url(desk, look.spot, look.by),
    }


def _show_item(key: int, item: RubricItem, form: MarkForm) -> dict[str, Any]:
    return {
        "id": item.id,
        "key": key if key <= KEYS else None,
        "label": item.label,
        "points": show_number(item.points),
        "version": item.version,
        "is_chosen": item.id in form.chosen,
    }


def _show_learner(look: Look) -> dict[str, Any]:
    desk, paper = look.desk, look.paper
    place: dict[str, Any] = place_of(desk) | {"submission_id": paper.submission_id}
    hidden = desk.sheet.hides_names
    path = f"{look.question.ref.notebook}.html"
    return {
        "name": _("Learner %(code)s", code=paper.name) if hidden else paper.name,
        "attempt": None if hidden else paper.number,
        "is_outdated": paper.is_outdated,
        "url": None if hidden else url_for("grading.show_submission", **place),
        "notebook_url": url_for("grading.show_submission_notebook", **place, path=path),
    }


def _orders() -> tuple[tuple[By, str], tuple[By, str]]:
    return (("question", _("Question by question")), ("learner", _("Learner by learner")))


def place_of(desk: Desk) -> dict[str, Any]:
    """Of the quiz, for `url_for`."""
    return {"slug": desk.sheet.row.course_slug, "name": desk.sheet.row.name}


def spot_url(desk: Desk, spot: Spot | None, by: By, **more: Any) -> str | None:
    """The page of an answer; None: there is none."""
    if spot is None:
        return None
    address: dict[str, Any] = {
        "notebook": spot.ref.notebook,
        "cell": spot.ref.grade_id,
        "submission_id": spot.submission_id,
    }
    return url_for("grading.show_answer", **place_of(desk), **address, by=by, **more)


def show_cells(cells: Sequence[ShownCell]) -> list[dict[str, Any]]:
    """Cells as `_by_hand_cells.html` takes them."""
    return [
        {"kind": cell.kind, "html": cell.html, "outputs": [_show_output(each) for each in cell.outputs]}
        for cell in cells
    ]


def _show_output(output: Output) -> dict[str, Any]:
    return {
        "kind": _OUTPUTS.get(output.kind, "text"),
        "text": output.text,
        "html": output.html,
        "src": output.source,
        "alt": output.text or _("Picture"),
    }
