"""Writes course.toml the way people write it: one table a paragraph, short lists on one line.

https://toml.io/en/v1.0.0
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

Value = str | int | float | bool | datetime | list[str]
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def write_toml(head: Mapping[str, Value], tables: Iterable[tuple[str, Mapping[str, Value]]]) -> str:
    """A document of simple values, then arrays of tables: (dotted name, values), in order."""
    paragraphs = [_lines(head)]
    paragraphs += [f"[[{name}]]\n{_lines(values)}" for name, values in tables]
    return "\n".join(paragraphs)


def set_first_value(text: str, name: str, value: str) -> str | None:
    """A document with a value of its head changed or added; everything else, comments too, stays as it is.

    None: it is written in a way that only a person can change.
    """
    wanted = tomllib.loads(text) | {name: value}
    line, newline = f"{name} = {_quoted(value)}", "\r\n" if "\r\n" in text else "\n"
    tries = [re.sub(rf"(?m)^{name}[ \t]*=[^\r\n]*", lambda _found: line, text, count=1)]
    after_slug = re.sub(r"(?m)^slug[ \t]*=[^\r\n]*", lambda found: f"{found[0]}{newline}{line}", text, count=1)
    tries += [after_slug, f"{line}{newline}{text}"]
    return next((each for each in tries if _reads_as(each, wanted)), None)


def _reads_as(text: str, wanted: Mapping[str, Any]) -> bool:
    try:
        return tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        return False


def _lines(values: Mapping[str, Value]) -> str:
    return "".join(f"{name} = {_value(value)}\n" for name, value in values.items())


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, list):
        inner = ", ".join(_quoted(part) for part in value)
        return f"[{inner}]" if len(inner) <= 90 else "[\n" + "".join(f"    {_quoted(part)},\n" for part in value) + "]"
    return f'"""\n{_block(value)}"""' if "\n" in value else _quoted(value)


def _quoted(text: str) -> str:
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _block(text: str) -> str:
    return "".join(character if character in "\n\t" else _escaped(character) for character in text)


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    return f"\\u{ord(character):04x}" if ord(character) < 32 or ord(character) == 127 else character
