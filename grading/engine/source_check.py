"""Check a teacher's source notebooks before nbgrader sees them, and say what to change where."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grading.engine.model import ContentError

REGIONS = {
    "solution": ("BEGIN SOLUTION", "END SOLUTION"),
    "hidden tests": ("BEGIN HIDDEN TESTS", "END HIDDEN TESTS"),
    "mark scheme": ("BEGIN MARK SCHEME", "END MARK SCHEME"),
}
GRADE_ID = re.compile(r"[A-Za-z0-9_.\-]{1,128}")
NOTEBOOK_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. \-]{0,120}")
PYTHON_KERNEL = re.compile(r"(i?python|xpython).*", re.IGNORECASE)


class _Cell:
    """One cell with its place, for messages."""

    def __init__(self, file: str, index: int, raw: dict[str, Any], *, is_python: bool = True) -> None:
        self.file, self.type, self.is_python = file, str(raw.get("cell_type")), is_python
        source = raw.get("source", "")
        self.source = source if isinstance(source, str) else "".join(map(str, source))
        meta = _table(_table(raw.get("metadata")).get("nbgrader"))
        self.meta = meta
        self.grade_id = str(self.meta.get("grade_id", ""))
        self.where = f'cell {index + 1} ("{self.grade_id}")' if self.grade_id else f"cell {index + 1}"

    def has(self, flag: str) -> bool:
        return bool(self.meta.get(flag))

    def is_known(self) -> bool:
        """Whether nbgrader keeps track of it."""
        return any(self.has(flag) for flag in ("grade", "solution", "locked", "task"))

    def fail(self, message: str) -> ContentError:
        return ContentError(self.file, self.where, message)


def check_source(folder: Path) -> None:
    """Raise ContentError for the first thing in `folder` that could not be released."""
    problem = next(find_problems(folder), None)
    if problem is not None:
        raise problem


def find_problems(folder: Path) -> Iterator[ContentError]:
    """Everything in `folder` that could not be released; of one cell the first."""
    paths = sorted(folder.glob("*.ipynb")) if folder.is_dir() else []
    if not paths:
        yield ContentError(f"{folder.name}/", None, "There is no notebook. Put at least one .ipynb file there.")
        return
    sound, gives_points = True, False
    for path in paths:
        try:
            cells = list(_read_cells(path, f"{folder.name}/{path.name}"))
        except ContentError as error:
            yield error
            sound = False
            continue
        for problem in _find_cell_problems(cells):
            yield problem
            sound = False
        gives_points = gives_points or any(cell.has("grade") or cell.has("task") for cell in cells)
    if sound and not gives_points:
        yield ContentError(
            f"{folder.name}/",
            None,
            'No cell gives points. Mark test cells as "Autograder tests" or answers as '
            '"Manually graded answer" and give them points (Create Assignment toolbar).',
        )


def find_kernel_problems(folder: Path, kernel: str = "") -> Iterator[ContentError]:
    """Notebooks in `folder` that are written for another kernel than the quiz is marked with; empty: Python."""
    for path in sorted(folder.glob("*.ipynb")):
        name, language = _kernel_of(path)
        is_python = language.lower() == "python" and PYTHON_KERNEL.match(name or "python3") is not None
        if kernel and name != kernel:
            words = f"It is written for the kernel {name or language!r}, and the quiz is marked with {kernel!r}"
            yield ContentError(f"{folder.name}/{path.name}", None, f"{words} (environment). Make them the same.")
        elif not kernel and not is_python:
            words = f"It is written for the kernel {name or language!r}, and the quiz is marked with Python"
            more = "Name the kernel as the quiz's environment, if it is allowed here, or write the notebook in Python."
            yield ContentError(f"{folder.name}/{path.name}", None, f"{words}. {more}")


def _kernel_of(path: Path) -> tuple[str, str]:
    """(kernel, language) of a notebook; what it does not say is empty, and Python."""
    try:
        meta = _table(_table(json.loads(path.read_bytes())).get("metadata"))
    except (ValueError, RecursionError):
        return "", "python"  # it is no notebook, which `find_problems` says
    kernel = _table(meta.get("kernelspec"))
    language = kernel.get("language") or _table(meta.get("language_info")).get("name") or "python"
    return str(kernel.get("name", "")), str(language)


def find_kernel_name(folder: Path) -> str:
    """The kernel that all notebooks in `folder` are written for; empty: Python, or not the same."""
    found = {_kernel_of(path) for path in folder.glob("*.ipynb")}
    name, language = next(iter(found)) if len(found) == 1 else ("", "")
    return name if language.lower() != "python" else ""


def _find_cell_problems(cells: list[_Cell]) -> Iterator[ContentError]:
    seen: dict[str, str] = {}
    for cell in cells:
        try:
            _check_cell(cell)
            _check_unique(cell, seen)
        except ContentError as error:
            yield error


def _read_cells(path: Path, name: str) -> Iterator[_Cell]:
    if not NOTEBOOK_NAME.fullmatch(path.stem):
        raise ContentError(name, None, "Use letters, digits, spaces, - and _ in its name.")
    try:
        notebook = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ContentError(name, None, f"This is not a notebook: it is not JSON ({error}).") from error
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or notebook.get("nbformat") != 4:
        raise ContentError(name, None, "This is not a notebook of format 4. Open and save it in JupyterLab.")
    is_python = _kernel_of(path)[1].lower() == "python"
    for index, raw in enumerate(cells):
        is_cell = isinstance(raw, dict) and isinstance(raw.get("source", ""), str | list)
        if not is_cell or raw.get("cell_type") not in ("code", "markdown", "raw"):
            raise ContentError(name, f"cell {index + 1}", "This is not a code or text cell.")
        yield _Cell(name, index, raw, is_python=is_python)


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _check_cell(cell: _Cell) -> None:
    removed = {region: _check_region(cell, region) for region in REGIONS}
    if "AUTOTEST" in cell.source and cell.type == "code":
        raise cell.fail(
            "AUTOTEST lines would run your solution outside the sandbox. Replace them by plain "
            "tests (nbgrader generate_assignment --source_with_tests writes them for you)."
        )
    if removed["hidden tests"] and not cell.has("grade"):
        raise cell.fail('Hidden tests must be in a cell marked as "Autograder tests".')
    if removed["mark scheme"] and not cell.has("task"):
        raise cell.fail('A mark scheme must be in a cell marked as "Manually graded task".')
    if removed["solution"] and not cell.has("solution"):
        raise cell.fail("A solution region must be in a cell marked as an answer.")
    if not cell.is_known():
        return
    _check_metadata(cell)


def _check_metadata(cell: _Cell) -> None:
    """What nbgrader would refuse, or accept and regret."""
    if cell.meta.get("schema_version", 0) != 3:
        raise cell.fail("Its nbgrader metadata is of an old version. Run `nbgrader update` on it.")
    if not GRADE_ID.fullmatch(cell.grade_id):
        raise cell.fail("It needs an ID of letters, digits, - and _ (Create Assignment toolbar).")
    is_answer = cell.has("solution")
    if cell.has("grade") or cell.has("task"):
        _check_points(cell)
    if cell.type != "code" and cell.has("grade") != is_answer and not cell.has("task"):
        raise cell.fail('A text cell is either a "Manually graded answer" or not graded at all.')
    if cell.has("task") and cell.type != "markdown":
        raise cell.fail('A "Manually graded task" must be a text (Markdown) cell.')
    if cell.has("grade") and cell.type == "code" and not is_answer and cell.is_python:
        _check_syntax(cell)


def _check_points(cell: _Cell) -> None:
    try:
        points = float(cell.meta["points"])
    except (KeyError, TypeError, ValueError):
        raise cell.fail("It is graded but has no points. Give it a number of points.") from None
    if not 0 <= points <= 1e6:
        raise cell.fail("Its points must be a number from 0 up.")
    if points == 0:
        raise cell.fail("It is graded with 0 points. Give it points, or do not mark it as graded.")


def _check_syntax(cell: _Cell) -> None:
    """A test cell that cannot run would give everybody zero."""
    plain = [line for line in cell.source.splitlines() if not line.lstrip().startswith(("%", "!"))]
    if len(plain) != len(cell.source.splitlines()):
        return  # IPython's own syntax
    try:
        compile(cell.source, cell.where, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST)
    except (SyntaxError, ValueError) as error:
        raise cell.fail(f"Its tests are not valid Python ({error}).") from error


def _check_region(cell: _Cell, region: str) -> bool:
    """Whether the cell has such a region; its marks must come in pairs."""
    begin, end = REGIONS[region]
    inside, found = False, False
    for number, line in enumerate(cell.source.splitlines(), 1):
        if begin in line:
            if inside:
                raise cell.fail(f'Line {number}: a second "{begin}" before "{end}".')
            inside = found = True
        elif end in line:
            if not inside:
                raise cell.fail(f'Line {number}: "{end}" without "{begin}" above it.')
            inside = False
    if inside:
        raise cell.fail(f'"{begin}" without "{end}" below it.')
    return found


def _check_unique(cell: _Cell, seen: dict[str, str]) -> None:
    """`seen` has the place of each ID met before in the notebook."""
    if not cell.is_known():
        return
    if cell.grade_id in seen:
        raise cell.fail(f"{seen[cell.grade_id]} has the same ID. Give one of them a new ID.")
    seen[cell.grade_id] = cell.where
