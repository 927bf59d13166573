"""The skeleton of a plugin is a plugin: it loads, its own test passes, and the linters have nothing to say."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lti_tool.app.skeleton import write_plugin
from lti_tool.kernel.errors import Conflict, Invalid

ROOT = Path(__file__).parents[3]
PACKAGES = ("lti_tool", "grading", "plugins", "config", "jupyter_ext", "tests")
pytestmark = pytest.mark.one_database


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources with a new plugin in it."""
    root = tmp_path_factory.mktemp("house")
    leave = shutil.ignore_patterns("__pycache__", "node_modules", "labextension", "demo", "var")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, root / package, ignore=leave if package != "lti_tool" else None)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, root / name)
    if (ROOT / ".mypy_cache").is_dir():
        shutil.copytree(ROOT / ".mypy_cache", root / ".mypy_cache")
    write_plugin("study_groups", root)
    return root


def run(house: Path, *command: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(house)}
    done = subprocess.run(command, cwd=house, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_loads_and_its_own_test_passes(house: Path) -> None:
    run(house, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/functional/study_groups")


def test_the_linters_are_content(house: Path) -> None:
    python = [sys.executable, "-m"]
    files = ["plugins/study_groups", "tests/functional/study_groups"]
    run(house, *python, "ruff", "check", "--no-cache", *files)
    run(house, *python, "ruff", "format", "--check", "--no-cache", *files)
    run(house, str(Path(sys.executable).with_name("lint-imports")), "--no-cache")


def test_its_types_are_strict(house: Path) -> None:
    run(house, sys.executable, "-m", "mypy", "-p", "plugins.study_groups")


@pytest.mark.parametrize("name", ["", "Badges", "my-plugin", "../x", "1st", "a"])
def test_a_name_that_is_no_name_of_a_package_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Invalid, match="lower-case letters"):
        write_plugin(name, tmp_path)


def test_a_plugin_is_never_overwritten(tmp_path: Path) -> None:
    write_plugin("badges", tmp_path)
    with pytest.raises(Conflict, match="is there already"):
        write_plugin("badges", tmp_path)
