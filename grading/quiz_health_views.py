"""The page that says how a quiz goes."""

from decimal import Decimal
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as AnyResponse

from grading.access import placement_of
from grading.blueprint import blueprint
from grading.extensions import load_class_terms
from grading.quiz_health import BANDS, CellHealth, Health, QuestionHealth, load_health
from grading.remarking_pages import place_of
from grading.staff_pages import learners_of
from lti_tool.kernel.permissions import Right
from lti_tool.web.render import page
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import open_course, right_required

HARD = Decimal("0.5")
"""A question of which less than this share was earned is pointed out."""


@blueprint.get("/<slug>/<name>/health")
@right_required(Right.MARK)
def show_health(slug: str, name: str) -> AnyResponse:
    """Scores, questions, slow cells, ends and attempts of a quiz."""
    session = open_course(slug)
    with current_runtime().db.reading() as tx:
        terms = load_class_terms(tx, slug, name, placement_of(session))
        learners = [person.id for person in learners_of(tx, session).values() if not person.is_test]
        health = load_health(tx, placement_of(session), terms, learners)
    row = terms.row
    return page(
        "grading/health.html",
        trail=[(row.title, url_for("grading.list_quiz", **place_of(row)))],
        quiz={"title": row.title},
        cell_limit_s=current_runtime().settings.grading.cell_s,
        remark_url=url_for("grading.begin_remark", **place_of(row)) if health.attempts else None,
        **health_context(health),
    )


def health_context(health: Health) -> dict[str, Any]:
    """What `health.html` needs, besides its addresses."""
    return {
        "summary": {
            "learners": health.learners,
            "handed_in": health.handed_in,
            "attempts": health.attempts,
            "mean": _percent(health.mean),
            "middle": _percent(health.middle),
        },
        "scores": _scores(health) if sum(health.shares) else [],
        "questions": [_question(each) for each in health.questions],
        "cells": [_cell(each, len({cell.notebook for cell in health.cells}) > 1) for each in health.cells],
        "ends": [{"label": _end(end), "number": number} for end, number in health.ends.items()],
        "states": [{"state": state, "number": number} for state, number in health.states.items()],
        "attempts": [
            {"label": _attempts(tries), "value": number, "text": str(number)}
            for tries, number in health.per_learner.items()
        ],
    }


def _percent(share: Decimal | None) -> int | None:
    return None if share is None else round(100 * share)


def _scores(health: Health) -> list[dict[str, Any]]:
    step = 100 // BANDS
    rows = []
    for number, value in enumerate(health.shares):
        low, high = number * step, (number + 1) * step
        rows.append({"label": _("%(low)s to %(high)s %%", low=low, high=high), "value": value, "text": str(value)})
    return rows


def _question(each: QuestionHealth) -> dict[str, Any]:
    return {
        "label": each.label,
        "max_points": each.max_points,
        "percent": _percent(each.average) if each.marked else None,
        "full": each.full,
        "none": each.none,
        "marked": each.marked,
        "waiting": each.waiting,
        "is_hard": each.marked > 0 and each.average < HARD,
    }


def _cell(each: CellHealth, names_notebook: bool) -> dict[str, Any]:
    label = each.name or _("Cells of the learners’ own")
    text = _("%(median)s s, at most %(longest)s s", median=_seconds(each.median_ms), longest=_seconds(each.longest_ms))
    return {"label": f"{each.notebook}: {label}" if names_notebook else label, "value": each.median_ms, "text": text}


def _seconds(ms: int) -> str:
    return f"{ms / 1000:.1f}" if ms >= 95 else f"{ms / 1000:.3f}"


def _attempts(tries: int) -> str:
    return str(ngettext("%(num)d attempt", "%(num)d attempts", tries))


def _end(outcome: str) -> str:
    words = {
        "timed_out": _("A cell took too long"),
        "out_of_memory": _("Too much memory"),
        "too_much_output": _("Too much output"),
        "kernel_died": _("Python ended"),
        "not_a_notebook": _("Not a notebook"),
        "missing_notebook": _("A notebook was missing"),
        "limit_exceeded": _("Files too large"),
        "given_up": _("The machine failed"),
    }
    return str(words.get(outcome, outcome.replace("_", " ")))
