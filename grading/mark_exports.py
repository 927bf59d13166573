"""Marks as files: one line for each learner with the points of each question, and nbgrader's own export."""

import csv
import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from grading.access import placement_of
from grading.class_attempts import ClassAttempts, load_class_attempts
from grading.engine.nbgrader_export import COLUMNS, ExportRow
from grading.extensions import ClassTerms
from grading.group_work import PREFIX
from grading.models import SubmissionRow
from grading.plain_csv import plain_cell
from grading.staff_pages import learners_of
from grading.terms import attempt_that_counts
from lti_tool.kernel.db import Tx
from lti_tool.kernel.types import as_points
from lti_tool.lti import public as lti
from lti_tool.web.session import SignedIn

MISSING = "missing"
Key = tuple[str, str]
"""(notebook, grade id) of a question."""


@dataclass(frozen=True)
class Marked:
    """A learner with the attempt that is their result, or else their newest one, and what holds for them."""

    person: lti.Person
    attempt: SubmissionRow | None
    attempts: int
    counts: bool
    group: str
    """That the attempt was handed in for; empty: none."""


@dataclass(frozen=True)
class MarkBook:
    """The marks of a class for one quiz."""

    terms: ClassTerms
    lines: list[Marked]


def load_mark_book(tx: Tx, session: SignedIn, terms: ClassTerms) -> MarkBook:
    """Everybody in the LMS course by name; three queries."""
    learners = learners_of(tx, session)
    large = (SubmissionRow.files, SubmissionRow.feedback)
    made = load_class_attempts(tx, placement_of(session), terms.row.id, learners.keys(), large)
    _ = terms.row.questions  # loaded here, while there is a transaction
    people = sorted(learners.values(), key=lambda person: (person.display_name.casefold(), person.id))
    return MarkBook(terms, [_marked(terms, person, made) for person in people])


def _marked(terms: ClassTerms, person: lti.Person, made: ClassAttempts) -> Marked:
    attempts = made.by_learner.get(person.id, [])
    counts = attempt_that_counts(terms.of(person.id), attempts)
    shown = counts or (attempts[0] if attempts else None)
    group = made.groups[shown.id].name if shown is not None and shown.id in made.groups else ""
    return Marked(person, shown, len(attempts), counts is not None, group)


def marks_csv(book: MarkBook) -> str:
    """One line for each learner. Points are the gradebook's; `result` is after lateness, as the LMS gets it."""
    questions = _questions(book)
    head = ["learner", "id", "attempt", "attempts", "submitted_at", "late", "days_late", "state"]
    titles = [f"{label} ({maximum})" for label, maximum in questions.values()]
    tail = ["total", "max_points", "late_off", "result", "group"]
    return write_csv([head + titles + tail, *(_line(book.terms, each, list(questions)) for each in book.lines)])


def _line(terms: ClassTerms, each: Marked, keys: Sequence[Key]) -> list[object]:
    about: list[object] = [each.person.display_name, each.person.hub_name]
    row = each.attempt
    if row is None:
        return [*about, "", 0, "", "", "", MISSING, *("" for _key in keys), "", terms.row.max_points, "", "", ""]
    mine = terms.of(each.person.id)
    days = mine.days_late(row.submitted_at)
    weighed = mine.weigh_attempt(row) if row.state.is_marked else None
    given = {key: question["points"] for key, question in _marks_of(row).items()}
    facts = [row.number, each.attempts, row.submitted_at.isoformat(), "yes" if days else "no", days, row.shown_state]
    points = [_decimal(given.get(key)) if row.state.is_marked else "" for key in keys]
    total: list[object] = (
        [weighed.points, row.max_points, as_points(weighed.off), weighed.counts]
        if weighed
        else ["", row.max_points, "", ""]
    )
    if row.is_held or not each.counts:
        total[-1] = ""
    return [*about, *facts, *points, *total, each.group]


def _questions(book: MarkBook) -> dict[Key, tuple[str, str]]:
    """Labels and points by question: those of the quiz as it is, then those that only older attempts have."""
    found = {
        (question["notebook"], question["name"]): (question["title"], str(as_points(question["max_points"])))
        for question in book.terms.row.questions
    }
    for each in book.lines:
        for key, question in (_marks_of(each.attempt) if each.attempt else {}).items():
            found.setdefault(key, (question["label"], question["max_points"]))
    return found


def _marks_of(row: SubmissionRow) -> dict[Key, dict[str, Any]]:
    questions = (row.marks or {"questions": []})["questions"]
    return {(question["notebook"], question["name"]): question for question in questions}


def _decimal(text: str | None) -> Decimal | str:
    return "" if text is None else Decimal(text)


def nbgrader_csv(rows: Iterable[ExportRow], names: dict[str, str]) -> str:
    """In nbgrader's format. `names`, by student id, stand as last names where the gradebook has none."""
    lines = []
    for row in rows:
        values = row.values()
        if not row.last_name and not row.first_name:
            values[COLUMNS.index("last_name")] = names.get(row.student_id, "")
        lines.append(values)
    return write_csv([list(COLUMNS), *lines])


def spread_groups(
    rows: Sequence[ExportRow], handed_in: Mapping[tuple[str, str], Collection[int]], hub_names: Mapping[int, str]
) -> list[ExportRow]:
    """Rows of groups once for each member, in the place of what the member does not have of their own.

    `handed_in`: user ids by (assignment, what the gradebook calls the group); `hub_names` by user id.
    """
    members = {
        (row.assignment, hub_names[user_id]): row
        for row in rows
        if row.timestamp is not None
        for user_id in handed_in.get((row.assignment, row.student_id), ())
        if user_id in hub_names
    }
    alone = [row for row in rows if not row.student_id.startswith(PREFIX)]
    kept = [row for row in alone if row.timestamp is not None or (row.assignment, row.student_id) not in members]
    own = {(row.assignment, row.student_id) for row in kept}
    return kept + [
        replace(row, student_id=hub_name, last_name="", first_name="", email="")
        for (assignment, hub_name), row in members.items()
        if (assignment, hub_name) not in own
    ]


def write_csv(lines: Iterable[Sequence[object]]) -> str:
    """CSV in which no text is a formula for a spreadsheet."""
    out = io.StringIO()
    write = csv.writer(out).writerow
    for line in lines:
        write([plain_cell(value) if isinstance(value, str) else value for value in line])
    return out.getvalue()
