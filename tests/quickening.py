"""Made once in a process instead of for every test, where nobody looks: keys, templates, statements, routes."""

import importlib
from collections import UserDict
from functools import cache
from importlib.metadata import entry_points
from itertools import count
from types import CodeType, MethodType
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.routing import Rule

from lti_tool import contract
from lti_tool.kernel.db import Database
from lti_tool.lti import keys

_make_key = keys._make_private
"""As it is before anybody replaces it: one package replaces it for all of its tests, and others run in between."""
_ready_keys: list[RSAPrivateKey] = []


def use_ready_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first signing key of every tool is the same one, the second another one, and so on."""
    numbers = count()

    def take() -> RSAPrivateKey:
        number = next(numbers)
        while len(_ready_keys) <= number:
            _ready_keys.append(_make_key())
        return _ready_keys[number]

    monkeypatch.setattr(keys, "_make_private", take)


class SharedBytecode(BytecodeCache):
    """Templates, for every application."""

    def __init__(self) -> None:
        self._codes: dict[str, CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take what another application compiled."""
        bucket.code = self._codes.get(bucket.key)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep it for the next."""
        if bucket.code:
            self._codes[bucket.key] = bucket.code


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
        engine._compiled_cache = _STATEMENTS


_compiled: dict[tuple[Any, ...], dict[str, Any]] = {}
_compile = Rule.compile


def _compile_once(rule: Rule) -> None:
    """What a rule knows of its address, from another application's rule for the same one."""
    if rule.defaults or rule.map is None:
        return _compile(rule)
    key = (rule.rule, rule.subdomain, rule.host, rule.merge_slashes, *rule.map.converters.values())
    if key not in _compiled:
        _compile(rule)
        _compiled[key] = {name: getattr(rule, name) for name in ("_parts", "_trace", "_converters", "arguments")}
        _compiled[key] |= {name: getattr(rule, name).__func__ for name in ("_build", "_build_unknown")}
    for name, value in _compiled[key].items():
        setattr(rule, name, MethodType(value, rule) if name.startswith("_build") else value)
    return None


def quicken() -> None:
    """Once in a process: routes, the list of installed plugins, and what `jupyter_ext` leaves out."""
    importlib.import_module("jupyter_ext")
    Rule.compile = _compile_once  # type: ignore[assignment, method-assign]
    vars(contract)["entry_points"] = cache(entry_points)
