"""The real Celery worker over the job table: hints make it quick, the table makes it sure."""

import logging
import signal
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import update

from lti_tool.app.worker import publish_with
from lti_tool.kernel import clock, jobs
from lti_tool.kernel.heartbeat import list_workers
from lti_tool.kernel.jobs import JobRow, JobState
from lti_tool.kernel.runtime import Runtime
from tests.fakes.bells.plugin import Ring
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
        assert worker.wait(30) == 0
    assert state_of(runtime, job_id) is JobState.DONE


def test_what_a_worker_says_is_ours(place: Place, runtime: Runtime) -> None:
    place.more = {"COURSEBRIDGE_JOBS__SWEEP_S": "0.2"}
    with place.start(*WORKER) as worker:
        wait_until(lambda: place.read("ticks"), "the worker did not sweep")
        worker.send_signal(signal.SIGTERM)
        worker.wait(30)
    lines = [line for line in place.said().splitlines() if line and "Warm shutdown" not in line]
    assert len(lines) == 1
    assert "worker_ready" in lines[0]
