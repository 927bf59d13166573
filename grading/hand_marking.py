"""Marking by hand in the tool: whose answers there are, in what order, which are left, and saving a mark.

Points and comments go into the placement's gradebook, where formgrader works too; `SyncMarks` brings them to the
result and to the LMS (docs/adr/0005-one-truth-for-marks.md).
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Literal

from sqlalchemy import and_, select
from sqlalchemy.orm import defer

from config.settings import Settings
from grading.assignments import no_such_quiz
from grading.engine.answers import AnswerFiles
from grading.engine.hand_marks import CellRef, GradedCell, HandMark, HandMarks, NewMark, Standing
from grading.engine.model import QuestionKind
from grading.group_work import PREFIX, HandedIn, list_handed_in
from grading.messages import SyncMarks
from grading.models import AssignmentRow, SubmissionRow, SubmissionState
from grading.rubric_models import HandMarkingRow
from grading.rubrics import RubricOf, choose_items
from lti_tool.kernel import jobs
from lti_tool.kernel.db import Tx
from lti_tool.kernel.runtime import Runtime
from lti_tool.kernel.upsert import upsert
from lti_tool.lti import public as lti

By = Literal["question", "learner"]


@dataclass(frozen=True)
class Paper:
    """The attempt of a learner that the gradebook holds."""

    submission_id: int
    user_id: int
    """Who handed it in."""
    hub_name: str
    name: str
    """What the grader sees: the learner's or group's name, or a code where names are hidden."""
    number: int
    submitted_at: datetime
    is_outdated: bool
    """A newer attempt waits for its marking and takes its place."""


@dataclass(frozen=True)
class Question:
    """A graded cell, with how far its marking is."""

    ref: CellRef
    number: int
    """In the quiz, from 1."""
    title: str
    kind: QuestionKind
    max_score: Decimal
    answers: int
    waiting: int

    @property
    def is_by_hand(self) -> bool:
        """Does a person mark it, for some learner at least?"""
        return self.kind != "auto" or self.waiting > 0


@dataclass(frozen=True)
class Spot:
    """One answer: a question and the submission that it is in."""

    ref: CellRef
    submission_id: int


@dataclass(frozen=True)
class Sheet:
    """What the tool's own tables say of a quiz in one placement."""

    row: AssignmentRow
    placement_id: int
    hides_names: bool
    learners: dict[str, lti.Person]
    """By hub name; those of the LMS course."""
    attempts: dict[str, list[tuple[int, int, datetime, SubmissionState]]]
    """By hub name: (id, number, submitted at, state)."""
    submitters: dict[int, int]
    """Who handed in, by submission id."""
    groups: dict[int, HandedIn]
    """Of the attempts that are a group's, by submission id."""

    def say_whose(self, hub_name: str, submission_id: int) -> str | None:
        """The learner's name, or the group's with those of its members; None: nobody of them is in the course."""
        group = self.groups.get(submission_id)
        if group is None:
            return self.learners[hub_name].display_name if hub_name in self.learners else None
        names = {person.id: person.display_name for person in self.learners.values()}
        return group.say(names) if any(user_id in names for user_id in group.user_ids) else None

    def rubric_of(self, ref: CellRef) -> RubricOf:
        """The place of a question's rubric."""
        return RubricOf(self.placement_id, self.row.id, ref)


