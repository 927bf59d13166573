"""Access tokens: all processes share them, and one asks for all."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from config.settings import Settings
from lti_tool.demo.testing import CampusServer
from lti_tool.kernel import clock
from lti_tool.kernel.errors import ExternalError
from lti_tool.kernel.runtime import Runtime, make_runtime
from lti_tool.lti import tokens
from lti_tool.lti.ags import SCORE_SCOPE
from lti_tool.lti.models import Registration

MANY = 10


@pytest.fixture
def registration(runtime: Runtime, registration_id: int) -> Registration:
    with runtime.db.reading() as tx:
        return tx.get_one(Registration, registration_id)


@pytest.fixture
def others(runtime: Runtime, settings: Settings) -> Iterator[list[Runtime]]:
    """Runtimes as other processes have them: nothing is shared but the database."""
    made = [make_runtime(settings) for _ in range(MANY)]
    yield made
    for each in made:
        each.http.close()
        each.db.close()


def at_once(runtimes: list[Runtime], call: Callable[[Runtime], Any]) -> list[Any]:
    """What everybody gets, an error too."""
    together, got = threading.Barrier(len(runtimes)), []

    def run(runtime: Runtime) -> None:
        together.wait()
        try:
            got.append(call(runtime))
        except ExternalError as error:
            got.append(error)

    threads = [threading.Thread(target=run, args=(runtime,)) for runtime in runtimes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


@pytest.mark.parametrize("is_guarded", [True, False])
def test_ten_processes_that_ask_at_once_cost_one_request(
    others: list[Runtime],
    campus: CampusServer,
    registration: Registration,
    monkeypatch: pytest.MonkeyPatch,
    is_guarded: bool,
) -> None:
    if not is_guarded:  # everybody may ask: the test notices
        monkeypatch.setattr(tokens, "_claim", lambda runtime, key: "anybody")
        monkeypatch.setattr(tokens, "_usable", lambda runtime, row, moment: None)
    campus.set_fault("token", "slow", value=300)

    got = at_once(others, lambda runtime: tokens.get_token(runtime, registration, [SCORE_SCOPE]))

    if is_guarded:
        assert len(got) == MANY and len(set(got)) == 1
    assert (campus.hits("token") == 1) is is_guarded


def test_those_who_wait_for_a_token_that_is_refused_do_not_ask_again(
    others: list[Runtime], campus: CampusServer, registration: Registration
) -> None:
    campus.set_fault("token", "slow", value=300, times=1)
    campus.set_fault("token", "status", value=503)

    def ask(runtime: Runtime) -> str:
        return tokens.get_token(runtime, registration, ["https://example.org/no-such-scope"])

    got = at_once(others, ask)
    assert {error.code for error in got} == {"token_refused"}
    assert campus.hits("token") == 1


def test_refused_token_is_replaced_once_for_all(
    others: list[Runtime], campus: CampusServer, registration: Registration
) -> None:
    refused = tokens.get_token(others[0], registration, [SCORE_SCOPE])

    def ask(runtime: Runtime) -> str:
        tokens.forget_token(runtime, registration, [SCORE_SCOPE], refused)
        return tokens.get_token(runtime, registration, [SCORE_SCOPE])

    fresh = at_once(others, ask)
    assert len(set(fresh)) == 1 and refused not in fresh
    assert campus.hits("token") == 2


def test_token_is_replaced_before_it_expires_and_serves_meanwhile(
    others: list[Runtime], campus: CampusServer, registration: Registration
) -> None:
    first = tokens.get_token(others[0], registration, [SCORE_SCOPE])
    with clock.frozen(clock.now()):
        clock.advance(0.95 * 3600)
        campus.clock.advance(0.95 * 3600)
        campus.set_fault("token", "slow", value=500)
        got = at_once(others, lambda runtime: tokens.get_token(runtime, registration, [SCORE_SCOPE]))
    assert campus.hits("token") == 2
    assert got.count(first) == MANY - 1, "whoever does not fetch the next one goes on with this one"


def test_process_that_died_while_asking_is_not_waited_for_long(
    runtime: Runtime, campus: CampusServer, registration: Registration
) -> None:
    key = tokens._Key(registration.id, tokens._digest([SCORE_SCOPE]))
    with clock.frozen(clock.now()):
        assert tokens._claim(runtime, key)
        assert tokens._claim(runtime, key) is None
        clock.advance(tokens.ASKING.total_seconds() + 1)
        campus.clock.advance(tokens.ASKING.total_seconds() + 1)
        assert tokens.get_token(runtime, registration, [SCORE_SCOPE])
