"""State, nonce, browser and keys: what binds a launch to the login that it answers."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select

from lti_tool.demo.model import Activity
from lti_tool.demo.testing import CampusServer
from lti_tool.kernel import clock
from lti_tool.kernel.errors import ExternalError
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.keys import get_signing_key, list_published_keys, rotate
from lti_tool.lti.models import CachedKeys, Registration
from lti_tool.lti.public import find_reach
from lti_tool.lti.reach import calling
from lti_tool.lti.score_models import PlatformLine
from lti_tool.web.session import BROWSER_COOKIE
from tests.fakes.launching import FRAME, Launcher, query_of, register_campus
from tests.lti_conformance.refusals import Refusals

TOP_LEVEL = {"Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "cross-site"}


class TestLogin:
    @pytest.mark.parametrize("missing", ["iss", "login_hint", "target_link_uri"])
    def test_missing_parameter(self, missing: str, launcher: Launcher, quiz: Activity, refused: Refusals) -> None:
        fields = dict(launcher.campus.start_launch("ada", quiz).fields)
        del fields[missing]
        refused(launcher.client.post("/lti/login", data=fields))
        refused(launcher.client.get("/lti/login", query_string=fields))

    @pytest.mark.parametrize(
        "change",
        [
            {"iss": "https://unknown.example"},
            {"client_id": "unknown"},
            {"target_link_uri": "https://evil.example/lti/launch"},
            {"target_link_uri": "https://localhost.evil.example/lti/launch"},
            {"target_link_uri": "//evil.example/lti/launch"},
            {"target_link_uri": "https://localhost/s/token/"},
            {"target_link_uri": "http://localhost/lti/launch"},
            {"login_hint": "x" * 5000},
            {"iss": ["a", "b"]},
            {"lti_message_hint": "a\r\nLocation: https://evil.example"},
            {"iss": "\0"},
        ],
        ids=str,
    )
    def test_bad_parameter(self, change: dict[str, Any], launcher: Launcher, quiz: Activity, refused: Refusals) -> None:
        fields = {**launcher.campus.start_launch("ada", quiz).fields, **change}
        refused(launcher.client.post("/lti/login", data=fields))

    def test_get_and_post_lead_to_the_platform(self, launcher: Launcher, quiz: Activity) -> None:
        launcher.login("ada", quiz)
        fields = dict(launcher.campus.start_launch("ada", quiz).fields)
        for answer in (
            launcher.client.get("/lti/login", query_string=fields),
            launcher.client.post("/lti/login", data=fields),
        ):
            asked = query_of(answer.headers["Location"])
            assert answer.status_code == 303
            assert answer.headers["Location"].startswith(launcher.campus.auth_url + "?")
            assert asked["lti_message_hint"] == fields["lti_message_hint"]
            assert asked["redirect_uri"] == "https://localhost/lti/launch"
            assert len(asked["nonce"]) >= 43 and len(asked["state"]) >= 43

    def test_login_stores_nothing(self, launcher: Launcher, quiz: Activity, refused: Refusals) -> None:
        for _ in range(5):
            launcher.login("ada", quiz)
        assert refused.count() == refused.before

    def test_cookie_is_partitioned_and_kept(self, launcher: Launcher, quiz: Activity) -> None:
        fields = dict(launcher.campus.start_launch("ada", quiz).fields)
        first = launcher.client.post("/lti/login", data=fields)
        cookie = first.headers["Set-Cookie"]
        assert cookie.startswith(BROWSER_COOKIE + "=")
        for attribute in ("Secure", "HttpOnly", "SameSite=None", "Partitioned", "Path=/"):
            assert attribute in cookie
        assert "Domain" not in cookie
        assert "Set-Cookie" not in launcher.client.post("/lti/login", data=fields).headers

    def test_query_of_the_authentication_url_stays(
        self, runtime: Runtime, campus: CampusServer, launcher: Launcher, quiz: Activity
    ) -> None:
        launcher.login("ada", quiz)
        tool = campus.campus.get_tool()
        register_campus(runtime, campus, tool, client_id="with-query", auth_url=campus.auth_url + "?tenant=a%26b")
        fields = {**campus.start_launch("ada", quiz).fields, "client_id": "with-query"}
        answer = launcher.client.post("/lti/login", data=fields)
        assert query_of(answer.headers["Location"])["tenant"] == "a&b"
        assert answer.headers["Location"].count("?") == 1


class TestState:
    def test_reused(self, launcher: Launcher, quiz: Activity, campus: CampusServer, runtime: Runtime) -> None:
        url = launcher.login("ada", quiz)
        assert launcher.launch_changed("ada", quiz, auth_url=url).status_code == 303
        refused = Refusals(runtime)
        refused(launcher.launch_changed("ada", quiz, auth_url=url))

    def test_foreign(self, launcher: Launcher, quiz: Activity, refused: Refusals) -> None:
        for state in ("x", "a.b.c", "x" * 20_000, "ä"):
            refused(launcher.launch_changed("ada", quiz, form={"state": state}))

    def test_tampered(self, launcher: Launcher, quiz: Activity, refused: Refusals) -> None:
        state = query_of(launcher.login("ada", quiz))["state"]
        refused(launcher.launch_changed("ada", quiz, form={"state": "X" + state[1:]}))

    def test_of_another_login(self, launcher: Launcher, quiz: Activity, refused: Refusals) -> None:
        other = query_of(launcher.login("ada", quiz))["state"]
        refused(launcher.launch_changed("ada", quiz, form={"state": other}))

    def test_expired(self, launcher: Launcher, quiz: Activity, refused: Refusals) -> None:
        with clock.frozen(clock.now()):
            url = launcher.login("ada", quiz)
            clock.advance(601)
            refused(launcher.launch_changed("ada", quiz, auth_url=url))

    def test_of_a_platform_that_was_switched_off(
        self, runtime: Runtime, launcher: Launcher, campus: CampusServer, quiz: Activity
    ) -> None:
        from lti_tool.lti.registrations import approve, disable, find_registration

        url = launcher.login("ada", quiz)
        with runtime.db.transaction() as tx:
            row = find_registration(tx, campus.issuer, "coursebridge")
            assert row
            disable(tx, row.id)
        refused = Refusals(runtime)
        refused(launcher.launch_changed("ada", quiz, auth_url=url))
        with runtime.db.transaction() as tx:
            approve(tx, row.id)

    def test_error_of_the_platform_is_shown(self, launcher: Launcher, quiz: Activity, refused: Refusals) -> None:
        state = query_of(launcher.login("ada", quiz))["state"]
        form = {"error": "login_required", "error_description": "<script>x</script>", "state": state}
        answer = launcher.client.post("/lti/launch", data=form, headers=FRAME)
        refused(answer)
        assert "not signed in to the LMS" in answer.text
        assert "<script>x" not in answer.text
        assert launcher.campus.base_url in answer.headers["Content-Security-Policy"], "readable in the LMS's frame"

    def test_error_without_a_state_of_ours(self, launcher: Launcher, refused: Refusals) -> None:
        refused(launcher.client.post("/lti/launch", data={"error": "x", "state": "y"}))


class TestBrowser:
    @pytest.mark.parametrize(
        "headers",
        [{}, TOP_LEVEL, FRAME, {**FRAME, "Sec-Fetch-Site": "same-origin"}, {**FRAME, "Sec-Fetch-Site": "none"}],
        ids=["no headers", "top level", "frame", "our own page", "typed in"],
    )
    def test_without_cookie(
        self, headers: dict[str, str], launcher: Launcher, quiz: Activity, refused: Refusals
    ) -> None:
        url = launcher.login("ada", quiz)
        launcher.client.delete_cookie(BROWSER_COOKIE)
        refused(launcher.launch_changed("ada", quiz, auth_url=url, headers=headers))

    def test_second_browser(
        self, launcher: Launcher, other_browser: Launcher, quiz: Activity, refused: Refusals
    ) -> None:
        url = launcher.login("ada", quiz)
        other_browser.login("ada", quiz)
        for headers in (FRAME, TOP_LEVEL):
            refused(other_browser.launch_changed("ada", quiz, auth_url=url, headers=headers))

    def test_browser_that_kept_the_cookie_must_send_it(
        self, launcher: Launcher, quiz: Activity, refused: Refusals
    ) -> None:
        launcher.login("ada", quiz)
        url = launcher.login("ada", quiz)
        launcher.client.delete_cookie(BROWSER_COOKIE)
        refused(launcher.launch_changed("ada", quiz, auth_url=url))

    def test_session_does_not_open_in_another_browser(
        self, launcher: Launcher, other_browser: Launcher, quiz: Activity
    ) -> None:
        path = launcher.open("ada", quiz)
        assert launcher.client.get(path).status_code == 200
        answer = other_browser.client.get(path)
        assert answer.status_code == 401
        assert launcher.campus.base_url in answer.headers["Content-Security-Policy"]


class TestTenants:
    def test_key_of_another_tenant(
        self, launcher: Launcher, quiz: Activity, campuses: dict[str, Any], refused: Refusals
    ) -> None:
        from lti_tool.demo.minting import SigningKey

        other = campuses["canvas"][0].campus.keys.current
        key = SigningKey(other.as_pem(private=True), str(other.kid))
        refused(launcher.launch_changed("ada", quiz, key=key))

    def test_key_id_that_two_tenants_share(
        self, launcher: Launcher, quiz: Activity, campus: CampusServer, campuses: dict[str, Any], refused: Refusals
    ) -> None:
        from lti_tool.demo.minting import SigningKey

        other = campuses["canvas"][0].campus.keys.current
        key = SigningKey(other.as_pem(private=True), str(campus.campus.keys.current.kid))
        refused(launcher.launch_changed("ada", quiz, key=key))

    def test_state_of_another_tenant(
        self, launcher: Launcher, quiz: Activity, shared_app: Flask, campuses: dict[str, Any], refused: Refusals
    ) -> None:
        canvas = Launcher(launcher.client, campuses["canvas"][0])
        url = canvas.login("ada", canvas.campus.add_activity("Other"))
        asked = query_of(url)
        refused(launcher.launch_changed("ada", quiz, nonce=asked["nonce"], state=asked["state"]))

    def test_issuer_with_two_clients_needs_a_client_id(
        self, runtime: Runtime, launcher: Launcher, campus: CampusServer, quiz: Activity
    ) -> None:
        fields = dict(campus.start_launch("ada", quiz).fields)
        register_campus(runtime, campus, campus.campus.get_tool(), client_id="second")
        del fields["client_id"]
        launcher.login("ada", quiz)
        Refusals(runtime)(launcher.client.post("/lti/login", data=fields))


def registration_of(runtime: Runtime, campus: CampusServer) -> Registration:
    with runtime.db.reading() as tx:
        query = select(Registration).where(Registration.issuer == campus.issuer).order_by(Registration.id)
        return tx.scalars(query.limit(1)).one()


def is_reachable(runtime: Runtime, registration_id: int) -> bool:
    with runtime.db.reading() as tx:
        reach = find_reach(tx, registration_id)
    return reach is not None and reach.is_reachable


def times_now() -> dict[str, int]:
    """Claims of a token that is made now, by the clock of the test."""
    moment = int(clock.now().timestamp())
    return {"iat": moment, "exp": moment + 60}


class TestKeys:
    @pytest.fixture(autouse=True)
    def cold_cache(self, runtime: Runtime) -> Iterator[None]:
        """Nothing is known of the platform's keys; what a test with a clock ahead learned is forgotten."""
        for step in range(2):
            with runtime.db.transaction() as tx:
                tx.execute(delete(CachedKeys))
                tx.execute(delete(PlatformLine))
            if step == 0:
                yield

    def test_rotated_key_is_fetched_once_and_a_warm_launch_fetches_nothing(
        self, launcher: Launcher, quiz: Activity, campus: CampusServer
    ) -> None:
        launcher.open("ada", quiz)
        with clock.frozen(clock.now()):
            clock.advance(31)
            campus.rotate_keys(keep_old=True)
            before = campus.hits("jwks")
            for _ in range(3):
                assert (
                    launcher.launch_changed("ada", quiz, claims={"iat": int(clock.now().timestamp())}).status_code
                    == 303
                )
        assert campus.hits("jwks") == before + 1

    def test_flood_of_unknown_keys_costs_one_fetch(
        self, launcher: Launcher, quiz: Activity, campus: CampusServer, refused: Refusals
    ) -> None:
        with clock.frozen(clock.now()):
            clock.advance(100)
            before = campus.hits("jwks")
            for number in range(5):
                refused(launcher.launch_changed("ada", quiz, header={"kid": f"unknown-{number}"}))
            assert campus.hits("jwks") == before + 1

    def test_launches_go_on_while_both_sides_rotate(
        self, launcher: Launcher, quiz: Activity, campus: CampusServer, runtime: Runtime
    ) -> None:
        launcher.open("ada", quiz)
        with clock.frozen(clock.now()):
            for turn in range(24):
                clock.advance(11)
                if turn % 6 == 3:
                    campus.rotate_keys(keep_old=turn % 12 == 3)
                    rotate(runtime, lead=timedelta(seconds=20), grace=timedelta(seconds=60))
                claims = {"iat": int(clock.now().timestamp()), "exp": int(clock.now().timestamp()) + 60}
                assert launcher.launch_changed("ada", quiz, claims=claims).status_code == 303, turn
                published = {key["kid"] for key in list_published_keys(runtime)}
                assert get_signing_key(runtime).kid in published, "what we sign can be checked"

    def test_flood_of_unknown_keys_holds_a_rotation_up_for_one_cool_down_at_most(
        self, launcher: Launcher, quiz: Activity, campus: CampusServer, refused: Refusals
    ) -> None:
        with clock.frozen(clock.now()):
            clock.advance(100)
            refused(launcher.launch_changed("ada", quiz, header={"kid": "flood"}))
            campus.rotate_keys(keep_old=False)
            for _ in range(3):
                clock.advance(9)
                refused(launcher.launch_changed("ada", quiz, header={"kid": "flood"}))
            clock.advance(4)
            claims = {"iat": int(clock.now().timestamp()), "exp": int(clock.now().timestamp()) + 60}
            assert launcher.launch_changed("ada", quiz, claims=claims).status_code == 303

    def test_platform_that_is_down_is_not_asked_for_keys_that_are_known(
        self, launcher: Launcher, quiz: Activity, campus: CampusServer, runtime: Runtime
    ) -> None:
        launcher.open("ada", quiz)
        with clock.frozen(clock.now()):
            clock.advance(2 * 3600)
            registration = registration_of(runtime, campus)
            with pytest.raises(ExternalError), calling(runtime, registration):
                raise ExternalError("timeout", "It did not answer in time.", retryable=True, retry_after_s=900)
            before = campus.hits("jwks")
            for _ in range(25):
                clock.advance(34)
                assert launcher.launch_changed("ada", quiz, claims=times_now()).status_code == 303
            assert campus.hits("jwks") == before
            clock.advance(100)
            assert launcher.launch_changed("ada", quiz, claims=times_now()).status_code == 303
            assert campus.hits("jwks") == before + 1, "which finds out that it is back"
        assert is_reachable(runtime, registration.id)

    def test_platform_that_is_down_is_asked_once_a_minute_for_a_key_that_nobody_knows(
        self, launcher: Launcher, quiz: Activity, campus: CampusServer, runtime: Runtime
    ) -> None:
        refused = Refusals(runtime)
        registration = registration_of(runtime, campus)
        campus.set_fault("jwks", "status", value=503)
        with clock.frozen(clock.now()):
            asked = []
            for _ in range(90):
                before = campus.hits("jwks")
                refused(launcher.launch_changed("ada", quiz, claims=times_now()))
                asked += [clock.now()] * (campus.hits("jwks") - before)
                clock.advance(10)
            assert min(after - before for before, after in pairwise(asked)) >= timedelta(seconds=60)
            assert 9 <= len(asked) <= 15
            assert not is_reachable(runtime, registration.id), "nobody else calls it either"
            with pytest.raises(ExternalError, match="cannot be reached"), calling(runtime, registration):
                raise AssertionError

            campus.clear_faults()
            clock.advance(91)
            assert launcher.launch_changed("ada", quiz, claims=times_now()).status_code == 303
        assert is_reachable(runtime, registration.id)

    @pytest.mark.parametrize(("kind", "value"), [("status", 404), ("html", None)])
    def test_wrong_address_of_keys_is_no_outage(
        self, kind: str, value: int | None, launcher: Launcher, quiz: Activity, campus: CampusServer, runtime: Runtime
    ) -> None:
        campus.set_fault("jwks", kind, value=value)
        assert launcher.launch_changed("ada", quiz).status_code == 400
        campus.clear_faults()
        assert is_reachable(runtime, registration_of(runtime, campus).id), "scores go on"

    @pytest.mark.parametrize(("kind", "value"), [("status", 500), ("html", None), ("drop", None), ("timeout", 50)])
    def test_old_keys_serve_while_the_platform_is_down(
        self, kind: str, value: int | None, launcher: Launcher, quiz: Activity, campus: CampusServer, runtime: Runtime
    ) -> None:
        launcher.open("ada", quiz)
        claims = {"iat": 0, "exp": 0}
        campus.set_fault("jwks", kind, value=value)
        try:
            with clock.frozen(clock.now()):
                clock.advance(2 * 3600)
                claims = {"iat": int(clock.now().timestamp()), "exp": int(clock.now().timestamp()) + 60}
                assert launcher.launch_changed("ada", quiz, claims=claims).status_code == 303
                before = campus.hits("jwks")
                for _ in range(10):
                    assert launcher.launch_changed("ada", quiz, claims=claims).status_code == 303
                assert campus.hits("jwks") == before, "one fetch, then a cool-down"
                clock.advance(23 * 3600)
                claims = {"iat": int(clock.now().timestamp()), "exp": int(clock.now().timestamp()) + 60}
                refused = Refusals(runtime)
                refused(launcher.launch_changed("ada", quiz, claims=claims))
        finally:
            campus.clear_faults()
            with runtime.db.transaction() as tx:
                tx.execute(delete(CachedKeys))


