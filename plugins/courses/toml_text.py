"""Writes course.toml the way people write it: one table a paragraph, short lists on one line.

https://toml.io/en/v1.0.0
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

Value = str | int | bool | datetime | list[str]
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def write_toml(head: Mapping[str, Value], tables: Iterable[tuple[str, Mapping[str, Value]]]) -> str:
    """A document of simple values, then arrays of tables: (dotted name, values), in order."""
    paragraphs = [_lines(head)]
    paragraphs += [f"[[{name}]]\n{_lines(values)}" for name, values in tables]
    return "\n".join(paragraphs)


def _lines(values: Mapping[str, Value]) -> str:
    return "".join(f"{name} = {_value(value)}\n" for name, value in values.items())


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
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
