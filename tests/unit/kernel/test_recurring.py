"""Recurring work: whichever process comes first does it, and nobody does it twice."""

import logging
import threading
from datetime import UTC, datetime, timedelta

import pytest

from config.settings import Settings
from lti_tool.kernel import clock
from lti_tool.kernel.recurring import run_due
from lti_tool.kernel.runtime import Runtime, make_runtime

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVERY_S = 60.0


class Clockwork:
    """Work that counts how often it was done."""

    def __init__(self) -> None:
        self.done: list[Runtime] = []

    def due(self, runtime: Runtime, moment: datetime, name: str = "clockwork") -> list[str]:
        with clock.frozen(moment):
            return run_due(runtime, [(name, EVERY_S, self.done.append)])


@pytest.fixture
def clockwork() -> Clockwork:
    return Clockwork()


def test_new_work_is_due_at_once_and_then_after_its_time(runtime: Runtime, clockwork: Clockwork) -> None:
    assert clockwork.due(runtime, NOON) == ["clockwork"]
    assert clockwork.due(runtime, NOON + timedelta(seconds=EVERY_S - 1)) == []
    assert clockwork.due(runtime, NOON + timedelta(seconds=EVERY_S)) == ["clockwork"]
    assert clockwork.done == [runtime, runtime]


def test_each_work_has_its_own_time(runtime: Runtime, clockwork: Clockwork) -> None:
    assert clockwork.due(runtime, NOON, "one") == ["one"]
    assert clockwork.due(runtime, NOON + timedelta(seconds=1), "other") == ["other"]


def test_another_process_has_done_it(runtime: Runtime, settings: Settings, clockwork: Clockwork) -> None:
    other = make_runtime(settings)
    assert clockwork.due(other, NOON) == ["clockwork"]
    assert clockwork.due(runtime, NOON) == []
    other.http.close()
    other.db.close()


@pytest.mark.parametrize("known", [False, True], ids=["the first time", "again"])
def test_of_many_that_come_together_one_does_it(runtime: Runtime, clockwork: Clockwork, known: bool) -> None:
    moment = NOON
    if known:
        clockwork.due(runtime, NOON)
        clockwork.done.clear()
        moment += timedelta(seconds=EVERY_S)
    ready = threading.Barrier(6)

    def come() -> None:
        ready.wait()
        run_due(runtime, [("clockwork", EVERY_S, clockwork.done.append)])

    with clock.frozen(moment):
        threads = [threading.Thread(target=come) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(clockwork.done) == 1


def test_work_that_fails_is_logged_and_comes_again_in_its_time(
    runtime: Runtime, clockwork: Clockwork, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(runtime: Runtime) -> None:
        raise ValueError("the spring broke")

    work = [("failing", EVERY_S, fail), ("next", EVERY_S, clockwork.done.append)]
    with clock.frozen(NOON), caplog.at_level(logging.ERROR):
        assert run_due(runtime, work) == ["failing", "next"]
    assert len(clockwork.done) == 1
    assert "the spring broke" in caplog.text
    with clock.frozen(NOON + timedelta(seconds=EVERY_S)), caplog.at_level(logging.CRITICAL):
        assert run_due(runtime, work) == ["failing", "next"]
