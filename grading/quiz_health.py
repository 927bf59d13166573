"""How a quiz goes: what its attempts say about its questions, its cells and its limits. Test students are left out."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import median
from typing import Any

from sqlalchemy import select

from grading.extensions import ClassTerms
from grading.group_work import list_handed_in
from grading.models import SubmissionRow
from grading.submissions import is_of
from grading.terms import attempt_that_counts
from lti_tool.kernel.db import Tx

BANDS = 10
SLOWEST = 8
CALM = frozenset({"graded", "needs_manual"})
LIGHT = (
    SubmissionRow.id,
    SubmissionRow.user_id,
    SubmissionRow.hub_name,
    SubmissionRow.group_id,
    SubmissionRow.number,
    SubmissionRow.submitted_at,
    SubmissionRow.state,
    SubmissionRow.outcome,
    SubmissionRow.points,
    SubmissionRow.late_penalty,
    SubmissionRow.max_points,
    SubmissionRow.marks,
    SubmissionRow.cell_ms,
    SubmissionRow.suspicion,
    SubmissionRow.decision,
)
"""What is read of an attempt: not its files, and not its feedback."""


@dataclass(frozen=True)
class QuestionHealth:
    """One question over the attempts that count."""

    label: str
    max_points: Decimal
    marked: int
    """Attempts in which it is marked."""
    full: int
    """Of them, with full marks."""
    none: int
    """Of them, without any point."""
    average: Decimal
    """Share of its points that was earned, 0 to 1."""
    waiting: int
    """Attempts in which a person has not marked it yet."""


@dataclass(frozen=True)
class CellHealth:
    """How long one cell runs."""

    notebook: str
    name: str
    """Its grade id; empty: the cells of the learner's own, together."""
    runs: int
    median_ms: int
    longest_ms: int


@dataclass(frozen=True)
class Health:
    """A quiz in one placement."""

    learners: int
    handed_in: int
    """Learners with an attempt, of their own or of a group."""
    attempts: int
    shares: tuple[int, ...]
    """Results by tenth of the points: 0 up to 10 %, …, 90 % and more; `BANDS` of them."""
    mean: Decimal | None
    """Of the results, as a share of the points, 0 to 1."""
    middle: Decimal | None
    questions: tuple[QuestionHealth, ...]
    cells: tuple[CellHealth, ...]
    """The slowest first, at most `SLOWEST`."""
    ends: Mapping[str, int]
    """How attempts ended that did not run calmly, by outcome, most frequent first."""
    states: Mapping[str, int]
    """Attempts by the word that pages have for their state; those that are held are among them."""
    per_learner: Mapping[int, int]
    """Number of attempts → how many learners made as many."""


def load_health(tx: Tx, placement_id: int, terms: ClassTerms, learner_ids: Sequence[int]) -> Health:
    """Everything on a quiz, in one query. `learner_ids`: of those who count, without test students."""
    query = (
        select(*LIGHT)
        .where(SubmissionRow.placement_id == placement_id, SubmissionRow.assignment_id == terms.row.id)
        .where(is_of(list(learner_ids)))
        .order_by(SubmissionRow.user_id, SubmissionRow.number)
    )
    by_learner: dict[str, list[SubmissionRow]] = defaultdict(list)  # of a group once, under the group's own name
    for row in tx.execute(query):
        by_learner[row.hub_name].append(SubmissionRow(**row._mapping))
    counting = {name: attempt_that_counts(terms.of(rows[-1].user_id), rows) for name, rows in by_learner.items()}
    shares = [_share(terms, row) for row in counting.values() if row is not None and not row.is_held]
    every = [row for rows in by_learner.values() for row in rows]
    ends = Counter(row.outcome for row in every if row.outcome and row.outcome not in CALM)
    return Health(
        learners=len(learner_ids),
        handed_in=len(_owners(tx, placement_id, terms, every) & set(learner_ids)),
        attempts=len(every),
        shares=_bands(shares),
        mean=sum(shares, Decimal(0)) / len(shares) if shares else None,
        middle=median(shares) if shares else None,
        questions=_questions(row.marks for row in counting.values() if row is not None and row.marks),
        cells=_cells(row.cell_ms for row in every if row.cell_ms),
        ends=dict(ends.most_common()),
        states=Counter(row.shown_state for row in every),
        per_learner=dict(sorted(Counter(len(rows) for rows in by_learner.values()).items())),
    )


def _owners(tx: Tx, placement_id: int, terms: ClassTerms, every: Iterable[SubmissionRow]) -> set[int]:
    """Whose the attempts are; a query more where some are of groups."""
    groups = list_handed_in(tx, placement_id, terms.row.id) if any(row.group_id for row in every) else {}
    return {row.user_id for row in every} | {user_id for group in groups.values() for user_id in group.user_ids}


def _share(terms: ClassTerms, row: SubmissionRow) -> Decimal:
    weighed = terms.of(row.user_id).weigh_attempt(row)
    return weighed.counts / row.max_points if weighed is not None and row.max_points > 0 else Decimal(0)


def _bands(shares: Iterable[Decimal]) -> tuple[int, ...]:
    found = Counter(max(0, min(int(share * BANDS), BANDS - 1)) for share in shares)
    return tuple(found[number] for number in range(BANDS))


def _questions(every: Iterable[dict[str, Any]]) -> tuple[QuestionHealth, ...]:
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for marks in every:
        for question in marks["questions"]:
            found.setdefault((question["notebook"], question["name"]), []).append(question)
    return tuple(_question(each) for each in found.values())


def _question(each: Sequence[dict[str, Any]]) -> QuestionHealth:
    newest = each[-1]
    pairs = [(Decimal(one["points"]), Decimal(one["max_points"])) for one in each if one["points"] is not None]
    possible = sum((maximum for _points, maximum in pairs), Decimal(0))
    return QuestionHealth(
        label=newest["label"],
        max_points=Decimal(newest["max_points"]),
        marked=len(pairs),
        full=sum(points >= maximum for points, maximum in pairs),
        none=sum(points <= 0 < maximum for points, maximum in pairs),
        average=sum((points for points, _maximum in pairs), Decimal(0)) / possible if possible else Decimal(0),
        waiting=len(each) - len(pairs),
    )


def _cells(every: Iterable[Mapping[str, int]]) -> tuple[CellHealth, ...]:
    found: dict[str, list[int]] = defaultdict(list)
    for times in every:
        for key, ms in times.items():
            found[key].append(ms)
    cells = []
    for key, runs in found.items():
        notebook, _slash, name = key.partition("/")
        cells.append(CellHealth(notebook, name, len(runs), round(median(runs)), max(runs)))
    cells.sort(key=lambda cell: (-cell.median_ms, -cell.longest_ms, cell.notebook, cell.name))
    return tuple(cells[:SLOWEST])
