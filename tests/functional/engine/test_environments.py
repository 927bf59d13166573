"""Quizzes with packages of their own: installed from wheels, apart from the tool's, and marked with nothing else."""

import shutil
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from grading.engine.execution import execute
from grading.engine.model import Environment
from grading.engine.nbgrader_parts import formats
from grading.engine.trial import try_out
from grading.engine.warm_execution import POOL
from grading.environment_build import BuildFailed, Order, build, environment_at, is_built
from grading.sandbox import SandboxUnavailable
from tests.factories.wheels import write_wheel
from tests.functional.engine.conftest import LIMITS


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that is not below /tmp, which forks of one warm process would share."""
    folder = Path(tempfile.mkdtemp(prefix="coursebridge-test-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def wheels(place: Path) -> Path:
    folder = place / "wheels"
    write_wheel(folder, "leaves", "1.0", {"leaves.py": "count = 1"})
    write_wheel(folder, "leaves", "2.0", {"leaves.py": "count = 2"}, requires=("twigs>=1",))
    write_wheel(folder, "twigs", "1.5", {"twigs.py": "kind = 'oak'"})
    write_wheel(folder, "heavy", "1.0", {"heavy.bin": "x" * 3_000_000})
    write_wheel(folder, "wrong", "1.0", {"IPython/__init__.py": "raise RuntimeError('not IPython')"})
    return folder


def order(wheels: Path, requirements: str, **changes: Any) -> Order:
    """An order that is not tried out, which takes a second, unless it says so."""
    return replace(Order(requirements, str(wheels), 60, 100_000_000, lambda _environment: ""), **changes)


@pytest.fixture(scope="module")
def built(place: Path, wheels: Path) -> Path:
    folder = place / "environments" / "two"
    found = build(folder, order(wheels, "leaves==2.0", try_out=try_out))
    assert found.packages == ["leaves 2.0", "twigs 1.5"]
    assert 0 < found.size_bytes < 1_000_000
    return folder


def _run(environment: Environment, *sources: str, warm: bool) -> list[Any]:
    """What each cell shows: text of its result, or the name of its error."""
    cells = [formats.v4.new_code_cell(source) for source in sources]
    limits = replace(LIMITS, warm=warm, environment=environment)
    assert execute(formats.v4.new_notebook(cells=cells), {}, limits).end == "ok"
    return [
        next((o.get("ename") or o["data"]["text/plain"] for o in cell.outputs if o["output_type"] != "stream"), None)
        for cell in cells
    ]


@pytest.mark.parametrize("warm", [True, False])
def test_a_notebook_has_the_packages_of_its_quiz_and_no_others(built: Path, warm: bool) -> None:
    seen = _run(environment_at(built), "import leaves, twigs; leaves.count, twigs.kind", "import numpy", warm=warm)

    assert seen == ["(2, 'oak')", "ModuleNotFoundError"]
    assert _run(Environment(), "import leaves", "import numpy", warm=warm) == ["ModuleNotFoundError", None]


def test_each_environment_has_a_warm_process_and_the_oldest_makes_room(built: Path) -> None:
    own, usual = replace(LIMITS, environment=environment_at(built)), LIMITS

    def run(limits: Any) -> None:
        execute(formats.v4.new_notebook(cells=[formats.v4.new_code_cell("1")]), {}, limits)

    def kept() -> list[bool]:
        return [sandbox.order.python == f"{built}/bin/python" for sandbox in POOL.idle]

    run(usual)
    run(own)
    assert kept()[-2:] == [False, True]
    first = POOL.idle[-1]
    run(own)
    assert POOL.idle[-1] is first
    assert first.bytes > 30_000_000
    run(replace(usual, warm_kept=1))
    assert kept() == [False]
    assert not first.is_usable
    run(own)
    run(replace(usual, warm_bytes=first.bytes))
    assert kept() == [False]


def test_a_build_that_was_killed_is_begun_again(place: Path, wheels: Path) -> None:
    left = place / "environments" / ".new-again"
    (left / "lib").mkdir(parents=True)
    folder = place / "environments" / "again"

    assert build(folder, order(wheels, "leaves==1.0")).packages == ["leaves 1.0"]
    assert not left.exists()
    assert build(folder, order(Path("/nowhere"), "leaves==1.0")).packages == ["leaves 1.0"]  # it is there


@pytest.mark.parametrize(
    ("requirements", "changes", "why"),
    [
        ("nothing-here", {}, "nothing-here was not found"),
        ("leaves==3.0", {}, "there is no version of leaves==3.0"),
        ("heavy", {"most_bytes": 2_000_000}, "take more than the 2 MB that are allowed"),
        ("wrong", {"try_out": try_out}, "do not go with what marks notebooks here"),
    ],
)
def test_what_cannot_be_built_says_why_and_leaves_nothing(
    place: Path, wheels: Path, requirements: str, changes: dict[str, Any], why: str
) -> None:
    folder = place / "environments" / "bad"
    with pytest.raises(BuildFailed, match=why):
        build(folder, order(wheels, requirements, **changes))

    assert not is_built(folder)
    assert not (place / "environments" / ".new-bad").exists()


def test_an_index_that_is_silent_does_not_hold_a_build_up(place: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        index = f"http://127.0.0.1:{silent.getsockname()[1]}/simple"
        with pytest.raises(BuildFailed, match="took longer than 1 second"):
            build(place / "environments" / "slow", Order("leaves", index, 1, 1_000_000, try_out))

    assert not (place / "environments" / ".new-slow").exists()


def test_an_address_of_the_operator_is_not_told(place: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(BuildFailed) as error:
        index = f"http://operator:secret@127.0.0.1:{port}/simple"
        build(place / "environments" / "away", Order("leaves", index, 60, 1_000_000, try_out))

    assert "from the package index" in str(error.value)
    assert "secret" not in str(error.value)
    assert str(port) not in str(error.value)


def test_nothing_of_a_package_runs_outside_the_sandbox(place: Path, wheels: Path) -> None:
    mark = place / "ran"
    code = f"import pathlib; pathlib.Path({str(mark)!r}).touch()"
    write_wheel(wheels, "sly", "1.0", {"sly.pth": code, "sitecustomize.py": code, "sly.py": ""})

    assert build(place / "environments" / "sly", order(wheels, "sly", try_out=try_out)).packages == ["sly 1.0"]
    assert not mark.exists()


def test_source_distributions_are_not_taken(place: Path, wheels: Path) -> None:
    (wheels / "built-1.0.tar.gz").write_bytes(b"setup.py would run")
    with pytest.raises(BuildFailed, match="built"):
        build(place / "environments" / "source", order(wheels, "built"))


def test_no_sandbox_is_no_fault_of_the_packages(place: Path, wheels: Path) -> None:
    def unavailable(_environment: Environment) -> str:
        raise SandboxUnavailable("bubblewrap is missing")

    with pytest.raises(SandboxUnavailable):
        build(place / "environments" / "later", order(wheels, "leaves", try_out=unavailable))
    assert not is_built(place / "environments" / "later")
