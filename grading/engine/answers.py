"""One answer of a marked notebook, with its question and the model answer, for whoever marks it. Light to import.

The question comes from the release and the model answer from the source, so neither depends on what a learner made of
the notebook. Everything that is shown went through `cell_html`.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from grading.engine.cell_html import Output, code_html, markdown_html, show_output
from grading.engine.files import check_name
from grading.engine.hand_marks import CellRef
from grading.engine.hidden import HiddenText, split

Raw = Mapping[str, Any]
"""A cell as it stands in a notebook file."""
UNDER = 2
"""Level of the headings that cells are shown under."""
_NOTHING_HIDDEN = HiddenText(())
_HEADING = re.compile(r"^#{1,6}\s", re.MULTILINE)
_SOLUTION_MARK = re.compile(r"(BEGIN|END) SOLUTION|(BEGIN|END) MARK SCHEME")


@dataclass(frozen=True)
class ShownCell:
    """One cell, ready for a template."""

    kind: str
    """code or text"""
    html: str
    """Safe."""
    outputs: tuple[Output, ...]


@dataclass(frozen=True)
class Answer:
    """What a grader reads."""

    question: tuple[ShownCell, ...]
    cells: tuple[ShownCell, ...]
    """The learner's; for a cell with tests also these, with what they said."""
    model: tuple[ShownCell, ...]
    """The teacher's own answer or mark scheme; empty: there is none."""
    state: str
    """there, deleted (the cell), missing (the notebook), other (the files are of another attempt)"""
    comment_at: str
    """The cell that the grader's comment belongs to."""


@dataclass(frozen=True)
class AnswerFiles:
    """Where the notebooks of an assignment are."""

    course: Path
    """Has `source/` and `release/`."""
    work: Path
    """Has `autograded/`."""
    assignment: str

    def read(self, learner: str, ref: CellRef, submitted_at: datetime | None) -> Answer:
        """The answer of a learner; `submitted_at` is the attempt's that the gradebook holds."""
        name = f"{check_name(ref.notebook)}.ipynb"
        released = _cells_of(self.course / "release" / check_name(self.assignment) / name) or []
        folder = self.work / "autograded" / check_name(learner) / self.assignment
        found = _read(folder / name)
        state = "missing" if found is None else "there"
        mine: list[Raw] = []
        if found is not None:
            mine = _answer_cells(found, released, ref.grade_id)
            state = "there" if any(_id(each) == ref.grade_id for each in found) else "deleted"
        if not _is_of(folder, submitted_at):
            state, mine = "other", []
        return Answer(
            question=_show(_question_cells(released, ref.grade_id), None),
            cells=_show(mine, folder),
            model=_show(self._model_cells(released, ref, name), None),
            state=state,
            comment_at=comment_cell(released, ref.grade_id),
        )

    def comment_at(self, ref: CellRef) -> str:
        """The cell that a comment on this one belongs to."""
        path = self.course / "release" / check_name(self.assignment) / f"{check_name(ref.notebook)}.ipynb"
        return comment_cell(_cells_of(path) or [], ref.grade_id)

    def _model_cells(self, released: Sequence[Raw], ref: CellRef, name: str) -> list[Raw]:
        source = _cells_of(self.course / "source" / self.assignment / name) or []
        given = {_id(each): _source(each) for each in released}
        wanted = [each for each in _segment(source, ref.grade_id) if _flag(each, "solution")]
        task = next((each for each in source if _id(each) == ref.grade_id and _flag(each, "task")), None)
        if task is not None:
            scheme = "\n".join(line for _number, line in split(_source(task)).hidden)
            wanted = [{**task, "source": scheme}]
        shown = [{**each, "source": _without_marks(_source(each)), "outputs": []} for each in wanted]
        return [each for each in shown if _source(each).strip() and _source(each) != given.get(_id(each))]


