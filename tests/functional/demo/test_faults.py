"""Failures on demand."""

from __future__ import annotations

import threading

import httpx
import pytest

from lti_tool.demo.model import CampusError
from tests.functional.demo.conftest import Installed


def test_status_a_number_of_times(moodle: Installed) -> None:
    moodle.campus.set_fault("scores", "status", value=503, times=2)
    assert [moodle.score().status_code for _ in range(3)] == [503, 503, 200]
    assert moodle.campus.hits("scores") == 3


def test_until_cleared(moodle: Installed) -> None:
    moodle.campus.set_fault("token", "status")
    assert [moodle.ask_token().status_code for _ in range(3)] == [500, 500, 500]
    moodle.campus.clear_faults()
    assert moodle.ask_token().status_code == 200


def test_rate_limit_says_when_to_come_back(canvas: Installed) -> None:
    canvas.campus.set_fault("members", "rate_limit", value=7, times=1)
    answer = canvas.http.get(canvas.campus.campus.memberships_url, headers=canvas.bearer())
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")


def test_dropped_connection_keeps_the_score(moodle: Installed) -> None:
    moodle.campus.set_fault("scores", "drop", times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        moodle.score()
    assert moodle.final() == 8
    assert moodle.score().status_code == 409


def test_timeout_does_nothing(moodle: Installed) -> None:
    moodle.campus.set_fault("scores", "timeout", value=5, times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        moodle.score()
    assert moodle.final() is None


def test_slow_answer_still_counts(moodle: Installed) -> None:
    moodle.campus.set_fault("scores", "slow", value=5, times=1)
    assert moodle.score().status_code == 200


def test_waiting_answer_does_not_hold_up_the_end(moodle: Installed) -> None:
    moodle.campus.set_fault("jwks", "slow", value=3_600_000)
    answers: list[int] = []

    def ask() -> None:
        with httpx.Client(trust_env=False, timeout=60) as client:
            answers.append(client.get(moodle.campus.jwks_url).status_code)

    waiting = threading.Thread(target=ask)
    waiting.start()
    while not moodle.campus.hits("jwks"):
        waiting.join(0.01)
    moodle.campus.campus.stopping.set()
    waiting.join(30)
    assert answers == [200]


def test_revoked_token_is_401_and_a_new_one_works(moodle: Installed) -> None:
    assert moodle.score().status_code == 200
    moodle.campus.set_fault("scores", "revoke", times=1)
    assert moodle.score(timestamp="2031-01-01T00:00:00Z").status_code == 401
    assert moodle.http.get(moodle.campus.campus.memberships_url, headers=moodle.bearer()).status_code == 200


def test_html_answer(moodle: Installed) -> None:
    moodle.campus.set_fault("jwks", "html", times=1)
    assert moodle.http.get(moodle.campus.jwks_url).headers["content-type"].startswith("text/html")
    assert moodle.http.get(moodle.campus.jwks_url).json()["keys"]


def test_unknown_fault_is_refused(moodle: Installed) -> None:
    for endpoint, kind, times in (("tea", "status", 1), ("scores", "explode", 1), ("scores", "status", 0)):
        with pytest.raises(CampusError):
            moodle.campus.set_fault(endpoint, kind, times=times)
