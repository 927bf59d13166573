"""nbgrader's own classes, imported in one place because they take seconds.

Most of that is a grammar for internationalised addresses that jsonschema would use if asked to
check them. Nobody asks here, so it is left out; jsonschema treats it as an optional dependency.
nbgrader has no types: what it gives is `Any`, and the modules that use it give plain values.
"""

import importlib.util
import sys
from typing import Any

_LEFT_OUT = "rfc3987_syntax"
_HIDDEN = _LEFT_OUT not in sys.modules and importlib.util.find_spec(_LEFT_OUT) is not None
if _HIDDEN:
    sys.modules[_LEFT_OUT] = None  # type: ignore[assignment]  # None makes an import fail

from nbgrader import api, dbutil, utils  # noqa: E402  (after the line above, on purpose)
from nbgrader.converters import GenerateAssignment  # noqa: E402
from nbgrader.converters.base import NbGraderException  # noqa: E402
from nbgrader.coursedir import CourseDirectory  # noqa: E402
from nbgrader.nbgraderformat import MetadataValidator  # noqa: E402
from nbgrader.preprocessors import (  # noqa: E402
    AssignLatePenalties,
    CheckCellMetadata,
    ClearOutput,
    DeduplicateIds,
    LimitOutput,
    OverwriteCells,
    SaveAutoGrades,
)

if _HIDDEN:
    del sys.modules[_LEFT_OUT]

Cell = Any
"""A notebook cell: nbformat's NotebookNode."""
Notebook = Any
"""A notebook: nbformat's NotebookNode."""

__all__ = [
    "AssignLatePenalties",
    "Cell",
    "CheckCellMetadata",
    "ClearOutput",
    "CourseDirectory",
    "DeduplicateIds",
    "GenerateAssignment",
    "LimitOutput",
    "MetadataValidator",
    "NbGraderException",
    "Notebook",
    "OverwriteCells",
    "SaveAutoGrades",
    "api",
    "dbutil",
    "utils",
]
