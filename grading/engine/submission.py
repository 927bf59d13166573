"""A submitted notebook: read as hostile, rebuilt from known fields, then sanitised by nbgrader.

Nothing here runs the learner's code. nbgrader's own steps restore the tests and find the answers;
what they trust (a cell's `nbgrader` metadata) is replaced from the gradebook before.
"""

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from grading.engine.claims import keep_claims
from grading.engine.nbgrader_parts import (
    Cell,
    CheckCellMetadata,
    ClearOutput,
    DeduplicateIds,
    Notebook,
    OverwriteCells,
    formats,
)
from grading.engine.plan import NotebookPlan, TrustedCell

MAX_CELLS = 2000
KINDS = ("code", "markdown", "raw")
SKIP = "skip-execution"
"""A tag that makes nbclient leave out a cell; on a test it would be worth full marks."""


class NotANotebook(ValueError):
    """The file is not a notebook that can be marked; the message is for the learner."""


def read_notebook(body: bytes) -> Notebook:
    """Rebuild a notebook from the fields that marking needs.

    Raises:
        NotANotebook: it is not one.
    """
    try:
        raw = json.loads(body)
        if not isinstance(raw, dict):
            raise NotANotebook("It is not a notebook.")
        if raw.get("nbformat") != 4:
            raw = formats.convert(formats.from_dict(raw), 4)
        cells = raw["cells"]
        if not isinstance(cells, list) or len(cells) > MAX_CELLS:
            raise NotANotebook("It has no list of cells, or far too many.")
        return formats.v4.new_notebook(cells=list(_rebuild(cells)))
    except NotANotebook:
        raise
    except UnicodeDecodeError as error:
        raise NotANotebook("It is not text.") from error
    except json.JSONDecodeError as error:
        raise NotANotebook(f"It is damaged at line {error.lineno}.") from error
    except RecursionError as error:
        raise NotANotebook("It is nested too deeply.") from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, formats.ValidationError) as error:
        raise NotANotebook("It is not a notebook of a known format.") from error


def _rebuild(cells: list[Any]) -> Iterator[Cell]:
    for number, raw in enumerate(cells, 1):
        if not isinstance(raw, dict) or raw.get("cell_type") not in KINDS:
            raise NotANotebook(f"Cell {number} is not a code or text cell.")
        cell = _new_cell(raw["cell_type"], clean_text(raw.get("source", "")))
        cell.id = f"cell-{number}"
        given = raw.get("metadata")
        meta = given if isinstance(given, dict) else {}
        tags = meta.get("tags")
        if isinstance(tags, list) and SKIP in tags:
            cell.metadata["tags"] = [SKIP]
        given = meta.get("nbgrader") or {}
        if isinstance(given.get("grade_id"), str):
            cell.metadata["nbgrader"] = keep_claims(given)
        if raw["cell_type"] == "markdown":
            cell.update(_attachments(raw.get("attachments")))
        yield cell


def _new_cell(kind: str, source: str) -> Cell:
    """As nbformat makes it, which validates each against its schema; the whole notebook is validated at the end."""
    code: dict[str, Any] = {"execution_count": None, "outputs": []} if kind == "code" else {}
    return formats.from_dict({"cell_type": kind, "metadata": {}, "source": source, **code})


def clean_text(value: Any) -> str:
    """Text as one string that can be written as UTF-8."""
    if isinstance(value, list):
        value = "".join(part for part in value if isinstance(part, str))
    if not isinstance(value, str):
        return ""
    return value.encode("utf-8", "replace").decode()


def _attachments(raw: Any) -> dict[str, Any]:
    """Pictures pasted into a text cell."""
    found = {}
    for name, bundle in (raw if isinstance(raw, dict) else {}).items():
        if isinstance(bundle, dict):
            pictures = {
                kind: clean_text(data)
                for kind, data in bundle.items()
                if kind in ("image/png", "image/jpeg", "image/gif")
            }
            if pictures:
                found[clean_text(name)] = pictures
    return {"attachments": found} if found else {}


class _PlanGradebook:
    """The two questions that OverwriteCells asks a gradebook, answered from the plan."""

    def __init__(self, plan: NotebookPlan) -> None:
        self.plan = plan

    def find_source_cell(self, name: str, _notebook: str, _assignment: str) -> SimpleNamespace:
        cell = self.plan.cells[name]
        return SimpleNamespace(
            name=name,
            cell_type=cell.cell_type,
            locked=cell.is_locked,
            source=cell.source,
            checksum=cell.checksum,
        )

    def find_graded_cell(self, name: str, _notebook: str, _assignment: str) -> SimpleNamespace:
        return SimpleNamespace(max_score=self.plan.cells[name].points)


def sanitise(notebook: Notebook, plan: NotebookPlan) -> None:
    """Nbgrader's sanitising steps, in its order, on one notebook in place."""
    _restore_metadata(notebook, plan)
    resources: dict[str, Any] = {}
    ClearOutput().preprocess(notebook, resources)
    DeduplicateIds().preprocess(notebook, resources)
    notebook.metadata["kernelspec"] = formats.from_dict(plan.kernelspec)
    overwrite = OverwriteCells()
    overwrite.gradebook, overwrite.notebook_id = _PlanGradebook(plan), plan.name
    overwrite.assignment_id = ""
    for index, cell in enumerate(notebook.cells):
        overwrite.preprocess_cell(cell, resources, index)
        known = cell.metadata.get("nbgrader", {})
        if known.get("checksum", "") is None:
            del known["checksum"]  # of a task that is not locked; nbgrader would refuse its own None
    CheckCellMetadata().preprocess(notebook, resources)


def _restore_metadata(notebook: Notebook, plan: NotebookPlan) -> None:
    """Give each known cell its true metadata and type; of copies the last counts.

    nbgrader keeps the last as well, but then fails on the others' empty metadata.
    """
    seen: set[str] = set()
    for cell in reversed(notebook.cells):
        grade_id = cell.metadata.pop("nbgrader", {}).get("grade_id")
        trusted = plan.cells.get(grade_id)
        if trusted is None or grade_id in seen:
            continue
        seen.add(grade_id)
        cell.metadata.pop("tags", None)
        cell.metadata["nbgrader"] = formats.from_dict(trusted.metadata())
        _set_type(cell, trusted)


def _set_type(cell: Cell, trusted: TrustedCell) -> None:
    if cell.cell_type == trusted.cell_type:
        return
    fresh = _new_cell(trusted.cell_type, cell.source)
    for key in [k for k in cell if k not in ("id", "metadata")]:
        del cell[key]
    cell.update({key: fresh[key] for key in fresh if key not in ("id", "metadata")})
