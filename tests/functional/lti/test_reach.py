"""A platform that does not answer is left alone, by all processes, and others are not affected."""

from collections.abc import Iterator

import pytest

from config.settings import Settings
from lti_tool.kernel import clock
from lti_tool.kernel.errors import ExternalError
from lti_tool.kernel.runtime import Runtime, make_runtime
from lti_tool.lti.models import Registration
from lti_tool.lti.public import find_reach, list_reach
from lti_tool.lti.reach import DOWN, calling
from tests.factories.grading import make_place


@pytest.fixture
def two(runtime: Runtime) -> tuple[Registration, Registration]:
    with runtime.db.transaction() as tx:
        ids = [make_place(tx, name).registration_id for name in ("moodle", "canvas")]
    with runtime.db.reading() as tx:
        return tx.get_one(Registration, ids[0]), tx.get_one(Registration, ids[1])


@pytest.fixture
def other(settings: Settings, runtime: Runtime) -> Iterator[Runtime]:
    """Another process."""
    made = make_runtime(settings)
    made.db.router = runtime.db.router
    yield made
    made.http.close()
    made.db.close()


@pytest.fixture(autouse=True)
def still() -> Iterator[None]:
    with clock.frozen(clock.now()):
        yield


def call(runtime: Runtime, registration: Registration, error: ExternalError | None = None) -> str:
    """`made`, or the code of the error."""
    try:
        with calling(runtime, registration):
            if error is not None:
                raise error
    except ExternalError as caught:
        return caught.code
    return "made"


def outage(retry_after_s: float | None = None) -> ExternalError:
    return ExternalError("timeout", "It did not answer in time.", retryable=True, retry_after_s=retry_after_s)


def test_platform_that_is_down_is_called_once_a_minute_at_most(
    runtime: Runtime, other: Runtime, two: tuple[Registration, Registration]
) -> None:
    moodle, _canvas = two
    assert call(runtime, moodle, outage()) == "timeout"
    began, made = clock.now(), []
    for _ in range(3 * 240):
        clock.advance(20)
        for process in (runtime, other):
            if call(process, moodle, outage()) != DOWN:
                made.append(clock.now())

    gaps = [(after - before).total_seconds() for before, after in zip([began, *made], made, strict=False)]
    assert min(gaps) >= 60
    assert max(gaps) <= 16 * 60
    assert len(made) > 20


def test_first_call_that_gets_through_opens_the_way(
    runtime: Runtime, other: Runtime, two: tuple[Registration, Registration]
) -> None:
    moodle, _canvas = two
    call(runtime, moodle, outage())
    assert call(other, moodle) == DOWN
    clock.advance(80)
    assert call(other, moodle) == "made"
    assert call(runtime, moodle) == "made"


def test_others_are_not_affected(runtime: Runtime, two: tuple[Registration, Registration]) -> None:
    moodle, canvas = two
    call(runtime, moodle, outage())
    assert (call(runtime, moodle), call(runtime, canvas)) == (DOWN, "made")
    with runtime.db.reading() as tx:
        assert [each.is_reachable for each in list_reach(tx)] == [False, True]
        down = find_reach(tx, moodle.id)
    assert down is not None
    assert (down.name, down.since, down.text) == ("moodle", clock.now(), "It did not answer in time.")
    assert down.next_try_at is not None


def test_wait_that_the_platform_asks_for_is_kept(runtime: Runtime, two: tuple[Registration, Registration]) -> None:
    moodle, _canvas = two
    call(runtime, moodle, outage(retry_after_s=5))
    clock.advance(4)
    assert call(runtime, moodle) == DOWN
    clock.advance(7)
    assert call(runtime, moodle, outage(retry_after_s=5)) == "timeout"
    clock.advance(50)
    assert call(runtime, moodle) == DOWN, "asked for again and again it is down"


def test_refusal_of_one_thing_says_that_the_platform_is_there(
    runtime: Runtime, two: tuple[Registration, Registration]
) -> None:
    moodle, _canvas = two
    refused = ExternalError("learner_left", "Not any more.", retryable=False)
    assert call(runtime, moodle, refused) == "learner_left"
    assert call(runtime, moodle) == "made"
    call(runtime, moodle, outage())
    clock.advance(80)
    call(runtime, moodle, refused)
    assert call(runtime, moodle) == "made"
