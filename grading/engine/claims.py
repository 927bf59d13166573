"""What cells of a submission say of themselves, where nbgrader would refuse to mark them for it.

nbgrader trusts a cell's `nbgrader` metadata, mends some of it, and gives up on the notebook where it cannot. Here the
metadata are the released ones in any case (`submission`), so the notebook can be marked; but a teacher should see it
first.
"""

from functools import cache
from typing import Any

from grading.engine.nbgrader_parts import Cell, MetadataValidator, Notebook, common, formats, utils
from grading.engine.plan import SCHEMA_VERSION, NotebookPlan, TrustedCell

CLAIMED = "claimed"
"""Where a cell that was read keeps what it says, until it is sanitised."""
TRUSTED = ("grade", "locked", "points", "schema_version", "solution", "task")
"""What decides how a cell is marked."""
_validator = cache(MetadataValidator)
WORDS = (
    'In {name}.ipynb the nbgrader metadata of "{cells}" were changed, so that nbgrader itself would not mark it: '
    "{reason}. It was marked with these cells as they were released."
)


def keep_claims(given: dict[str, Any]) -> dict[str, Any]:
    """The grade id, and all that is said beside it; of lists and the like only that they are there."""
    plain = {key: value if isinstance(value, str | int | float | None) else "…" for key, value in given.items()}
    return {"grade_id": given["grade_id"], CLAIMED: plain}


def find_refusal(notebook: Notebook, plan: NotebookPlan) -> str | None:
    """Why nbgrader would not mark a notebook that was read and is not sanitised yet; None: it would.

    Of copies of a cell the last counts, as in `sanitise`: whoever pastes a cell has changed nothing.
    """
    last = {cell.metadata["nbgrader"]["grade_id"]: cell for cell in notebook.cells if "nbgrader" in cell.metadata}
    found = {
        grade_id: reason
        for grade_id, cell in last.items()
        if grade_id in plan.cells and (reason := _refusal_of(cell, plan.cells[grade_id])) is not None
    }
    if not found:
        return None
    return WORDS.format(name=plan.name, cells='", "'.join(found), reason=next(iter(found.values())))


def _refusal_of(cell: Cell, trusted: TrustedCell) -> str | None:
    """The same for one cell."""
    claimed, released = dict(cell.metadata["nbgrader"].get(CLAIMED, {})), trusted.metadata()
    version = claimed.get("schema_version")
    if type(version) is int and 0 < version < SCHEMA_VERSION:
        claimed["schema_version"] = SCHEMA_VERSION  # an earlier nbgrader wrote the same, but of tasks
    claimed = {"task": False, **claimed}
    if claimed.keys() <= released.keys() and all(_sign(claimed, key) == _sign(released, key) for key in TRUSTED):
        return None
    if claimed.get("grade") and not trusted.is_graded:
        return "it is no graded cell"
    return _refusal_by_nbgrader(claimed, trusted)


def _sign(metadata: dict[str, Any], key: str) -> tuple[bool, Any]:
    """True is not 1 here, and 2 points are 2.0."""
    return isinstance(metadata.get(key), bool), metadata.get(key)


def _refusal_by_nbgrader(claimed: dict[str, Any], trusted: TrustedCell) -> str | None:
    """By its own rules, after it has mended what it mends."""
    mended = claimed | {"locked": trusted.is_locked, "checksum": trusted.checksum or "0" * 32}
    if trusted.points is not None and isinstance(claimed.get("points"), int | float):
        mended["points"] = trusted.points
    metadata = {"nbgrader": mended}
    cell = formats.from_dict({"cell_type": trusted.cell_type, "source": trusted.source, "metadata": metadata})
    try:
        _validator().validate_cell(cell)
    except (common.ValidationError, common.SchemaTooOldError, common.SchemaTooNewError, TypeError):
        return "its metadata may be corrupted"
    if trusted.is_locked and utils.compute_checksum(cell) != trusted.checksum:
        return "its checksums are inconsistent"
    return None
