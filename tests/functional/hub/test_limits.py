"""The limits of a server take effect: who wants more is refused, the server goes on, and others notice nothing."""

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.fakes.hub_tool import HubTool
from tests.fakes.running_hub import RunningHub, Visitor, wait_for
from tests.functional.hub.conftest import KEY, SLUG, make_course, running_tool
from tests.functional.hub.test_learner_server import run_in_terminal

GLUTTON, NEIGHBOUR = "u-" + "l" * 26, "u-" + "n" * 26
MEMORY_MB, PROCESSES, FILE_MB, CPU_S = 1024, 100, 16, 600
QUIZ = f"/open?course={KEY}&assignment=quiz-1"


@pytest.fixture(scope="module")
def tool() -> Iterator[HubTool]:
    """The tool of this Hub."""
    with running_tool() as tool:
        for name in (GLUTTON, NEIGHBOUR):
            tool.add_person(name, "Somebody", notebooks_101_7="learner")
        yield tool


@pytest.fixture(scope="module")
def tight_hub(tool: HubTool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """A Hub whose servers get little."""
    data_dir = tmp_path_factory.mktemp("tight")
    make_course(data_dir / "courses" / SLUG)
    limits = {"MEMORY_MB": MEMORY_MB, "PROCESSES": PROCESSES, "FILE_MB": FILE_MB, "CPU_S": CPU_S}
    more = {f"COURSEBRIDGE_JUPYTERHUB_{name}": str(value) for name, value in limits.items()}
    tight = RunningHub(data_dir, tool, **more)
    tight.start()
    yield tight
    tight.close()


@pytest.fixture(scope="module")
def glutton(tight_hub: RunningHub) -> Visitor:
    """A learner who takes what is to be had."""
    return tight_hub.visit(GLUTTON, QUIZ)


@pytest.fixture(scope="module")
def eaten(tight_hub: RunningHub, glutton: Visitor) -> dict[str, Any]:
    """What they got, while somebody else has a server too."""
    tight_hub.visit(NEIGHBOUR, QUIZ)
    prefix, program = f"/user/{GLUTTON}/", Path(__file__).with_name("glutton.py").read_text()
    document = {"type": "file", "format": "text", "content": program}
    assert glutton.send("PUT", prefix, "api/contents/glutton.py", document).status_code == 201
    asyncio.run(run_in_terminal(glutton, "python glutton.py", prefix, 120))
    found = tight_hub.data_dir / "homes" / GLUTTON / "eaten.json"
    return dict(json.loads(wait_for(lambda: found.exists() and found.read_text())))


def test_process_gets_no_more_memory_than_it_may_have(eaten: dict[str, Any]) -> None:
    assert eaten["memory"] == {"64": "given", "2000": "refused"}


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary account's processes are counted together")
def test_server_gets_no_more_processes_than_it_may_have(eaten: dict[str, Any]) -> None:
    number, why = eaten["processes"]
    assert why == "EAGAIN"
    assert 0 < number < PROCESSES, "the server's own count too"


def test_process_cannot_give_itself_more_processor_time(eaten: dict[str, Any]) -> None:
    assert eaten["cpu"] == [[CPU_S, CPU_S], "refused"]


def test_file_grows_no_larger_than_it_may(eaten: dict[str, Any]) -> None:
    assert eaten["file"] == [FILE_MB, "EFBIG"]


def test_kernels_are_limited_as_the_server_is(tight_hub: RunningHub, glutton: Visitor, eaten: dict[str, Any]) -> None:
    kernel = glutton.send("POST", f"/user/{GLUTTON}/", "api/kernels", {"name": "python3"})
    assert kernel.status_code == 201, kernel.text
    server = f"/user/{GLUTTON}/api/kernels/{kernel.json()['id']}"

    def find_limits() -> dict[str, list[str]]:
        """Soft and hard limit by what the kernel of the machine calls them."""
        for process in psutil.process_iter(["cmdline"]):
            words = " ".join(process.info["cmdline"] or [])
            if "ipykernel_launcher" in words and kernel.json()["id"] in words:
                lines = Path(f"/proc/{process.pid}/limits").read_text().splitlines()
                return {line[:25].strip(): line[25:].split()[:2] for line in lines}
        return {}

    limits = wait_for(find_limits)
    assert limits["Max data size"] == [str(MEMORY_MB * 2**20)] * 2
    assert limits["Max processes"] == [str(PROCESSES)] * 2
    assert limits["Max cpu time"] == [str(CPU_S)] * 2
    assert limits["Max file size"] == [str(FILE_MB * 2**20)] * 2
    assert glutton.go(server).status_code == 200


def test_server_and_neighbours_go_on(tight_hub: RunningHub, glutton: Visitor, eaten: dict[str, Any]) -> None:
    assert glutton.go(f"/user/{GLUTTON}/api/status").status_code == 200
    assert tight_hub.visit(NEIGHBOUR, QUIZ).last.url.path.startswith(f"/user/{NEIGHBOUR}/")
