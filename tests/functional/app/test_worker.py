"""The real Celery worker over the job table: hints make it quick, the table makes it sure."""

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from grading import sealed_zygote
from lti_tool.app.worker import publish_with
from lti_tool.kernel import clock, jobs
from lti_tool.kernel.heartbeat import list_workers
from lti_tool.kernel.jobs import JobRow, JobState
from lti_tool.kernel.runtime import Runtime
from tests.fakes.bells.plugin import Ring, RingLoudly
from tests.functional.app.conftest import Place, wait_until
from tests.servers import free_port

NEVER = {"COURSEBRIDGE_JOBS__SWEEP_S": "3600"}
WORKER = ("worker", "--queues", "default", "--concurrency", "2")


@pytest.fixture(params=["folders", "redis"])
def brokered(request: pytest.FixtureRequest, place: Place) -> Place:
    """A place with each broker."""
    if request.param == "redis":
        place.broker_url = request.getfixturevalue("redis")
    return place


@pytest.fixture
def runtime(place: Place) -> Iterator[Runtime]:
    with place.open() as runtime:
        yield runtime


def enqueue(runtime: Runtime, bell: str) -> int:
    with runtime.db.transaction() as tx:
        return jobs.enqueue(tx, Ring(bell))


def state_of(runtime: Runtime, job_id: int) -> JobState:
    with runtime.db.reading() as tx:
        return tx.get_one(JobRow, job_id).state


def alive(runtime: Runtime) -> list[tuple[str, bool]]:
    """The queues of the workers that say they live, and whether they sweep."""
    with runtime.db.reading() as tx:
        return [(worker.queues, worker.sweeps) for worker in list_workers(tx)]


def forget_hint(runtime: Runtime, job_id: int) -> None:
    """As if it had been hinted long ago, to a broker that lost it."""
    with runtime.db.transaction() as tx:
        tx.execute(update(JobRow).where(JobRow.id == job_id).values(hinted_at=clock.now() - timedelta(hours=1)))


@pytest.mark.parametrize("pool", ["--threads", ""])
def test_a_hint_runs_a_job_without_any_sweep(brokered: Place, runtime: Runtime, pool: str) -> None:
    brokered.more = NEVER
    publish_with(brokered.settings(), runtime.db.router)
    with brokered.start(*WORKER, "--no-beat", *filter(None, [pool])):
        job_id = enqueue(runtime, "tenor")
        wait_until(lambda: state_of(runtime, job_id) is JobState.DONE, "the job was not run")
        wait_until(lambda: alive(runtime) == [("default", False)], "the worker did not say that it lives")
    assert brokered.read("rung") == ["tenor"]
    assert alive(runtime) == [], "the worker did not say that it ended"


@pytest.mark.one_database
@pytest.mark.parametrize(("pool", "holds", "loaded"), [("--threads", True, "here"), ("", False, "before")])
def test_warming_up_keeps_no_job_waiting(place: Place, runtime: Runtime, pool: str, holds: bool, loaded: str) -> None:
    place.more = NEVER
    if holds:
        (place.data_dir / "hold").touch()
    publish_with(place.settings(), runtime.db.router)
    with place.start("worker", "--queues", "grade", "--concurrency", "1", "--no-beat", *filter(None, [pool])):
        with runtime.db.transaction() as tx:
            job_id = jobs.enqueue(tx, RingLoudly("bass"))
        wait_until(lambda: state_of(runtime, job_id) is JobState.DONE, "the job was not run")
        wait_until(lambda: place.read("warmed") == [f"loaded-{loaded}"], "nothing was warmed up")
        if not holds:
            wait_until(lambda: "warm_up_failed" in place.said(), "a failure was not told")


@pytest.mark.one_database
def test_a_marking_worker_has_a_warm_process_which_ends_with_it(place: Place, runtime: Runtime) -> None:
    place.more = NEVER | {"COURSEBRIDGE_PLUGINS": '["lti_tool.lti", "grading"]'}
    with place.start("worker", "--queues", "grade", "--concurrency", "1", "--no-beat") as worker:
        wait_until(lambda: "worker_ready" in place.said(), "the worker did not start")
        wait_until(lambda: " grading.warming warm\n" in place.said(), "there is no warm process")
        below = descendants_of(worker.pid)
        assert any(sealed_zygote.__file__ in command for command in below.values())
        worker.kill()
        wait_until(lambda: not any(is_alive(pid, command) for pid, command in below.items()), "something is left")


