"""Into the console: by a link that works once, or by the launch of an administrator whose LMS is trusted."""

import threading
from collections.abc import Callable

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from lti_tool.admin.commands import admin
from lti_tool.admin.guard import COOKIE
from lti_tool.admin.models import AdminLink, AdminSession
from lti_tool.admin.sessions import sign_in as use_up
from lti_tool.demo.model import Activity
from lti_tool.demo.testing import CampusServer
from lti_tool.kernel import clock
from lti_tool.kernel.audit import list_acts
from lti_tool.kernel.errors import Gone
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.claims import LTI
from lti_tool.lti.platforms import trust_administrators
from lti_tool.lti.registrations import add_registration, approve, disable
from tests.conftest import BASE_URL
from tests.fakes.launching import Launcher
from tests.functional.admin.conftest import Console, link_of
from tests.functional.security.test_platforms import SCHOOL

MEMBER = "http://purl.imsglobal.org/vocab/lis/v2/membership#"
SYSTEM = "http://purl.imsglobal.org/vocab/lis/v2/system/person#"
INSTITUTION = "http://purl.imsglobal.org/vocab/lis/v2/institution/person#"
PAGES = ("/", "/platforms", "/registration", "/keys", "/jobs", "/deliveries", "/audit", "/audit.csv")