@dataclass(frozen=True)
class Desk:
    """Everything that there is to mark in a quiz."""

    sheet: Sheet
    papers: tuple[Paper, ...]
    questions: tuple[Question, ...]
    there: frozenset[Spot]
    waiting: frozenset[Spot]

    @cached_property
    def by_hand(self) -> tuple[Question, ...]:
        """The questions that a person marks."""
        return tuple(each for each in self.questions if each.is_by_hand)

    def find_question(self, ref: CellRef) -> Question | None:
        """The question of a cell."""
        return next((each for each in self.questions if each.ref == ref), None)

    def find_paper(self, submission_id: int) -> Paper | None:
        """The paper of a submission."""
        return next((each for each in self.papers if each.submission_id == submission_id), None)

    def sequence(self, by: By, shown: CellRef | None = None) -> list[Spot]:
        """All answers that a person marks in the order of marking; with those to the question that is `shown`."""
        refs = [each.ref for each in self.questions if each.is_by_hand or each.ref == shown]
        ids = [each.submission_id for each in self.papers]
        if by == "question":
            spots = [Spot(ref, submission_id) for ref in refs for submission_id in ids]
        else:
            spots = [Spot(ref, submission_id) for submission_id in ids for ref in refs]
        return [spot for spot in spots if spot in self.there]

    def find_next_waiting(self, by: By, after: Spot | None = None) -> Spot | None:
        """The next answer that has no mark yet, from the start again if need be."""
        spots = self.sequence(by, after.ref if after else None)
        at = spots.index(after) + 1 if after in spots else 0
        return next((spot for spot in spots[at:] + spots[:at] if spot in self.waiting and spot != after), None)


def load_sheet(tx: Tx, slug: str, name: str, placement_id: int) -> Sheet:
    """A quiz with its learners and their attempts; three queries. Raises: NotFound."""
    mine = and_(HandMarkingRow.assignment_id == AssignmentRow.id, HandMarkingRow.placement_id == placement_id)
    query = select(AssignmentRow, HandMarkingRow.hides_names).outerjoin(HandMarkingRow, mine)
    query = query.where(AssignmentRow.course_slug == slug, AssignmentRow.name == name)
    found = tx.execute(query.options(defer(AssignmentRow.release))).first()
    if found is None:
        raise no_such_quiz()
    row, hides_names = found
    learners = {person.hub_name: person for person in lti.list_learners(tx, placement_id)}
    columns = (SubmissionRow.hub_name, SubmissionRow.id, SubmissionRow.number, SubmissionRow.submitted_at)
    theirs = select(*columns, SubmissionRow.state, SubmissionRow.user_id).where(
        SubmissionRow.placement_id == placement_id, SubmissionRow.assignment_id == row.id
    )
    attempts: dict[str, list[tuple[int, int, datetime, SubmissionState]]] = {}
    submitters: dict[int, int] = {}
    for hub_name, submission_id, number, at, state, user_id in tx.execute(theirs):
        attempts.setdefault(hub_name, []).append((submission_id, number, at, state))
        submitters[submission_id] = user_id
    groups = list_handed_in(tx, placement_id, row.id) if any(name.startswith(PREFIX) for name in attempts) else {}
    return Sheet(row, placement_id, bool(hides_names), learners, attempts, submitters, groups)


def open_marks(settings: Settings, sheet: Sheet) -> HandMarks:
    """The gradebook of the sheet's placement."""
    return HandMarks(settings.gradebook_url(sheet.row.course_slug, sheet.placement_id), sheet.row.name)


def open_answers(settings: Settings, sheet: Sheet) -> AnswerFiles:
    """The marked notebooks of the sheet's placement."""
    slug = sheet.row.course_slug
    return AnswerFiles(settings.course_dir(slug), settings.placement_dir(slug, sheet.placement_id), sheet.row.name)


def set_desk(settings: Settings, sheet: Sheet) -> Desk:
    """Lay out what the gradebook holds. To be called outside of transactions. Raises: hand_marks.Busy."""
    marks = open_marks(settings, sheet)
    if not marks.is_there():
        return Desk(sheet, (), (), frozenset(), frozenset())
    cells, standings = marks.list_cells(), marks.list_standings()
    papers = _papers(sheet, standings)
    ids = {paper.hub_name: paper.submission_id for paper in papers}
    held = [each for each in standings if each.learner in ids]
    there = frozenset(Spot(each.ref, ids[each.learner]) for each in held)
    waiting = frozenset(Spot(each.ref, ids[each.learner]) for each in held if each.needs_manual)
    return Desk(sheet, papers, _questions(sheet.row, cells, there, waiting), there, waiting)