def test_double_post_lets_exactly_one_in(
    shared_app: Flask, launcher: Launcher, quiz: Activity, campus: CampusServer, runtime: Runtime
) -> None:
    launcher.open("ada", quiz)
    refused = Refusals(runtime)
    url = launcher.login("ada", quiz)
    fields = dict(campus.mint_launch("ada", quiz, url).fields)
    cookie = launcher.client.get_cookie(BROWSER_COOKIE)
    assert cookie
    start, answers = threading.Barrier(8), []

    def post() -> None:
        browser: FlaskClient = shared_app.test_client()
        browser.set_cookie(BROWSER_COOKIE, cookie.value, secure=True)
        start.wait()
        answers.append(browser.post("/lti/launch", data=fields, headers=FRAME).status_code)

    threads = [threading.Thread(target=post) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [303] + [400] * 7
    assert refused.count()["web_session"] == refused.before["web_session"] + 1


def test_first_launches_of_one_person_at_once_make_one_person(
    shared_app: Flask, launcher: Launcher, quiz: Activity, campus: CampusServer, runtime: Runtime
) -> None:
    campus.add_person("new", "New Person")
    refused = Refusals(runtime)
    start, answers = threading.Barrier(4), []
    launches = []
    for _ in range(4):
        browser = Launcher(shared_app.test_client(), campus)
        url = browser.login("new", quiz)
        launches.append((browser, dict(campus.mint_launch("new", quiz, url).fields)))

    def post(browser: Launcher, fields: dict[str, str]) -> None:
        start.wait()
        answers.append(browser.client.post("/lti/launch", data=fields, headers=FRAME).status_code)

    threads = [threading.Thread(target=post, args=launch) for launch in launches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [303] * 4
    assert refused.count()["lti_user"] == refused.before["lti_user"] + 1


def test_class_that_opens_its_activity_together_on_a_cold_cache_gets_in(
    shared_app: Flask, launcher: Launcher, quiz: Activity, campus: CampusServer, runtime: Runtime
) -> None:
    with runtime.db.transaction() as tx:
        tx.execute(delete(CachedKeys))
    before = campus.hits("jwks")
    campus.set_fault("jwks", "slow", value=300, times=1)
    answers = []
    launches = []
    for _ in range(6):
        browser = Launcher(shared_app.test_client(), campus)
        url = browser.login("ada", quiz)
        launches.append((browser, dict(campus.mint_launch("ada", quiz, url).fields)))

    def post(browser: Launcher, fields: dict[str, str]) -> None:
        answers.append(browser.client.post("/lti/launch", data=fields, headers=FRAME).status_code)

    threads = [threading.Thread(target=post, args=launch) for launch in launches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [303] * 6
    assert campus.hits("jwks") == before + 1