def command(runtime: Runtime, *words: str) -> str:
    result = CliRunner().invoke(admin, list(words), obj=runtime, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


class TestLink:
    """`coursebridge admin link`."""

    def test_opens_the_console_once(self, runtime: Runtime, app: Flask, client: FlaskClient) -> None:
        path = command(runtime, "link").split()[0].removeprefix(BASE_URL)
        assert client.get(path).status_code == 200
        assert client.get(path).status_code == 200  # looking uses nothing up
        entered = client.post(path)
        assert (entered.status_code, entered.headers["Location"]) == (303, "/admin/")
        assert client.get("/admin/").status_code == 200
        again = app.test_client()
        assert again.post(path).status_code == 410
        assert again.get(path).status_code == 410

    def test_runs_out_after_fifteen_minutes(self, runtime: Runtime, client: FlaskClient) -> None:
        with clock.frozen(clock.now()):
            path = link_of(runtime)
            clock.advance(15 * 60)
            assert client.get(path).status_code == 410
            assert client.post(path).status_code == 410

    def test_eight_at_once_make_one_session(self, runtime: Runtime) -> None:
        token = link_of(runtime).rpartition("/")[2]
        start, got = threading.Barrier(8), []

        def enter() -> None:
            start.wait()
            try:
                with runtime.db.transaction() as tx:
                    got.append(use_up(tx, token, 60))
            except Gone:
                pass

        threads = [threading.Thread(target=enter) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(got) == 1

    def test_is_spent_by_our_own_page_only(self, runtime: Runtime, client: FlaskClient) -> None:
        path = link_of(runtime)
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://e.org"}):
            assert client.post(path, headers=headers).status_code == 403
        assert client.post(path, headers={"Sec-Fetch-Site": "same-origin", "Origin": BASE_URL}).status_code == 303

    def test_nothing_that_opens_anything_is_stored(self, runtime: Runtime, client: FlaskClient) -> None:
        path = link_of(runtime)
        with runtime.db.reading() as tx:
            links = [row.digest for row in tx.scalars(select(AdminLink))]
        client.post(path)
        cookie = client.get_cookie(COOKIE, domain="localhost")
        assert cookie is not None
        with runtime.db.reading() as tx:
            sessions = [row.digest for row in tx.scalars(select(AdminSession))]
        assert len(links) == len(sessions) == 1
        assert not any(part in digest for part in (path[-43:], cookie.value) for digest in links + sessions)


class TestSession:
    """What the browser holds."""

    def test_cookie_is_for_top_level_and_our_own_pages(self, runtime: Runtime, client: FlaskClient) -> None:
        said = client.post(link_of(runtime)).headers["Set-Cookie"]
        assert said.startswith("__Host-") and "Max-Age" not in said and "Expires" not in said
        for part in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/"):
            assert f"; {part}" in said
        assert "Partitioned" not in said and "Domain" not in said

    def test_nobody_else_gets_in(self, client: FlaskClient) -> None:
        assert {client.get(f"/admin{path}").status_code for path in PAGES} == {401}
        assert "<h1>Sign in to the console</h1>" in client.get("/admin/").text
        client.set_cookie(COOKIE, "x" * 43, domain="localhost", secure=True)
        assert {client.get(f"/admin{path}").status_code for path in PAGES} == {401}

    def test_is_over_after_an_hour(self, runtime: Runtime, app: Flask) -> None:
        with clock.frozen(clock.now()):
            client = app.test_client()
            client.post(link_of(runtime), base_url=BASE_URL)
            clock.advance(3599)
            assert client.get("/admin/", base_url=BASE_URL).status_code == 200
            clock.advance(2)
            assert client.get("/admin/", base_url=BASE_URL).status_code == 401

    def test_ends_with_signing_out(self, console: Console, runtime: Runtime) -> None:
        cookie = console.client.get_cookie(COOKIE, domain="localhost")
        assert cookie is not None
        assert console.post("/sign-out").status_code == 303
        console.client.set_cookie(COOKIE, cookie.value, domain="localhost", secure=True)
        assert console.get("/").status_code == 401

    def test_sign_out_all_ends_sessions_and_links(
        self, runtime: Runtime, sign_in: Callable[[], Console], client: FlaskClient
    ) -> None:
        inside, unused = [sign_in(), sign_in()], link_of(runtime)
        assert "2 sessions ended" in command(runtime, "sign-out-all")
        assert [each.get("/").status_code for each in inside] == [401, 401]
        assert client.post(unused).status_code == 410

    def test_coming_and_going_is_written_down(self, console: Console, runtime: Runtime) -> None:
        console.post("/sign-out")
        command(runtime, "sign-out-all")
        with runtime.db.reading() as tx:
            acts = [act.action for act in list_acts(tx, action="admin.")]
        assert acts == ["admin.sign_out_all", "admin.sign_out", "admin.sign_in", "admin.link"]


class TestPages:
    """What holds for every page."""

    def test_is_never_framed_nor_cached(self, console: Console) -> None:
        for path in PAGES:
            page = console.get(path)
            assert page.status_code == 200, path
            policy = page.headers["Content-Security-Policy"]
            assert "frame-ancestors 'none'" in policy and "default-src 'none'" in policy
            assert "form-action 'self';" in policy and "script-src 'self';" in policy
            assert page.headers["X-Frame-Options"] == "DENY" and page.headers["Cache-Control"] == "no-store"
            assert console.get(path, headers={"Sec-Fetch-Dest": "iframe"}).status_code == 403

    def test_every_form_carries_the_proof_and_is_refused_without(self, console: Console, runtime: Runtime) -> None:
        with runtime.db.transaction() as tx:
            add_registration(tx, SCHOOL)
        forms = [form for path in (*PAGES[:-1], "/platforms/1") for form in console.forms(path)]
        assert len({action for action, _inside in forms}) >= 12
        for action, inside in forms:
            assert 'name="proof"' in inside, action
            assert console.client.post(action, base_url=BASE_URL).status_code == 403
            wrong = {"proof": "0" * 64}
            assert console.client.post(action, base_url=BASE_URL, data=wrong).status_code == 403
        assert console.get("/").status_code == 200

    def test_proof_of_one_session_is_worth_nothing_in_another(self, sign_in: Callable[[], Console]) -> None:
        one, other = sign_in(), sign_in()
        assert (
            other.client.post("/admin/keys/rotate", base_url=BASE_URL, data={"proof": one.proof()}).status_code == 403
        )

    def test_course_session_opens_nothing(self, launcher: Launcher, quiz: Activity) -> None:
        prefix = "/".join(launcher.open("tess", quiz).split("/")[:3])
        for path in ("/admin/", "/admin/platforms"):
            assert launcher.client.get(prefix + path).status_code == 404
            assert launcher.client.get(path).status_code == 401


class TestLaunch:
    """An administrator of an LMS."""

    def open(self, launcher: Launcher, activity: Activity, *roles: str, username: str = "tess") -> str:
        answer = launcher.launch_changed(username, activity, claims={LTI + "roles": list(roles)})
        assert answer.status_code == 303, answer.text
        return "/".join(answer.headers["Location"].split("/")[:3])

    def trust(self, runtime: Runtime, registration_id: int) -> None:
        with runtime.db.transaction() as tx:
            trust_administrators(tx, registration_id, True)

    def enter(self, launcher: Launcher, prefix: str) -> str:
        """From the course to the console; returns the address in between."""
        away = launcher.client.post(f"{prefix}/admin/from-course", headers={"Sec-Fetch-Site": "same-origin"})
        assert away.status_code == 303, away.text
        return str(away.headers["Location"])

    @pytest.mark.parametrize("role", [SYSTEM + "Administrator", SYSTEM + "SysAdmin", INSTITUTION + "Administrator"])
    def test_gets_in_where_the_lms_is_trusted(
        self, runtime: Runtime, launcher: Launcher, quiz: Activity, registration_id: int, role: str
    ) -> None:
        self.trust(runtime, registration_id)
        prefix = self.open(launcher, quiz, MEMBER + "Instructor", role)
        path = self.enter(launcher, prefix)
        assert launcher.client.get(path, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303
        page = launcher.client.get("/admin/")
        assert page.status_code == 200 and "(Campus" in page.text
        assert launcher.client.get(path, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 410

    def test_does_not_by_default(self, launcher: Launcher, quiz: Activity) -> None:
        prefix = self.open(launcher, quiz, MEMBER + "Instructor", SYSTEM + "Administrator")
        assert launcher.client.post(f"{prefix}/admin/from-course").status_code == 403

    @pytest.mark.parametrize(
        "roles",
        [
            (MEMBER + "Instructor",),
            (MEMBER + "Administrator",),
            ("Administrator",),
            (INSTITUTION + "Instructor",),
            (SYSTEM + "Administrator", "http://purl.imsglobal.org/vocab/lti/system/person#TestUser"),
        ],
        ids=["teacher", "course administrator", "short name", "institution teacher", "test user"],
    )
    def test_nobody_else_of_a_trusted_lms_does(
        self, runtime: Runtime, launcher: Launcher, quiz: Activity, registration_id: int, roles: tuple[str, ...]
    ) -> None:
        self.trust(runtime, registration_id)
        prefix = self.open(launcher, quiz, *roles)
        assert launcher.client.post(f"{prefix}/admin/from-course").status_code == 403

    def test_link_in_between_opens_from_our_page_only_and_for_a_minute(
        self, runtime: Runtime, launcher: Launcher, quiz: Activity, registration_id: int
    ) -> None:
        self.trust(runtime, registration_id)
        prefix = self.open(launcher, quiz, MEMBER + "Instructor", SYSTEM + "Administrator")
        with clock.frozen(clock.now()):
            path = self.enter(launcher, prefix)
            assert launcher.client.get(path, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
            clock.advance(61)
            assert launcher.client.get(path, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 410

    def test_session_ends_when_the_lms_is_disabled_or_trusted_no_more(
        self, runtime: Runtime, launcher: Launcher, quiz: Activity, registration_id: int
    ) -> None:
        self.trust(runtime, registration_id)
        prefix = self.open(launcher, quiz, MEMBER + "Instructor", SYSTEM + "Administrator")
        launcher.client.get(self.enter(launcher, prefix))
        assert launcher.client.get("/admin/").status_code == 200
        with runtime.db.transaction() as tx:
            disable(tx, registration_id)
        assert launcher.client.get("/admin/").status_code == 401
        with runtime.db.transaction() as tx:
            approve(tx, registration_id)
            trust_administrators(tx, registration_id, False)
        assert launcher.client.get("/admin/").status_code == 401

    def test_way_in_closes_at_once_where_the_lms_is_trusted_no_more(
        self, runtime: Runtime, launcher: Launcher, quiz: Activity, registration_id: int
    ) -> None:
        self.trust(runtime, registration_id)
        prefix = self.open(launcher, quiz, MEMBER + "Instructor", SYSTEM + "Administrator")
        path = self.enter(launcher, prefix)
        with runtime.db.transaction() as tx:
            trust_administrators(tx, registration_id, False)
        ours = {"Sec-Fetch-Site": "same-origin"}
        assert launcher.client.get(path, headers=ours).status_code == 403
        assert launcher.client.post(f"{prefix}/admin/from-course", headers=ours).status_code == 403
        self.trust(runtime, registration_id)
        assert launcher.client.get(path, headers=ours).status_code == 303, "a refusal uses nothing up"

    def test_way_in_is_offered_to_administrators_alone(
        self, runtime: Runtime, launcher: Launcher, campus: CampusServer, registration_id: int
    ) -> None:
        empty = campus.add_activity("Empty")
        prefix = self.open(launcher, empty, MEMBER + "Instructor", SYSTEM + "Administrator")
        assert "/admin/from-course" not in launcher.client.get(f"{prefix}/lti/pick").text, "not trusted yet"
        self.trust(runtime, registration_id)
        offered = {}
        for roles in ((MEMBER + "Instructor",), (MEMBER + "Instructor", SYSTEM + "Administrator")):
            prefix = self.open(launcher, empty, *roles)
            offered[roles] = "/admin/from-course" in launcher.client.get(f"{prefix}/lti/pick").text
        assert list(offered.values()) == [False, True]
