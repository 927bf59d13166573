"""What the pages of a run show: whose score would change by how much, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import defer

from grading.extensions import ClassTerms
from grading.group_work import PREFIX, HandedIn, list_handed_in
from grading.models import AssignmentRow, SubmissionRow, SubmissionState
from grading.remarking_rows import AgainState, RemarkedRow, RemarkRow, RunState
from grading.staff_pages import ON_PAGE
from grading.terms import Terms, attempt_that_counts
from lti_tool.kernel.db import Tx
from lti_tool.lti import public as lti

TABS = ("changed", "same", "problems", "all")
PROBLEMS = (AgainState.FAILED, AgainState.STALE)
PENDING = (AgainState.MARKED, AgainState.CHOSEN)
LARGE = (SubmissionRow.files, SubmissionRow.marks, SubmissionRow.feedback, SubmissionRow.cell_ms)


@dataclass(frozen=True)
class Preview:
    """A run with everything that its page needs."""

    run: RemarkRow
    rows: list[RemarkedRow]
    attempts: dict[str, list[SubmissionRow]]
    """By hub name, newest first; all of a learner's or a group's, since others than those of the run may count."""
    learners: Mapping[int, lti.Person]
    terms: ClassTerms

    planned: dict[str, dict[int, RemarkedRow]]
    """By hub name and submission id: what could still be applied."""
    groups: Mapping[int, HandedIn]
    """Of the attempts that are a group's, by submission id."""

    def attempt_of(self, row: RemarkedRow) -> SubmissionRow:
        """The attempt that a row is about."""
        return next(each for some in self.attempts.values() for each in some if each.id == row.submission_id)

    def effect_on(self, hub_name: str) -> tuple[Decimal | None, Decimal | None] | None:
        """(result now, result if all were applied) of a learner; None: it stays as it is."""
        planned, attempts = self.planned.get(hub_name, {}), self.attempts[hub_name]
        terms = self.terms.of(attempts[0].user_id)
        after = [_as_if(each, planned[each.id]) if each.id in planned else each for each in attempts]
        counts = attempt_that_counts(terms, after)
        if counts is not None and counts.is_held:
            return None  # the result stays until the teacher has decided
        pair = _counting(terms, attempts), _counting(terms, after)
        return None if pair[0] == pair[1] else pair


def load_preview(tx: Tx, run: RemarkRow, terms: ClassTerms, learners: Mapping[int, lti.Person]) -> Preview:
    """The rows of a run and the attempts of their learners, in two queries."""
    rows = list(tx.scalars(select(RemarkedRow).where(RemarkedRow.remark_id == run.id).order_by(RemarkedRow.id)))
    chosen = select(SubmissionRow.hub_name).join(RemarkedRow, RemarkedRow.submission_id == SubmissionRow.id)
    chosen = chosen.where(RemarkedRow.remark_id == run.id)
    query = (
        select(SubmissionRow)
        .where(SubmissionRow.placement_id == run.placement_id, SubmissionRow.assignment_id == run.assignment_id)
        .where(SubmissionRow.hub_name.in_(chosen))
        .options(*(defer(column) for column in LARGE))
        .order_by(SubmissionRow.number.desc())
    )
    attempts: dict[str, list[SubmissionRow]] = {}
    names: dict[int, str] = {}
    for attempt in tx.scalars(query):
        attempts.setdefault(attempt.hub_name, []).append(attempt)
        names[attempt.id] = attempt.hub_name
    rows = [row for row in rows if row.submission_id in names]  # else erased a moment ago
    planned: dict[str, dict[int, RemarkedRow]] = {}
    for row in rows:
        if row.state in PENDING:
            planned.setdefault(names[row.submission_id], {})[row.submission_id] = row
    is_shared = any(name.startswith(PREFIX) for name in attempts)
    groups = list_handed_in(tx, run.placement_id, run.assignment_id) if is_shared else {}
    return Preview(run, rows, attempts, learners, terms, planned, groups)


