"""What goes the short way (docs/adr/0023), what does not, and that both end alike."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask, request, request_started
from sqlalchemy import select

from lti_tool.contract import Choice, Plugin, load_plugins
from lti_tool.demo.model import Activity
from lti_tool.demo.testing import CampusServer
from lti_tool.kernel.db import Tx
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.models import Refusal
from lti_tool.web.session import BROWSER_COOKIE, SessionRow
from tests.fakes.contents import StubContents, stub_contents_plugin
from tests.fakes.launching import FRAME, Launcher

MULTIPART = "multipart/form-data; boundary=x"


@contextmanager
def whole_ways(app: Flask) -> Iterator[list[str]]:
    """The addresses that Flask is asked for meanwhile."""
    asked: list[str] = []

    def note(sender: Flask, **_: Any) -> None:
        asked.append(request.path)

    with request_started.connected_to(note, app):
        yield asked


def known_login(launcher: Launcher, quiz: Activity) -> dict[str, Any]:
    """The login of a browser that has our cookie."""
    launcher.login("ada", quiz)
    return dict(launcher.campus.start_launch("ada", quiz).fields)


def test_browser_that_is_known_goes_the_short_way(launcher: Launcher, quiz: Activity, app: Flask) -> None:
    form = known_login(launcher, quiz)
    with whole_ways(app) as asked:
        to_lms = [launcher.client.post("/lti/login", data=form, headers=FRAME)]
        to_lms.append(launcher.client.get("/lti/login", query_string=form, headers=FRAME))
        assert [answer.status_code for answer in to_lms] == [303, 303]
        fields = dict(launcher.campus.authorize("ada", to_lms[1].headers["Location"]).fields)
        answer = launcher.client.post("/lti/launch", data=fields, headers=FRAME)
        assert answer.status_code == 303 and asked == []
        assert "Ada Lopez" in launcher.client.get(answer.headers["Location"]).text
    assert len(asked) == 1


def test_browser_that_is_new_goes_the_whole_way(launcher: Launcher, quiz: Activity, app: Flask) -> None:
    form = dict(launcher.campus.start_launch("ada", quiz).fields)
    with whole_ways(app) as asked:
        answer = launcher.client.post("/lti/login", data=form, headers=FRAME)
    assert answer.headers["Set-Cookie"].startswith(BROWSER_COOKIE) and asked == ["/lti/login"]


@pytest.mark.parametrize(
    "change",
    [
        {"content_type": MULTIPART},
        {"query_string": {"lang": "en"}},
        {"data_more": {"note": "\N{SNOWMAN}"}},
        {"data_more": {f"field_{number}": "x" for number in range(60)}},
        {"content_type": "application/x-www-form-urlencoded; charset=UTF-8"},
    ],
    ids=["multipart", "query", "not ASCII", "many fields", "spelling of the type"],
)
def test_form_that_is_odd_ends_alike(change: dict[str, Any], launcher: Launcher, quiz: Activity) -> None:
    form, more = known_login(launcher, quiz), dict(change)
    plain = launcher.client.post("/lti/login", data=form, headers=FRAME)
    data = more.pop("data_more", {})
    odd = launcher.client.post("/lti/login", data=form | data, headers=FRAME, **more)
    assert odd.status_code == 303
    assert odd.headers["Location"].partition("?")[0] == plain.headers["Location"].partition("?")[0]
    fields = dict(launcher.campus.authorize("ada", odd.headers["Location"]).fields)
    answer = launcher.client.post("/lti/launch", data=fields | data, headers=FRAME, **more)
    assert answer.status_code == 303 and "Ada Lopez" in launcher.client.get(answer.headers["Location"]).text


def test_both_ways_answer_with_the_same_headers(launcher: Launcher, quiz: Activity, app: Flask) -> None:
    launcher.login("ada", quiz)
    answered: list[list[dict[str, str]]] = []
    for more, flask in ({}, 0), ({"content_type": MULTIPART}, 2):
        form = dict(launcher.campus.start_launch("ada", quiz).fields)
        with whole_ways(app) as asked:
            login = launcher.client.post("/lti/login", data=form, headers=FRAME, **more)
            fields = dict(launcher.campus.authorize("ada", login.headers["Location"]).fields)
            launch = launcher.client.post("/lti/launch", data=fields, headers=FRAME, **more)
        assert len(asked) == flask and (login.status_code, launch.status_code) == (303, 303)
        own = ("Location", "Content-Type")
        answered.append([{k: v for k, v in answer.headers if k not in own} for answer in (login, launch)])
    assert answered[0] == answered[1]
    assert answered[0][0]["Cache-Control"] == "no-store"


def test_refusal_is_decided_and_noted_once(
    launcher: Launcher, quiz: Activity, runtime: Runtime, campus: CampusServer
) -> None:
    launcher.open("ada", quiz)
    answer = launcher.launch_changed("ada", quiz, claims={"aud": "another tool"})
    assert answer.status_code == 400 and "is for another tool" in answer.text
    assert f"frame-ancestors 'self' {campus.base_url}" in answer.headers["Content-Security-Policy"]
    with runtime.db.reading() as tx:
        (refusal,) = tx.scalars(select(Refusal))
    assert refusal.number == 1


def test_login_within_a_session_is_no_login(launcher: Launcher, quiz: Activity, app: Flask) -> None:
    session = launcher.open("ada", quiz).partition("/stub/")[0]
    form = dict(launcher.campus.start_launch("ada", quiz).fields)
    with whole_ways(app) as asked:
        assert launcher.client.post(session + "/lti/login", data=form, headers=FRAME).status_code == 403
    assert asked == ["/lti/login"]


class FailingContents(StubContents):
    """Of a plugin from elsewhere that breaks down."""

    def find_choice(self, tx: Tx, registration_id: int, ref: str) -> Choice | None:
        raise ZeroDivisionError(ref)


class TestWithAPluginThatFails:
    @pytest.fixture
    def plugins(self) -> list[Plugin]:
        return [*load_plugins(["lti_tool.lti"]), replace(stub_contents_plugin(), contents=FailingContents([]))]

    def test_unforeseen_error_is_told_and_nothing_is_kept(
        self, launcher: Launcher, quiz: Activity, runtime: Runtime, caplog: pytest.LogCaptureFixture
    ) -> None:
        url = launcher.login("ada", quiz)
        fields = dict(launcher.campus.authorize("ada", url).fields)
        answer = launcher.client.post("/lti/launch", data=fields, headers=FRAME)
        assert answer.status_code == 500 and "quote reference" in answer.text
        assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ZeroDivisionError]
        with runtime.db.reading() as tx:
            assert tx.scalars(select(SessionRow)).all() == []
        again = launcher.client.post("/lti/launch", data=fields, headers=FRAME)
        assert again.status_code == 500, "the launch is not spent"


class AbroadContents(StubContents):
    """Of a plugin whose addresses are not ASCII."""

    def find_choice(self, tx: Tx, registration_id: int, ref: str) -> Choice | None:
        found = super().find_choice(tx, registration_id, ref)
        return replace(found, path="/stub/größe") if found else None


class TestWithAddressesThatAreNotAscii:
    @pytest.fixture
    def plugins(self) -> list[Plugin]:
        stub = stub_contents_plugin()
        contents = AbroadContents(stub.contents.choices) if isinstance(stub.contents, StubContents) else None
        return [*load_plugins(["lti_tool.lti"]), replace(stub, contents=contents)]

    def test_launch_is_let_in_once(self, launcher: Launcher, quiz: Activity, app: Flask) -> None:
        fields = dict(launcher.campus.authorize("ada", launcher.login("ada", quiz)).fields)
        with whole_ways(app) as asked:
            answer = launcher.client.post("/lti/launch", data=fields, headers=FRAME)
        assert answer.status_code == 303 and asked == []
        assert answer.headers["Location"].endswith("/stub/gr%C3%B6%C3%9Fe")
