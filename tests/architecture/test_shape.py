"""The shape of the house: sizes, imports, suppressions."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("lti_tool", "grading", "plugins", "config", "jupyter_ext")
BANNED_NAMES = {"utils.py", "helpers.py", "misc.py", "common.py", "manager.py"}


def list_modules() -> list[Path]:
    found = (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))
    return [path for path in found if "versions" not in path.parts and "node_modules" not in path.parts]


def functions_of(module: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_no_module_is_longer_than_400_lines() -> None:
    long = [f"{path.relative_to(ROOT)}: {n}" for path in list_modules() if (n := path.read_text().count("\n")) > 400]
    assert long == []


def test_no_function_is_longer_than_50_lines() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in list_modules()
        for node in functions_of(path)
        if node.end_lineno and node.end_lineno - node.lineno + 1 > 50
    ]
    assert long == []


def test_no_import_hides_in_a_function() -> None:
    hidden = [
        f"{path.relative_to(ROOT)}:{inner.lineno}"
        for path in list_modules()
        for node in functions_of(path)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert hidden == []


def test_names_say_what_is_inside() -> None:
    assert [path for path in list_modules() if path.name in BANNED_NAMES] == []


def test_suppressions_are_few_and_reasoned() -> None:
    found = [
        (path.relative_to(ROOT), line.strip())
        for path in list_modules()
        for line in path.read_text().splitlines()
        if re.search(r"#\s*(noqa|type:\s*ignore)", line)
    ]
    assert len(found) < 20, found
    assert [line for _, line in found if not re.search(r"(noqa:|ignore\[).*(- |# )\S+", line)] == []


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "docs/architecture.md"])
def test_the_papers_are_there(name: str) -> None:
    assert len((ROOT / name).read_text()) > 500