def save_mark(
    runtime: Runtime,
    sheet: Sheet,
    question: Question,
    paper: Paper,
    version: str,
    new: NewMark,
    chosen: Collection[int],
) -> HandMark:
    """Put a mark into the gradebook, and have it brought to the result and the LMS.

    Should the process die in between, `sync.reconcile` finds the new total within half a minute.
    Raises: hand_marks.Changed: another grader was first; nothing was saved. hand_marks.Busy.
    """
    comment_at = open_answers(runtime.settings, sheet).comment_at(question.ref)
    saved = open_marks(runtime.settings, sheet).save(paper.hub_name, question.ref, comment_at, version, new)
    with runtime.db.transaction() as tx:
        choose_items(tx, sheet.rubric_of(question.ref), paper.user_id, chosen)
        jobs.enqueue(tx, SyncMarks(sheet.placement_id, sheet.row.name, paper.hub_name))
    return saved


def hide_names(tx: Tx, sheet: Sheet, hides_names: bool) -> None:
    """Hide from those who mark whose answers they mark, or show it."""
    key = {"placement_id": sheet.placement_id, "assignment_id": sheet.row.id}
    upsert(tx, HandMarkingRow, key, {"hides_names": hides_names})


def list_hidden(tx: Tx, slug: str, placement_id: int) -> dict[str, str]:
    """The quizzes of a placement whose names are hidden; with each, what stands before a hub name to make its code.

    The code is the first six digits of the SHA-256 in hexadecimal. Formgrader makes the same one.
    """
    query = select(AssignmentRow.name, AssignmentRow.id).join(
        HandMarkingRow, HandMarkingRow.assignment_id == AssignmentRow.id
    )
    query = query.where(AssignmentRow.course_slug == slug, HandMarkingRow.placement_id == placement_id)
    return {name: _salt(placement_id, number) for name, number in tx.execute(query.where(HandMarkingRow.hides_names))}


def _papers(sheet: Sheet, standings: Sequence[Standing]) -> tuple[Paper, ...]:
    held = {each.learner: each.submitted_at for each in standings}
    papers = []
    for hub_name, submitted_at in held.items():
        attempts = sheet.attempts.get(hub_name, [])
        found = next((each for each in attempts if each[2] == submitted_at), None)
        whose = sheet.say_whose(hub_name, found[0]) if found else None
        if whose is None or found is None:
            continue
        submission_id, number, at, _state = found
        outdated = any(each[1] > number and each[3].is_busy for each in attempts)
        name = _code(sheet, hub_name) if sheet.hides_names else whose
        user_id = sheet.submitters[submission_id]
        papers.append(Paper(submission_id, user_id, hub_name, name, number, at, outdated))
    return tuple(sorted(papers, key=lambda paper: (paper.name.casefold(), paper.submission_id)))


def _code(sheet: Sheet, hub_name: str) -> str:
    """A name that says nothing; in its order, too, nobody is recognised."""
    text = _salt(sheet.placement_id, sheet.row.id) + hub_name
    return hashlib.sha256(text.encode()).hexdigest()[:6].upper()


def _salt(placement_id: int, assignment_id: int) -> str:
    return f"{placement_id}:{assignment_id}:"


def _questions(
    row: AssignmentRow, cells: Sequence[GradedCell], there: Collection[Spot], waiting: Collection[Spot]
) -> tuple[Question, ...]:
    titles = {CellRef(each["notebook"], each["name"]): each["title"] for each in row.questions}
    order = {ref: number for number, ref in enumerate(titles)}
    answers, left = Counter(spot.ref for spot in there), Counter(spot.ref for spot in waiting)
    ordered = sorted(cells, key=lambda each: (order.get(each.ref, len(order)), each.ref.notebook, each.ref.grade_id))
    return tuple(
        Question(
            ref=each.ref,
            number=number,
            title=titles.get(each.ref, each.ref.grade_id),
            kind=each.kind,
            max_score=each.max_score,
            answers=answers[each.ref],
            waiting=left[each.ref],
        )
        for number, each in enumerate(ordered, 1)
    )