def comment_cell(released: Sequence[Raw], grade_id: str) -> str:
    """Nbgrader keeps comments of answers and tasks: for a cell with tests it is the answer before it."""
    own = next((each for each in released if _id(each) == grade_id), None)
    if own is None or _flag(own, "solution") or _flag(own, "task"):
        return grade_id
    answers = [_id(each) for each in _segment(released, grade_id) if _flag(each, "solution")]
    return answers[-1] if answers else grade_id


def _question_cells(released: Sequence[Raw], grade_id: str) -> list[Raw]:
    """From the nearest heading on, without what the learner is to write."""
    found = [each for each in _segment(released, grade_id) if not _flag(each, "solution") and not _flag(each, "grade")]
    heads = [at for at, each in enumerate(found) if _is_heading(each)]
    return found[heads[-1] if heads else 0 :]


def _is_heading(raw: Raw) -> bool:
    return raw.get("cell_type") == "markdown" and _HEADING.search(_source(raw)) is not None


def _answer_cells(cells: Sequence[Raw], released: Sequence[Raw], grade_id: str) -> list[Raw]:
    """Answers, the graded cell, and what the learner added."""
    given = {_source(each).strip() for each in released}
    at = next((number for number, each in enumerate(cells) if _id(each) == grade_id), None)
    if at is None:
        return []
    if _flag(cells[at], "task"):
        ends = next((number for number in range(at + 1, len(cells)) if _id(cells[number])), len(cells))
        return [each for each in cells[at + 1 : ends] if _source(each).strip()]
    added = [each for each in _segment(cells, grade_id) if not _id(each) and _source(each).strip() not in given | {""}]
    return [
        each
        for each in _segment(cells, grade_id)
        if _id(each) == grade_id or _flag(each, "solution") or any(each is other for other in added)
    ]


def _segment(cells: Sequence[Raw], grade_id: str) -> list[Raw]:
    """From after the graded cell before to this one."""
    found: list[Raw] = []
    for each in cells:
        found.append(each)
        if _id(each) == grade_id:
            return found
        if _flag(each, "grade") or _flag(each, "task"):
            found = []
    return []


def _show(cells: Iterable[Raw], folder: Path | None) -> tuple[ShownCell, ...]:
    return tuple(_shown(each, folder) for each in cells)


def _shown(raw: Raw, folder: Path | None) -> ShownCell:
    source = _source(raw)
    if raw.get("cell_type") != "code":
        return ShownCell("text", markdown_html(source, raw.get("attachments", {}), folder, below=UNDER), ())
    outputs = (show_output(each, _NOTHING_HIDDEN) for each in raw.get("outputs", ()))
    return ShownCell("code", code_html(source), tuple(each for each in outputs if each is not None))


def _cells_of(path: Path) -> Sequence[Raw] | None:
    """Of a notebook that many pages need; None: there is none."""
    try:
        return _kept(path, path.stat().st_mtime_ns)
    except FileNotFoundError:
        return None


@lru_cache(maxsize=64)
def _kept(path: Path, _changed: int) -> Sequence[Raw] | None:
    return _read(path)


def _read(path: Path) -> Sequence[Raw] | None:
    try:
        cells: list[Raw] = json.loads(path.read_bytes())["cells"]
    except FileNotFoundError:
        return None
    return tuple(cells)


def _source(raw: Raw) -> str:
    return "".join(raw["source"])


def _id(raw: Raw) -> str:
    return str(raw["metadata"].get("nbgrader", {}).get("grade_id", ""))


def _flag(raw: Raw, name: str) -> bool:
    return bool(raw["metadata"].get("nbgrader", {}).get(name, False))


def _without_marks(source: str) -> str:
    return "\n".join(line for line in source.split("\n") if not _SOLUTION_MARK.search(line)).strip("\n")


def _is_of(folder: Path, submitted_at: datetime | None) -> bool:
    """Whether the files are of this attempt; they are put in place a moment before the gradebook says so."""
    try:
        text = (folder / "timestamp.txt").read_text().strip()
        stamp = datetime.strptime(text, "%Y-%m-%d %H:%M:%S.%f UTC").replace(tzinfo=UTC)
    except (FileNotFoundError, ValueError):
        return True
    return submitted_at is None or stamp == submitted_at