def run_context(preview: Preview, shown: str | None, number: int) -> dict[str, Any]:
    """What `remark_run.html` needs, besides its addresses."""
    run, assignment = preview.run, preview.terms.row
    groups = _groups(preview.rows)
    shown = shown if shown in TABS else ("changed" if groups["changed"] else "all")
    order = sorted(
        groups[shown], key=lambda row: (-abs(_difference(row) or Decimal(0)), _name(preview, row).casefold(), row.id)
    )
    pages = max(1, -(-len(order) // ON_PAGE))
    number = min(max(1, number), pages)
    links = partial(url_for, "grading.show_remark", **place_of(assignment, run), show=shown)
    part = order[(number - 1) * ON_PAGE : number * ON_PAGE]
    return {
        "tabs": _tabs(assignment, run, groups, shown),
        "rows": [_line(preview, row) for row in part],
        "summary": _summary(preview),
        "pages": {
            "number": number,
            "pages": pages,
            "previous": links(page=number - 1) if number > 1 else None,
            "following": links(page=number + 1) if number < pages else None,
        },
    }


def progress_context(run: RemarkRow, states: Mapping[AgainState, int]) -> dict[str, Any]:
    """What `_remark_progress.html` needs of a run, besides its address."""
    total = sum(states.values())
    if run.state is RunState.MARKING:
        done = total - states.get(AgainState.WAITING, 0)
    else:
        done = states.get(AgainState.APPLIED, 0)
        total = done + states.get(AgainState.CHOSEN, 0)
    return {"done": done, "total": total, "is_marking": run.state is RunState.MARKING, "stopped": run.stopped}


def show_run(run: RemarkRow) -> dict[str, Any]:
    """A run for a template: .state .by .at .finished_at"""
    return {
        "state": run.state.value,
        "by": run.started_by_name,
        "at": run.started_at,
        "finished_at": run.finished_at,
        "stopped": run.stopped,
    }


def place_of(assignment: AssignmentRow, run: RemarkRow | None = None) -> dict[str, Any]:
    """The values of addresses of a quiz, or of a run of it."""
    place: dict[str, Any] = {"slug": assignment.course_slug, "name": assignment.name}
    return place if run is None else place | {"remark_id": run.id}


def _as_if(attempt: SubmissionRow, row: RemarkedRow) -> SubmissionRow:
    """The attempt as it would be; never stored."""
    return SubmissionRow(
        id=attempt.id,
        number=attempt.number,
        submitted_at=attempt.submitted_at,
        state=SubmissionState.NEEDS_MANUAL if row.needs_manual else SubmissionState.GRADED,
        points=row.points,
        max_points=row.max_points,
        late_penalty=row.late_penalty,
        suspicion=row.suspicion,
        decision=attempt.decision,
    )


def _counting(terms: Terms, attempts: Sequence[SubmissionRow]) -> Decimal | None:
    counts = attempt_that_counts(terms, attempts)
    weighed = terms.weigh_attempt(counts) if counts is not None else None
    return None if weighed is None else weighed.counts


def _difference(row: RemarkedRow) -> Decimal | None:
    if row.points is None or row.state in PROBLEMS:
        return None
    return row.points - (row.old_points or 0)


def _is_changed(row: RemarkedRow) -> bool:
    return bool(_difference(row)) or bool(row.cells) or (row.old_points is None and row.points is not None)


def _groups(rows: Sequence[RemarkedRow]) -> dict[str, list[RemarkedRow]]:
    scored = [row for row in rows if row.state not in PROBLEMS and row.points is not None]
    return {
        "changed": [row for row in scored if _is_changed(row)],
        "same": [row for row in scored if not _is_changed(row)],
        "problems": [row for row in rows if row.state in PROBLEMS],
        "all": list(rows),
    }


def _tabs(
    assignment: AssignmentRow, run: RemarkRow, groups: Mapping[str, list[RemarkedRow]], shown: str
) -> list[dict[str, Any]]:
    names = {"changed": _("Changed"), "same": _("As before"), "problems": _("Problems"), "all": _("All")}
    return [
        {
            "label": names[tab],
            "url": url_for("grading.show_remark", **place_of(assignment, run), show=tab),
            "current": tab == shown,
            "number": len(groups[tab]),
        }
        for tab in TABS
    ]


def _summary(preview: Preview) -> dict[str, int]:
    differences = [found for row in preview.rows if (found := _difference(row)) is not None]
    return {
        "attempts": len(preview.rows),
        "better": sum(each > 0 for each in differences),
        "worse": sum(each < 0 for each in differences),
        "same": sum(each == 0 for each in differences),
        "problems": sum(row.state in PROBLEMS for row in preview.rows),
        "pending": sum(row.state is AgainState.MARKED for row in preview.rows),
        "applied": sum(row.state is AgainState.APPLIED for row in preview.rows),
        "results": sum(preview.effect_on(name) is not None for name in preview.planned),
    }


def _name(preview: Preview, row: RemarkedRow) -> str:
    person = preview.learners.get(row.user_id)
    if row.submission_id in preview.groups:
        return preview.groups[row.submission_id].say({key: each.display_name for key, each in preview.learners.items()})
    if person is None:
        return str(_("Left the course"))
    return str(_("%(name)s (test student)", name=person.display_name)) if person.is_test else person.display_name


def _line(preview: Preview, row: RemarkedRow) -> dict[str, Any]:
    attempt = preview.attempt_of(row)
    effect = preview.effect_on(attempt.hub_name) if row.state in PENDING else None
    here = place_of(preview.terms.row) | {"submission_id": attempt.id}
    group = preview.groups.get(row.submission_id)
    is_listed = any(user_id in preview.learners for user_id in (group.user_ids if group else (row.user_id,)))
    return {
        "id": row.id,
        "learner": _name(preview, row),
        "url": url_for("grading.show_submission", **here) if is_listed else None,
        "number": attempt.number,
        "state": row.state.value,
        "may_be_picked": row.state is AgainState.MARKED and preview.run.state is RunState.READY,
        "old": row.old_points if row.points is not None else attempt.points,
        "old_max": row.old_max if row.points is not None else attempt.max_points,
        "new": None if row.state in PROBLEMS else row.points,
        "new_max": row.max_points,
        "difference": _difference(row),
        "cells": [_cell(cell) for cell in row.cells or []],
        "result": {"old": effect[0], "new": effect[1]} if effect else None,
        "marked_since": row.state is AgainState.MARKED and attempt.marked_at != row.seen_at,
        "needs_manual": row.needs_manual,
        "why": row.why,
        "suspicion": row.suspicion if attempt.decision is None else None,
    }


def _cell(cell: Mapping[str, Any]) -> dict[str, Any]:
    points = {key: None if cell[key] is None else Decimal(cell[key]) for key in ("old", "new", "max")}
    return {"label": cell["label"], "look": cell["look"], **points}
