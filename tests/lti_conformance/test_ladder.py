"""The ladder: what ties a launch to its browser, and what does not (docs/adr/0014). Its scripts: tests/browser."""

from collections.abc import Mapping
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from lti_tool.demo.model import Activity
from lti_tool.demo.testing import CampusServer
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.models import Registration
from lti_tool.lti.registrations import trust_host
from lti_tool.web.session import BROWSER_COOKIE, SessionRow, digest_of
from tests.fakes.launching import FRAME, OWN_PAGE, Launcher, query_of, script_data
from tests.lti_conformance.refusals import Refusals

THEIRS = {**FRAME, "Origin": "https://evil.example"}
TOP = {"Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "cross-site"}
CANVAS = pytest.mark.parametrize("campus", ["canvas"], indirect=True)


def begin(launcher: Launcher, quiz: Activity, **changes: str) -> TestResponse:
    fields = {**launcher.campus.start_launch("ada", quiz).fields, **changes}
    return launcher.client.post("/lti/login", data=fields, headers=FRAME)


def without_cookie(launcher: Launcher, location: str, headers: Mapping[str, str] = FRAME) -> TestResponse:
    launcher.client.delete_cookie(BROWSER_COOKIE)
    return launcher.client.get(location, headers=headers)


def stored_login(launcher: Launcher, quiz: Activity) -> dict[str, str]:
    """What the page of the login tells its script, in a browser that keeps no cookie."""
    told = script_data(begin(launcher, quiz).text)
    launcher.client.delete_cookie(BROWSER_COOKIE)
    return told


def answer(launcher: Launcher, quiz: Activity, told: Mapping[str, str], **options: Any) -> TestResponse:
    """The launch of such a login, as our page posts it the second time unless told otherwise."""
    options = {"form": {"stored": told["secret"]}, "headers": OWN_PAGE, **options}
    return launcher.launch_changed("ada", quiz, auth_url=told["stored-url"], **options)


def session_of(runtime: Runtime, entered: TestResponse) -> SessionRow:
    """What the launch stored that was answered so."""
    token = entered.headers["Location"].removeprefix("/s/").partition("/")[0]
    with runtime.db.reading() as tx:
        return tx.get_one(SessionRow, digest_of(token))


@CANVAS
class TestStorage:
    def test_secret_is_kept_by_the_platform_and_never_sent_there(self, launcher: Launcher, quiz: Activity) -> None:
        page = begin(launcher, quiz)
        told = script_data(page.text)
        assert told["origin"] == launcher.campus.base_url
        assert told["target"] == "post_message_forwarding"
        assert told["stored-url"].startswith(launcher.campus.auth_url + "?")
        assert len(told["secret"]) == 43 and told["secret"] not in told["stored-url"] + told["silent-url"]
        cookie = launcher.client.get_cookie(BROWSER_COOKIE)
        assert cookie and cookie.value != told["secret"]
        assert page.headers["Cache-Control"] == "no-store"
        assert launcher.campus.base_url in page.headers["Content-Security-Policy"]

    def test_first_post_asks_and_the_second_gets_in_without_any_cookie(
        self, launcher: Launcher, quiz: Activity, runtime: Runtime, refused: Refusals
    ) -> None:
        told = stored_login(launcher, quiz)
        asked = answer(launcher, quiz, told, form={}, headers=FRAME)
        assert asked.status_code == 200
        assert script_data(asked.text)["key"] == told["key"]
        assert told["secret"] not in asked.text
        assert refused.count() == refused.before, "asking stores nothing"

        entered = answer(launcher, quiz, told)
        assert entered.status_code == 303
        assert launcher.client.get(entered.headers["Location"]).status_code == 200
        row = session_of(runtime, entered)
        assert row.facts["launched"]["rung"] == "storage"
        assert row.browser_digest is None

    def test_session_is_bound_to_the_cookie_too_where_one_comes(
        self, launcher: Launcher, other_browser: Launcher, quiz: Activity, runtime: Runtime
    ) -> None:
        told = script_data(begin(launcher, quiz).text)
        entered = answer(launcher, quiz, told)
        path = entered.headers["Location"]
        assert session_of(runtime, entered).browser_digest
        assert launcher.client.get(path).status_code == 200
        assert other_browser.client.get(path).status_code == 401

    def test_works_once(self, launcher: Launcher, quiz: Activity, runtime: Runtime) -> None:
        told = stored_login(launcher, quiz)
        assert answer(launcher, quiz, told).status_code == 303
        Refusals(runtime)(answer(launcher, quiz, told))

    @pytest.mark.parametrize("said", ["", "x", "x" * 43, "x" * 5000, "\0", "ä"])
    def test_storage_that_says_something_else(
        self, said: str, launcher: Launcher, quiz: Activity, refused: Refusals
    ) -> None:
        refused(answer(launcher, quiz, stored_login(launcher, quiz), form={"stored": said}))

    @pytest.mark.parametrize("headers", [FRAME, THEIRS, {**FRAME, "Origin": "null"}, TOP, {}], ids=str)
    def test_secret_counts_from_our_own_page_only(
        self, headers: dict[str, str], launcher: Launcher, quiz: Activity, refused: Refusals
    ) -> None:
        """Login CSRF: whoever began the login knows its secret, and can have another browser post it."""
        refused(answer(launcher, quiz, stored_login(launcher, quiz), headers=headers))

    def test_secret_of_another_login(
        self, launcher: Launcher, other_browser: Launcher, quiz: Activity, refused: Refusals
    ) -> None:
        mine, theirs = stored_login(launcher, quiz), stored_login(other_browser, quiz)
        refused(answer(launcher, quiz, mine, form={"stored": theirs["secret"]}))

    def test_cookie_of_the_login_will_do_when_the_storage_forgot(
        self, launcher: Launcher, quiz: Activity, runtime: Runtime
    ) -> None:
        told = script_data(begin(launcher, quiz).text)
        entered = answer(launcher, quiz, told, form={"stored": ""})
        assert entered.status_code == 303
        assert session_of(runtime, entered).facts["launched"]["rung"] == "cookie"

    def test_cookie_of_another_browser_will_not(
        self, launcher: Launcher, other_browser: Launcher, quiz: Activity, refused: Refusals
    ) -> None:
        told = script_data(begin(launcher, quiz).text)
        other_browser.login("ada", quiz)
        refused(answer(other_browser, quiz, told, form={"stored": "wrong"}))

    def test_error_of_the_platform_is_told_after_the_storage_was_asked(
        self, launcher: Launcher, quiz: Activity, refused: Refusals
    ) -> None:
        told = stored_login(launcher, quiz)
        fields = {"error": "login_required", "state": query_of(told["stored-url"])["state"]}
        asked = launcher.client.post("/lti/launch", data=fields, headers=FRAME)
        assert asked.status_code == 200 and 'value="login_required"' in asked.text
        said = launcher.client.post("/lti/launch", data={**fields, "stored": told["secret"]}, headers=OWN_PAGE)
        refused(said)
        assert "not signed in to the LMS" in said.text

    def test_what_is_posted_back_is_text(self, launcher: Launcher, quiz: Activity) -> None:
        told = stored_login(launcher, quiz)
        page = answer(launcher, quiz, told, form={"id_token": '"><script>alert(1)</script>'}, headers=FRAME).text
        assert "<script>alert" not in page

    @pytest.mark.parametrize("target", ["a b", '"><img src=x>', "x" * 200, "javascript:x", "äö"])
    def test_target_that_names_no_frame_is_as_none(self, target: str, launcher: Launcher, quiz: Activity) -> None:
        assert begin(launcher, quiz, lti_storage_target=target).status_code == 303

    def test_browser_with_our_cookie_goes_straight_on(self, launcher: Launcher, quiz: Activity) -> None:
        launcher.open("ada", quiz)
        assert begin(launcher, quiz).headers["Location"].startswith(launcher.campus.auth_url)

    def test_window_of_its_own_is_not_asked_to_wait(self, launcher: Launcher, quiz: Activity) -> None:
        fields = launcher.campus.start_launch("ada", quiz).fields
        assert launcher.client.post("/lti/login", data=dict(fields), headers=TOP).status_code == 303


@pytest.mark.parametrize("campus", ["moodle", "canvas"], indirect=True)
class TestWindow:
    def in_frame(self, launcher: Launcher, quiz: Activity) -> TestResponse:
        first = begin(launcher, quiz)
        location = script_data(first.text)["silent-url"] if first.status_code == 200 else first.headers["Location"]
        return without_cookie(launcher, location)

    def window_url(self, launcher: Launcher, quiz: Activity) -> str:
        page = self.in_frame(launcher, quiz).text
        return page.partition('href="/lti/login')[2].partition('"')[0].replace("&amp;", "&")

    def test_one_click_goes_on_with_the_launch(
        self, launcher: Launcher, quiz: Activity, runtime: Runtime, campus: CampusServer, refused: Refusals
    ) -> None:
        page = self.in_frame(launcher, quiz)
        assert page.status_code == 200
        assert "Open in a new window" in page.text
        assert campus.base_url in page.headers["Content-Security-Policy"]
        assert refused.count() == refused.before

        url = "/lti/login" + self.window_url(launcher, quiz)
        bounced = without_cookie(launcher, url, TOP)
        to_platform = launcher.client.get(bounced.headers["Location"], headers=TOP).headers["Location"]
        fields = dict(campus.authorize("ada", to_platform).fields)
        entered = launcher.client.post("/lti/launch", data=fields, headers=TOP)
        assert entered.status_code == 303
        row = session_of(runtime, entered)
        assert row.facts["launched"]["rung"] == "window"
        assert row.browser_digest

    def test_pages_on_the_way_stand_in_the_frame_of_a_host_that_the_operator_has_named(
        self, launcher: Launcher, quiz: Activity, runtime: Runtime
    ) -> None:
        """A Canvas under a name of the school's own: its login page is elsewhere, and the frame is on that name."""
        with runtime.db.transaction() as tx:
            for number in tx.scalars(select(Registration.id)).all():
                trust_host(tx, number, "canvas.school.example")
        window, asking = self.in_frame(launcher, quiz), begin(launcher, quiz)
        assert window.status_code == 200
        for page in (asking, window):
            if page.status_code == 200:  # Moodle keeps nothing for tools: nothing is asked
                ancestors = page.headers["Content-Security-Policy"].partition("frame-ancestors ")[2].partition(";")[0]
                assert ancestors.split() == ["'self'", launcher.campus.base_url, "http://canvas.school.example"]

    def test_window_without_cookies_ends_in_words(self, launcher: Launcher, quiz: Activity, refused: Refusals) -> None:
        url = "/lti/login" + self.window_url(launcher, quiz)
        bounced = without_cookie(launcher, url, TOP)
        ended = without_cookie(launcher, bounced.headers["Location"], TOP)
        refused(ended)
        assert "Allow cookies" in ended.text

    def test_top_level_without_cookies_ends_in_words(
        self, launcher: Launcher, quiz: Activity, refused: Refusals
    ) -> None:
        fields = launcher.campus.start_launch("ada", quiz).fields
        first = launcher.client.post("/lti/login", data=dict(fields), headers=TOP)
        refused(without_cookie(launcher, first.headers["Location"], TOP))


@pytest.mark.parametrize("step", ["cookie", "silent", "window-cookie", "stored", "made up", "x" * 39])
def test_made_up_step_only_chooses_the_page(
    step: str, launcher: Launcher, quiz: Activity, shared_app: Flask, campus: CampusServer
) -> None:
    """Whatever the parameter says, a launch needs the cookie that its login had."""
    launcher.login("ada", quiz)
    fields = {**campus.start_launch("ada", quiz).fields, "coursebridge_step": step}
    url = launcher.client.post("/lti/login", data=fields, headers=FRAME).headers["Location"]
    stranger = Launcher(shared_app.test_client(), campus)
    assert stranger.launch_changed("ada", quiz, auth_url=url).status_code == 403
    assert launcher.launch_changed("ada", quiz, auth_url=url).status_code == 303
