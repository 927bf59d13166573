"""Make copies of a test that must not pass: the same text with one expected value changed, or with one more line.

Texts are changed in place by the positions of the syntax tree, so that a copy looks like the test it is made of.
"""

import ast
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["raise", "value", "change"]
MOST_CHANGED = 8
"""Copies with a changed value of one test."""


@dataclass(frozen=True)
class Altered:
    """A copy of a test, and what may come of it at most."""

    key: tuple[Kind, int]
    """Tells it from the other copies of the same test, also when the copies are made again with other values."""
    source: str
    least: float
    most: float
    """Points that it may earn if it earns any; others mean that it did not do what it says."""

    def may_earn(self, points: float) -> bool:
        """Whether so many points are what the copy must come to. To fail is always right."""
        return points == 0 or self.least <= points <= self.most


@dataclass(frozen=True)
class _Edit:
    """Put a text in the place of a part of the source."""

    node: ast.expr
    text: str


def alter(source: str, points: float, chance: random.Random) -> list[Altered]:
    """The copies of a test worth so many points, changed ones first; of a test that is not Python none."""
    if source.lstrip().startswith("%%") or not source.strip():
        return []
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return [_with_failing_end(source, chance)]
    edits = list(_edits(tree, chance))
    picked = sorted(random.Random(source).sample(range(len(edits)), min(len(edits), MOST_CHANGED)))
    # a wrong value may still give part of the points, and not all of them
    found = [Altered(("change", n), _apply(source, edits[n]), 0.0, points * 0.999) for n in picked]
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        shown, leeway = round(points * chance.uniform(0.1, 0.9), 4), points * 0.05
        edit = _Edit(tree.body[-1].value, f"[{{}}, {shown}][1]")
        found.append(Altered(("value", 0), _apply(source, edit), shown - leeway, shown + leeway))
    return [*found, _with_failing_end(source, chance)]


def _with_failing_end(source: str, chance: random.Random) -> Altered:
    left, word = chance.randrange(10**6), f"{chance.getrandbits(64):x}"
    return Altered(("raise", 0), f"{source}\nassert {left} == {left + chance.randrange(1, 9)}, '{word}'", 0.0, 0.0)


def _apply(source: str, edit: _Edit) -> str:
    """The source with the edit; `{}` in its text stands for what was there."""
    lines = source.encode().split(b"\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    node, body = edit.node, source.encode()
    assert node.end_lineno is not None and node.end_col_offset is not None
    begin = starts[node.lineno - 1] + node.col_offset
    end = starts[node.end_lineno - 1] + node.end_col_offset
    old = body[begin:end].decode()
    return (body[:begin] + edit.text.replace("{}", old).encode() + body[end:]).decode()


def _edits(tree: ast.Module, chance: random.Random) -> Iterator[_Edit]:
    """Every value that the test expects, changed, in the order of the text."""
    nodes = sorted(
        (node for node in ast.walk(tree) if isinstance(node, ast.Compare | ast.Call)),
        key=lambda node: (node.lineno, node.col_offset),
    )
    called = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    called |= {id(node.test) for node in ast.walk(tree) if isinstance(node, ast.Assert | ast.If | ast.IfExp)}
    for node in nodes:
        if isinstance(node, ast.Compare):
            yield from _of_comparison(node, chance)
        elif len(node.args) > 1 and id(node) in called:
            yield _wrong(node.args[-1], chance)
        elif node.args and isinstance(node.func, ast.Name | ast.Attribute) and _called(node.func) == "approx":
            yield _wrong(node.args[0], chance)


def _called(function: ast.Name | ast.Attribute) -> str:
    return function.id if isinstance(function, ast.Name) else function.attr


def _of_comparison(node: ast.Compare, chance: random.Random) -> Iterator[_Edit]:
    operator, right = node.ops[0], node.comparators[0]
    if isinstance(operator, ast.Eq | ast.NotEq):
        yield _wrong(node.left if isinstance(node.left, ast.Constant) else right, chance)
    elif isinstance(operator, ast.In):
        yield _Edit(right, f"[{chance.randrange(10**6, 10**7)}]")
    elif isinstance(operator, ast.Lt | ast.LtE):  # abs(found - expected) < tolerance
        for inner in ast.walk(node.left):
            if isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Sub):
                yield _wrong(inner.right, chance, far=True)
                return


def _wrong(node: ast.expr, chance: random.Random, *, far: bool = False) -> _Edit:
    """Something else than what is expected, as like it as can be."""
    for part in _constants(node):
        if (text := _another(part.value, chance, far=far)) is not None:
            return _Edit(part, text)
    number = chance.randrange(10**3, 10**6)
    return _Edit(node, f"(({{}}) + {number})" if far else f"[{{}}, {number}]")


def _constants(node: ast.expr) -> Iterator[ast.Constant]:
    match node:
        case ast.Constant():
            yield node
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            yield from _constants(inner)
        case ast.List(elts=inner) | ast.Tuple(elts=inner) | ast.Set(elts=inner) | ast.Dict(values=inner):
            for each in inner:
                yield from _constants(each)


def _another(value: object, chance: random.Random, *, far: bool) -> str | None:
    if isinstance(value, bool):
        return repr(not value)
    if isinstance(value, int):
        return str(value + chance.randrange(2, 10) * (1000 if far else 1))
    if isinstance(value, float):
        return repr(value + chance.uniform(2, 10) * max(1.0, abs(value)) * (1000 if far else 1))
    if isinstance(value, str):
        letter = chr(ord("a") + chance.randrange(26))
        return repr(value[:-1] + (letter if not value.endswith(letter) else letter.upper()))
    return None
