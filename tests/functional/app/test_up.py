"""`coursebridge up` as a process: web server and workers, restarted when they die, gone when told to stop."""

import os
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from lti_tool.app.worker import publish_with
from lti_tool.kernel import jobs
from lti_tool.kernel.jobs import JobRow, JobState
from lti_tool.kernel.messages import Job
from tests.fakes.bells.plugin import Ring, RingLoudly
from tests.functional.app.conftest import Place, wait_until
from tests.servers import free_port

Up = subprocess.Popen[bytes]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def up(place: Place, port: int) -> Iterator[Up]:
    """Running, with everything ready."""
    place.more = {"COURSEBRIDGE_WEB__PORT": str(port), "COURSEBRIDGE_BASE_URL": f"http://localhost:{port}"}
    with place.start("up") as process:
        wait_until(lambda: "Coursebridge is up" in place.said() or process.poll() is not None, "it did not start")
        yield process


def get(port: int, path: str) -> tuple[int, bytes]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=120) as answer:
        return answer.status, answer.read()


def children_of(pid: int) -> dict[int, str]:
    """Numbers and command lines of the processes that a process started itself."""
    found = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            command = (status.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == pid:
            found[int(status.parent.name)] = command
    return found


def descendants_of(pid: int) -> set[int]:
    children = set(children_of(pid))
    return children.union(*(descendants_of(child) for child in children))


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def rings(place: Place, message: Job) -> bool:
    """Whether a job that is enqueued now is done, through the broker."""
    with place.open() as runtime:
        publish_with(place.settings(), runtime.db.router)
        with runtime.db.transaction() as tx:
            job_id = jobs.enqueue(tx, message)

        def is_done() -> bool:
            with runtime.db.reading() as tx:
                return tx.get_one(JobRow, job_id).state is JobState.DONE

        wait_until(is_done, place.said())
    return True


def test_everything_runs_and_sigterm_stops_it(place: Place, port: int, up: Up) -> None:
    assert get(port, "/healthz") == (200, b"ok\n")
    assert get(port, "/readyz") == (200, b"ready\n")
    assert rings(place, Ring("treble"))
    assert rings(place, RingLoudly("tenor"))
    wait_until(lambda: place.read("ticks"), "recurring work did not run")

    started = descendants_of(up.pid)
    assert len(started) >= 5
    up.send_signal(signal.SIGTERM)
    assert up.wait(120) == 0
    assert [pid for pid in started if is_alive(pid)] == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    assert "WARNING" not in place.said()
    assert " warning " not in place.said()


@pytest.mark.one_database
def test_a_killed_worker_and_a_killed_web_server_are_started_again(place: Place, port: int, up: Up) -> None:
    before = children_of(up.pid)
    assert len(before) == 3
    family = descendants_of(up.pid)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: len(children_of(up.pid).keys() - before.keys()) == 3, "they were not started again")
    wait_until(lambda: not any(map(is_alive, family)), "something that they started still runs")

    def answers() -> bool:
        try:
            return get(port, "/readyz")[0] == 200
        except OSError:
            return False

    wait_until(answers, "the web server did not come back")
    assert rings(place, Ring("again"))
    assert rings(place, RingLoudly("again"))
    assert place.said().count("process_restarted") == 3


@pytest.mark.one_database
def test_nothing_outlives_a_supervisor_that_is_killed(port: int, up: Up) -> None:
    started = descendants_of(up.pid)
    up.kill()
    up.wait()
    wait_until(lambda: not any(map(is_alive, started)), "something still runs")


@pytest.mark.one_database
def test_a_port_in_use_is_one_line_that_says_how_to_choose_another(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        place.more = {"COURSEBRIDGE_WEB__PORT": str(port)}
        with place.start("up") as process:
            assert process.wait(60) == 1
    (line,) = place.said().splitlines()
    assert line.startswith(f"Port {port} on 127.0.0.1, which web needs, is in use.")
    assert "COURSEBRIDGE_WEB__PORT" in line