@pytest.mark.one_database
def test_a_worker_says_at_once_that_nothing_can_be_marked(place: Place, runtime: Runtime, tmp_path: Path) -> None:
    broken = tmp_path / "bin" / "bwrap"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\necho No permissions to create new namespace >&2\nexit 1\n")
    broken.chmod(0o755)
    path = f"{broken.parent}:{os.environ['PATH']}"
    place.more = NEVER | {"COURSEBRIDGE_PLUGINS": '["lti_tool.lti", "grading"]', "PATH": path}
    with place.start("worker", "--queues", "grade", "--concurrency", "1", "--no-beat"):
        wait_until(lambda: "sandbox_unavailable" in place.said(), "it was not told")
    assert "No permissions to create new namespace" in place.said()
    assert "user namespaces" in place.said()


def descendants_of(pid: int) -> dict[int, str]:
    """The command line of every process below one, by its number."""
    found: dict[int, str] = {}
    for child in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = int((child / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == pid:
                number = int(child.name)
                found |= {number: command_of(number)} | descendants_of(number)
    return found


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")


def is_alive(pid: int, command: str) -> bool:
    """Whether it is still this process; one that has ended and that nobody has asked for has no command."""
    try:
        return command_of(pid) == command != ""
    except OSError:
        return False


def test_a_job_that_the_broker_lost_is_found_by_the_sweep(brokered: Place, runtime: Runtime) -> None:
    brokered.more = {"COURSEBRIDGE_JOBS__SWEEP_S": "0.2"}
    job_id = enqueue(runtime, "lost")  # nothing publishes here
    forget_hint(runtime, job_id)
    with brokered.start(*WORKER, "--threads"):
        wait_until(lambda: state_of(runtime, job_id) is JobState.DONE, "the job was not run")
        wait_until(lambda: len(brokered.read("ticks")) >= 2, "recurring work did not run again")
    assert brokered.read("rung") == ["lost"]


def test_a_broker_that_is_down_costs_time_and_no_job(
    place: Place, runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    place.broker_url = f"redis://127.0.0.1:{free_port()}/0"
    publish_with(place.settings(), runtime.db.router)
    with caplog.at_level(logging.WARNING):
        job_id = enqueue(runtime, "patient")
        enqueue(runtime, "not announced, the broker is left alone for a while")
    assert state_of(runtime, job_id) is JobState.QUEUED
    (record,) = [record for record in caplog.records if record.name == "lti_tool.app.worker"]
    assert record.getMessage() == "broker_unreachable"
    assert record.exc_info is None


def test_a_worker_told_to_stop_finishes_what_it_holds(place: Place, runtime: Runtime) -> None:
    place.more = NEVER
    publish_with(place.settings(), runtime.db.router)
    with place.start(*WORKER, "--no-beat", "--threads") as worker:
        job_id = enqueue(runtime, "slow")
        wait_until(lambda: place.read("begun") == ["slow"], "the job did not begin")
        worker.send_signal(signal.SIGTERM)
        (place.data_dir / "go").touch()
        assert worker.wait(120) == 0
    assert state_of(runtime, job_id) is JobState.DONE


def test_a_worker_whose_processes_are_all_told_to_stop_finishes_what_they_hold(place: Place, runtime: Runtime) -> None:
    place.more = NEVER
    publish_with(place.settings(), runtime.db.router)
    with place.start(*WORKER, "--no-beat") as worker:
        job_id = enqueue(runtime, "slow")
        wait_until(lambda: place.read("begun") == ["slow"], "the job did not begin")
        os.killpg(worker.pid, signal.SIGTERM)
        wait_until(lambda: "Warm shutdown" in place.said(), "the worker did not heed")
        (place.data_dir / "go").touch()
        assert worker.wait(120) == 0
    assert state_of(runtime, job_id) is JobState.DONE


def test_a_worker_told_to_stop_at_once_lets_go_of_what_it_holds(place: Place, runtime: Runtime) -> None:
    place.more = NEVER
    publish_with(place.settings(), runtime.db.router)
    with place.start(*WORKER, "--no-beat") as worker:
        job_id = enqueue(runtime, "slow")
        wait_until(lambda: place.read("begun") == ["slow"], "the job did not begin")
        pool = descendants_of(worker.pid)
        worker.send_signal(signal.SIGQUIT)
        assert worker.wait(120) == 1
        wait_until(lambda: not any(is_alive(pid, command) for pid, command in pool.items()), "something is left")
    assert state_of(runtime, job_id) is JobState.RUNNING, "its lease ends, and the next worker begins it again"


@pytest.mark.one_database
def test_what_a_worker_says_is_ours(place: Place, runtime: Runtime) -> None:
    place.more = {"COURSEBRIDGE_JOBS__SWEEP_S": "0.2"}
    with place.start(*WORKER) as worker:
        wait_until(lambda: place.read("ticks"), "the worker did not sweep")
        worker.send_signal(signal.SIGTERM)
        worker.wait(120)
    lines = [line for line in place.said().splitlines() if line and "Warm shutdown" not in line]
    assert len(lines) == 1
    assert "worker_ready" in lines[0]
