"""Made once in a process instead of for every test, where nobody looks: keys, templates, statements, routes."""

import importlib
from collections import UserDict
from collections.abc import Callable
from functools import cache
from itertools import count
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.routing import Rule

from lti_tool import contract
from lti_tool.kernel.db import Database
from lti_tool.lti import keys

_ready_keys: list[RSAPrivateKey] = []


def use_ready_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first signing key of every tool is the same one, the second another one, and so on."""
    make, numbers = keys._make_private, count()

    def take() -> RSAPrivateKey:
        number = next(numbers)
        while len(_ready_keys) <= number:
            _ready_keys.append(make())
        return _ready_keys[number]

    monkeypatch.setattr(keys, "_make_private", take)


class SharedBytecode(BytecodeCache):
    """Templates, for every application."""

    def __init__(self) -> None:
        self._codes: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take what another application compiled."""
        if code := self._codes.get(bucket.key):
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep it for the next."""
        self._codes[bucket.key] = bucket.bytecode_to_string()


class _SharedStatements(UserDict[Any, Any]):
    """SQL by all of SQLAlchemy's key but the dialect, which is an object of each engine: here all are of one kind."""

    def __getitem__(self, key: tuple[Any, ...]) -> Any:
        return self.data[key[1:]]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, tuple) and key[1:] in self.data

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        self.data[key[1:]] = compiled


BYTECODE = SharedBytecode()
_STATEMENTS = _SharedStatements()


def share_statements(db: Database) -> None:
    """Let a database use what others compiled."""
    for engine in (db.engine, db._writing, db._reading):
        engine._compiled_cache = _STATEMENTS  # type: ignore[assignment]


_builders: dict[tuple[Any, ...], Callable[..., tuple[str, str]]] = {}
_compile_builder = Rule._compile_builder


def _find_builder(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
    """The function that builds a rule's address: it knows of the rule only what is in this key."""
    if rule.defaults:
        return _compile_builder(rule, append_unknown)
    key = (tuple(rule._trace), append_unknown)
    if key not in _builders:
        _builders[key] = _compile_builder(rule, append_unknown)
    return _builders[key]


def quicken() -> None:
    """Once in a process: routes, the list of installed plugins, and what `jupyter_ext` leaves out."""
    importlib.import_module("jupyter_ext")
    Rule._compile_builder = _find_builder  # type: ignore[method-assign]
    contract.entry_points = cache(contract.entry_points)  # type: ignore[attr-defined]
