"""nbgrader's own classes, imported in one place because they take seconds.

Most of that is a grammar for internationalised addresses that jsonschema would use if asked to
check them. Nobody asks here, so it is left out; jsonschema treats it as an optional dependency.
nbgrader has no types: what it gives is `Any`, and the modules that use it give plain values.
"""

import importlib.util
import sys
from functools import cache
from types import SimpleNamespace
from typing import Any

_LEFT_OUT = "rfc3987_syntax"
_HIDDEN = _LEFT_OUT not in sys.modules and importlib.util.find_spec(_LEFT_OUT) is not None
_modules: dict[str, Any] = sys.modules
if _HIDDEN:
    _modules[_LEFT_OUT] = None

import nbformat
from nbgrader import api, dbutil, utils
from nbgrader.converters import GenerateAssignment
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.nbgraderformat import MetadataValidator, common
from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    ClearOutput,
    ClearSolutions,
    DeduplicateIds,
    LimitOutput,
    OverwriteCells,
    SaveAutoGrades,
    SaveCells,
    checkcellmetadata,
)

if _HIDDEN:
    del sys.modules[_LEFT_OUT]


KEPT_SIGNS, MOST_KEPT = 1000, 2000
"""Of what was valid."""


class _Compiled:
    """A schema's validator, made once; nbgrader has jsonschema check and compile the schema for every cell."""

    def __init__(self, jsonschema: Any) -> None:
        self.jsonschema = jsonschema
        self.known: dict[int, tuple[Any, Any]] = {}
        self.valid: set[tuple[int, str]] = set()
        """What was valid: the cells of a quiz say the same in every submission."""

    def validate(self, instance: Any, schema: Any) -> None:
        """As `jsonschema.validate`."""
        said = id(schema), repr(instance)
        if said in self.valid:
            return
        if id(schema) not in self.known:
            self.known[id(schema)] = schema, self.jsonschema.validators.validator_for(schema)(schema)
        error = self.jsonschema.exceptions.best_match(self.known[id(schema)][1].iter_errors(instance))
        if error is not None:
            raise error
        if len(said[1]) <= KEPT_SIGNS:
            if len(self.valid) >= MOST_KEPT:
                self.valid.clear()
            self.valid.add(said)


_one_validator = cache(MetadataValidator)  # each one reads the schemas from their files
checkcellmetadata.MetadataValidator = _one_validator
common.jsonschema = SimpleNamespace(validate=_Compiled(common.jsonschema).validate)

formats: Any = nbformat
"""nbformat, most of which has no types."""

Cell = Any
"""A notebook cell: nbformat's NotebookNode."""
Notebook = Any
"""A notebook: nbformat's NotebookNode."""

__all__ = [
    "AssignLatePenalties",
    "Cell",
    "CheckCellMetadata",
    "ClearOutput",
    "ClearSolutions",
    "CourseDirectory",
    "DeduplicateIds",
    "GenerateAssignment",
    "LimitOutput",
    "MetadataValidator",
    "NbGraderException",
    "Notebook",
    "OverwriteCells",
    "SaveAutoGrades",
    "SaveCells",
    "api",
    "common",
    "dbutil",
    "formats",
    "utils",
]
