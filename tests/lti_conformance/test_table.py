"""The tables in docs/lti-conformance.md name tests that are there, with their cases."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "docs" / "lti-conformance.md").read_text()
NAMED = sorted(set(re.findall(r"`(\w+)::(\w+)(?:\[([^\]]+)\])?`", TABLE)))


@pytest.mark.parametrize(("module", "name", "case"), NAMED)
def test_test_is_there(module: str, name: str, case: str) -> None:
    sources = [path.read_text() for path in (ROOT / "tests").rglob(f"{module}.py") if "node_modules" not in path.parts]
    holding = [text for text in sources if re.search(rf"(def|class) {name}\b", text)]
    assert holding, f"no {module} has {name}"
    assert not case or any(f'"{case}"' in text for text in holding), f"{name} has no case {case}"


def test_table_is_whole() -> None:
    assert len(NAMED) > 180
