"""Platforms register themselves by a one-time link, or an administrator adds them."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from sqlalchemy import select

from lti_tool.demo.registration import CAN_CHANGE
from lti_tool.demo.testing import CampusServer
from lti_tool.kernel import clock
from lti_tool.kernel.audit import OPERATOR, Via, list_acts
from lti_tool.kernel.errors import AppError, Conflict, ExternalError
from lti_tool.kernel.http import OutboundHttp
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.commands import keys, platform
from lti_tool.lti.dialects import CANVAS, get_dialect
from lti_tool.lti.dynamic_registration import TOOL, send_configuration, tool_configuration
from lti_tool.lti.dynamic_registration import register as register_by_link
from lti_tool.lti.invites import make_invite
from lti_tool.lti.models import Approval, CachedKeys, Deployment, Registration
from lti_tool.lti.platforms import current_facts
from lti_tool.lti.registering import store_registered
from lti_tool.lti.registrations import approve
from tests.fakes.launching import FRAME, Launcher

both = pytest.mark.parametrize("campus", ["moodle", "canvas"], indirect=True)


def invite(runtime: Runtime) -> str:
    with runtime.db.transaction() as tx:
        return "/lti/register/" + make_invite(tx, "Campus")


def registrations(runtime: Runtime) -> list[Registration]:
    with runtime.db.reading() as tx:
        return list(tx.scalars(select(Registration)))


@both
def test_platform_registers_itself_and_waits_for_approval(
    client: FlaskClient, runtime: Runtime, campus: CampusServer, served: str
) -> None:
    url = campus.registration_url(invite(runtime))
    page = client.get(url)
    assert page.status_code == 200, page.text
    assert "platform approve" in page.text
    assert "Activate the tool in the LMS too" in page.text, "Moodle keeps it pending as well"
    assert 'src="/static/lti-close.' in page.text and "data-lti-close" in page.text
    assert f"frame-ancestors 'self' {campus.base_url}" in page.headers["Content-Security-Policy"]
    (row,) = registrations(runtime)
    assert (row.state, row.dialect, row.issuer) == (Approval.PENDING, campus.profile.name, campus.issuer)
    with runtime.db.reading() as tx:
        deployments = list(tx.scalars(select(Deployment.deployment_id)))
    assert len(deployments) == (1 if campus.profile.name == "moodle" else 0)


@both
def test_approved_platform_launches(client: FlaskClient, runtime: Runtime, campus: CampusServer) -> None:
    client.get(campus.registration_url(invite(runtime)))
    (row,) = registrations(runtime)
    tool = campus.campus.store.find_tool_by_client(row.client_id)
    assert tool
    campus.campus.store.save_tool(replace(tool, state="active"))
    activity = campus.add_activity("Quiz", custom={"coursebridge_item": "courses/demo/quiz-1"}, tool=tool)
    launcher = Launcher(client, campus)
    form = campus.start_launch("ada", activity)
    refused = client.post("/lti/login", data=dict(form.fields), headers=FRAME)
    assert refused.status_code == 403 and "waits for approval" in refused.text
    CliRunner().invoke(platform, ["approve", str(row.id)], obj=runtime, catch_exceptions=False)
    assert launcher.open("ada", activity).endswith("/stub/courses/demo/quiz-1")


@both
def test_platform_is_asked_for_all_that_it_knows_and_no_more(
    client: FlaskClient, runtime: Runtime, campus: CampusServer
) -> None:
    assert client.get(campus.registration_url(invite(runtime))).status_code == 200
    (row,) = registrations(runtime)
    tool = campus.campus.store.find_tool_by_client(row.client_id)
    assert tool
    words = {scope.rpartition("/")[2] for scope in tool.scopes}
    services = {"lineitem", "result.readonly", "score", "contextmembership.readonly"}
    own = {"moodle": {"contextgroup.readonly"}, "canvas": {"noticehandlers"}}[campus.profile.name]
    assert words == services | own
    assert tool.custom["coursebridge_history"] == "$Context.id.history"
    assert ("coursebridge_previous" in tool.custom) == (campus.profile.name == "canvas")


def test_messages_are_those_that_the_platform_has_places_for(runtime: Runtime) -> None:
    review = "LtiSubmissionReviewRequest"
    moodle, canvas = (
        tool_configuration(runtime, (), get_dialect(name), messages)[TOOL]["messages"]
        for name, messages in (("moodle", (review,)), ("canvas", ()))
    )
    assert [message["type"] for message in moodle].count(review) == 1
    vendor = "https://canvas.instructure.com/lti/"
    places = [place.removeprefix(vendor) for message in canvas for place in message["placements"]]
    assert places == ["course_navigation", "assignment_selection", "link_selection", "editor_button"]
    assert canvas[0][vendor + "course_navigation/default_enabled"] is False
    assert all(message[vendor + "launch_width"] == 885 for message in canvas[1:])


def test_canvas_reads_what_a_developer_key_needs(client: FlaskClient, runtime: Runtime) -> None:
    answer = client.get("/lti/canvas.json")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    found = answer.json
    assert found is not None
    required = ("title", "description", "target_link_uri", "oidc_initiation_url", "public_jwk_url")
    assert [found[name] for name in required] == [
        "Coursebridge",
        "Courses, notebook quizzes and grades",
        "https://localhost/lti/launch",
        "https://localhost/lti/login",
        "https://localhost/lti/jwks",
    ]
    for name in ("target_link_uri", "oidc_initiation_url", "public_jwk_url"):
        assert client.get(found[name].removeprefix("https://localhost")).status_code != 404
    asked = tool_configuration(runtime, (), CANVAS)
    assert found["scopes"] == asked["scope"].split()
    assert found["custom_fields"] == asked[TOOL]["custom_parameters"]
    (extension,) = found["extensions"]
    assert (extension["platform"], extension["privacy_level"]) == ("canvas.instructure.com", "name_only")
    assert (extension["domain"], extension["tool_id"]) == (asked[TOOL]["domain"], "coursebridge")
    places = extension["settings"]["placements"]
    assert {(place["placement"], place["message_type"]) for place in places} == {
        (place.removeprefix("https://canvas.instructure.com/lti/"), message["type"])
        for message in asked[TOOL]["messages"]
        for place in message["placements"]
    }, "as in dynamic registration"
    assert all(place["target_link_uri"] == found["target_link_uri"] for place in places)


def test_invite_works_once(client: FlaskClient, runtime: Runtime, campus: CampusServer) -> None:
    link = invite(runtime)
    assert client.get(campus.registration_url(link)).status_code == 200
    assert client.get(campus.registration_url(link)).status_code == 410
    assert len(registrations(runtime)) == 1


def test_invite_runs_out(client: FlaskClient, runtime: Runtime, campus: CampusServer) -> None:
    with clock.frozen(clock.now()):
        link = invite(runtime)
        clock.advance(8 * 24 * 3600)
        assert client.get(campus.registration_url(link)).status_code == 410


def test_unknown_invite_fetches_nothing(client: FlaskClient, campus: CampusServer) -> None:
    assert client.get(campus.registration_url("/lti/register/guess")).status_code == 404
    assert campus.hits("configuration") == 0


def test_invite_can_be_used_again_after_a_failure(client: FlaskClient, runtime: Runtime, campus: CampusServer) -> None:
    link = invite(runtime)
    campus.set_fault("configuration", "status", value=500, times=1)
    failed = client.get(campus.registration_url(link))
    assert 400 <= failed.status_code < 500 and "still works" in failed.text
    assert client.get(campus.registration_url(link)).status_code == 200


Serve = Callable[[dict[str, Any]], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves an OpenID configuration; `{base}` in its values is the server's address."""
    document: dict[str, Any] = {}
    asked: list[tuple[str, str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(("GET", self.path, self.headers["Authorization"]))
            self.answer(document, document.get("status", 200))

        def do_POST(self) -> None:  # it would register whoever asks
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.append(("POST", self.path, self.headers["Authorization"]))
            self.answer({"client_id": "c"}, 200)

        def answer(self, said: dict[str, Any], status: int) -> None:
            body = json.dumps(said).replace("{base}", base).encode()
            self.send_response(status)
            if "location" in said:
                self.send_header("Location", said["location"])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    base = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()

    def start(changes: dict[str, Any]) -> str:
        document.update(
            {
                "issuer": "{base}",
                "authorization_endpoint": "{base}/auth",
                "token_endpoint": "{base}/token",
                "jwks_uri": "{base}/jwks",
                "registration_endpoint": "{base}/register",
                **changes,
            }
        )
        return base + "/configuration"

    yield start
    server.shutdown()
    thread.join()
    server.server_close()
    assert all(method == "GET" for method, _, _ in asked)


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://canvas.instructure.com"},
        {"issuer": "http://127.0.0.1:1"},
        {"issuer": 7},
        {"registration_endpoint": "https://evil.example/register"},
        {"registration_endpoint": None},
        {"token_endpoint": None},
        {"jwks_uri": ["x"]},
        {"status": 302, "location": "http://169.254.169.254/latest"},
    ],
    ids=str,
)
def test_configuration_that_does_not_hold(
    changes: dict[str, Any], serve: Serve, client: FlaskClient, runtime: Runtime
) -> None:
    answer = client.get(
        invite(runtime), query_string={"openid_configuration": serve(changes), "registration_token": "t"}
    )
    assert 400 <= answer.status_code < 500, answer.text
    assert "<h1>" in answer.text
    assert registrations(runtime) == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x",
        "https://127.0.0.1/x",
        "https://169.254.169.254/latest",
        "https://[::1]/x",
        "https://localhost/x",
        "ftp://lms.example/x",
        "file:///etc/passwd",
        "not a url",
        "",
    ],
)
def test_private_addresses_are_not_called(url: str, runtime: Runtime) -> None:
    http = OutboundHttp(allow_private=False)
    with pytest.raises(ExternalError):
        http.request("GET", url)
    http.close()


class TestCommands:
    def run(self, runtime: Runtime, *words: str) -> str:
        group = keys if words[0] == "keys" else platform
        result = CliRunner().invoke(group, list(words[1:]), obj=runtime, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    def test_platform_is_added_and_listed(self, runtime: Runtime) -> None:
        base = "https://lms.example"
        done = self.run(
            runtime, "platform", "add", "--name", "Our Moodle", "--issuer", base, "--client-id", "abc",
            "--auth-url", base + "/auth", "--token-url", base + "/token", "--jwks-url", base + "/jwks",
            "--deployment-id", "1",
        )  # fmt: skip
        assert "platform 1" in done
        assert "Our Moodle\tactive" in self.run(runtime, "platform", "list")
        assert "deployment 1\tactive" in self.run(runtime, "platform", "list")
        assert "can no longer launch" in self.run(runtime, "platform", "disable", "1")
        assert "may launch now" in self.run(runtime, "platform", "approve", "1")
        assert "vanity.example" in self.run(runtime, "platform", "trust-host", "1", "vanity.example")

    def test_invite_prints_a_link(self, runtime: Runtime) -> None:
        link = self.run(runtime, "platform", "invite").strip()
        assert urlsplit(link).path.startswith("/lti/register/") and link.startswith("https://localhost/")

    def test_rotated_key_is_published_beside_the_old_and_signs_later(
        self, runtime: Runtime, client: FlaskClient
    ) -> None:
        from lti_tool.lti.keys import get_signing_key

        with clock.frozen(clock.now()):
            old = get_signing_key(runtime).kid
            self.run(runtime, "keys", "rotate")
            published = [jwk["kid"] for jwk in client.get("/lti/jwks").get_json()["keys"]]
            assert len(published) == 2 and old in published
            assert get_signing_key(runtime).kid == old
            clock.advance(3601)
            assert get_signing_key(runtime).kid == published[0] != old
            clock.advance(7 * 24 * 3600)
            assert self.run(runtime, "keys", "list").split() == [published[0]]


def test_key_set_shows_no_private_part(client: FlaskClient) -> None:
    (jwk,) = client.get("/lti/jwks").get_json()["keys"]
    assert set(jwk) == {"kty", "n", "e", "alg", "use", "kid"}


def test_two_processes_that_start_together_make_one_key(runtime: Runtime) -> None:
    from lti_tool.lti.keys import ensure_key, list_published_keys

    start = threading.Barrier(3)

    def begin() -> None:
        start.wait()
        ensure_key(runtime)

    threads = [threading.Thread(target=begin) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list_published_keys(runtime)) == 1


def register(client: FlaskClient, runtime: Runtime, campus: CampusServer, updates: str = "", **invite_for: int) -> Any:
    """Open a fresh link in the campus; `updates` is the client that its administrator chose to update."""
    with runtime.db.transaction() as tx:
        link = "/lti/register/" + make_invite(tx, "Campus", **invite_for)
    return client.get(campus.registration_url(link, updates))


def moved(runtime: Runtime, **addresses: str) -> Registration:
    """The one platform, as if it had been at other addresses."""
    with runtime.db.transaction() as tx:
        row = tx.scalars(select(Registration)).one()
        for name, url in addresses.items():
            setattr(row, name, url)
    return row


class TestUpdate:
    """An administrator registers the same client once more."""

    def test_addresses_on_the_platforms_own_hosts_follow(
        self, client: FlaskClient, runtime: Runtime, campus: CampusServer
    ) -> None:
        register(client, runtime, campus)
        before = moved(runtime, jwks_url=campus.base_url + "/old-jwks")
        with runtime.db.transaction() as tx:
            approve(tx, before.id)
        again = register(client, runtime, campus, before.client_id)
        assert again.status_code == 200 and "up to date" in again.text, again.text
        (row,) = registrations(runtime)
        assert (row.id, row.client_id, row.state) == (before.id, before.client_id, Approval.ACTIVE)
        assert row.jwks_url == campus.jwks_url

    def test_move_to_other_hosts_needs_a_link_for_that(
        self, client: FlaskClient, runtime: Runtime, campus: CampusServer
    ) -> None:
        def store(updates: int | None) -> None:
            with runtime.db.transaction() as tx:
                store_registered(tx, runtime, facts, updates)

        register(client, runtime, campus)
        (row,) = registrations(runtime)
        facts = replace(current_facts(row), token_url="https://elsewhere.example/token")
        with pytest.raises(Conflict, match="updates platform"):
            store(None)
        assert registrations(runtime)[0].token_url == campus.token_url
        store(row.id)
        assert registrations(runtime)[0].token_url == "https://elsewhere.example/token"

    def test_update_link_takes_no_other_client(
        self, client: FlaskClient, runtime: Runtime, campus: CampusServer
    ) -> None:
        register(client, runtime, campus)
        (row,) = registrations(runtime)
        refused = register(client, runtime, campus, registration_id=row.id)
        assert refused.status_code == 409 and "made a new client" in refused.text
        assert [each.client_id for each in registrations(runtime)] == [row.client_id]

    def test_update_link_is_for_one_issuer(self, client: FlaskClient, runtime: Runtime, campus: CampusServer) -> None:
        register(client, runtime, campus)
        (row,) = registrations(runtime)
        with CampusServer("canvas") as other:
            refused = register(client, runtime, other, registration_id=row.id)
        assert 400 <= refused.status_code < 500 and row.issuer in refused.text
        assert other.hits("register") == 0
        assert len(registrations(runtime)) == 1

    def test_update_forgets_keys_of_the_old_address_and_is_in_the_audit_log(
        self, client: FlaskClient, runtime: Runtime, campus: CampusServer
    ) -> None:
        register(client, runtime, campus)
        row = moved(runtime, jwks_url=campus.base_url + "/old-jwks")
        with runtime.db.transaction() as tx:
            tx.add(CachedKeys(registration_id=row.id, keys={}, tried_at=clock.now(), fetched_at=clock.now()))
        register(client, runtime, campus, row.client_id, registration_id=row.id)
        with runtime.db.reading() as tx:
            assert tx.get(CachedKeys, row.id) is None
            acts = list_acts(tx, action="platform.")
        assert [(act.action, act.via) for act in acts] == [
            ("platform.edit", Via.PLATFORM),
            ("platform.add", Via.PLATFORM),
        ]
        assert acts[0].before == {"jwks_url": campus.base_url + "/old-jwks"}

    def test_configuration_is_sent_again_where_the_platform_offers_that(
        self, client: FlaskClient, runtime: Runtime, campus: CampusServer
    ) -> None:
        campus.campus.store.set_setting(CAN_CHANGE, "yes")
        register(client, runtime, campus)
        (row,) = registrations(runtime)
        assert row.registration_token_cipher and "registration_access" not in row.registration_token_cipher
        known = campus.campus.store.find_tool_by_client(row.client_id)
        assert known
        campus.campus.store.save_tool(replace(known, name="Old name"))
        send_configuration(runtime, row.id, OPERATOR)
        assert campus.campus.store.find_tool_by_client(row.client_id) == known

    def test_configuration_goes_to_no_host_that_is_the_platforms_no_more(
        self, client: FlaskClient, runtime: Runtime, campus: CampusServer
    ) -> None:
        campus.campus.store.set_setting(CAN_CHANGE, "yes")
        register(client, runtime, campus)
        row = moved(runtime, registration_uri="http://127.0.0.1:1/kept")
        with pytest.raises(ExternalError) as caught:
            send_configuration(runtime, row.id, OPERATOR)
        assert caught.value.code == "foreign_address"

    def test_elsewhere_a_link_is_asked_for(self, client: FlaskClient, runtime: Runtime, campus: CampusServer) -> None:
        register(client, runtime, campus)
        with pytest.raises(Conflict, match="Make a link that updates it"):
            send_configuration(runtime, registrations(runtime)[0].id, OPERATOR)


class TestGuard:
    """A registration makes us call addresses that somebody else chose (security review, row 20)."""

    @pytest.mark.parametrize(
        ("url", "addresses", "code"),
        [
            ("https://127.0.0.1/c", (), "address_refused"),
            ("https://[::1]/c", (), "address_refused"),
            ("https://169.254.169.254/c", (), "address_refused"),
            ("https://10.1.2.3/c", (), "address_refused"),
            ("https://inside.example/c", ("10.1.2.3",), "address_refused"),
            ("https://both.example/c", ("93.184.215.14", "192.168.0.1"), "address_refused"),
            ("http://lms.example/c", ("93.184.215.14",), "url_refused"),
            ("https://me@lms.example/c", ("93.184.215.14",), "registration_incomplete"),
        ],
    )
    def test_address_inside_is_not_called_and_the_link_still_works(
        self, runtime: Runtime, monkeypatch: pytest.MonkeyPatch, url: str, addresses: tuple[str, ...], code: str
    ) -> None:
        real, asked = socket.getaddrinfo, []

        def resolve(host: str, port: int, *args: Any, **more: Any) -> list[Any]:
            asked.append(host)
            found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]
            return found or real(host, port, *args, **more)

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        outside = replace(runtime, http=OutboundHttp(allow_private=False))
        link = invite(runtime).rpartition("/")[2]
        for _ in range(2):
            with pytest.raises(AppError) as caught:
                register_by_link(outside, link, url, "secret")
            assert caught.value.code == code
        assert len(asked) in (0, 2)

    def test_token_goes_to_configuration_and_registration_endpoint_alone(self, runtime: Runtime) -> None:
        asked: list[tuple[str, str, str | None]] = []

        class Handler(BaseHTTPRequestHandler):
            def answer(self, document: dict[str, Any]) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                asked.append((self.command, self.path, self.headers["Authorization"]))
                body = json.dumps(document).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                names = {"authorization_endpoint": "/auth", "token_endpoint": "/token", "jwks_uri": "/jwks"}
                names["registration_endpoint"] = "/register"
                self.answer({"issuer": base, **{name: base + path for name, path in names.items()}})

            def do_POST(self) -> None:
                kept = {"registration_client_uri": "https://evil.example/", "registration_access_token": "kept"}
                self.answer({"client_id": "c", "scope": "", **kept})

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        base = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        register_by_link(runtime, invite(runtime).rpartition("/")[2], base + "/c", "secret")
        server.shutdown()
        thread.join()
        server.server_close()
        assert asked == [("GET", "/c", "Bearer secret"), ("POST", "/register", "Bearer secret")]
        (row,) = registrations(runtime)
        assert (row.state, row.registration_uri) == (Approval.PENDING, None)
        assert row.registration_token_cipher is None

    def test_two_who_open_one_link_at_once_register_one_platform(self, runtime: Runtime, campus: CampusServer) -> None:
        link = invite(runtime).rpartition("/")[2]
        start, outcomes = threading.Barrier(4), []

        def open_link() -> None:
            url = dict(parse_qsl(urlsplit(campus.registration_url("/x")).query))
            start.wait()
            try:
                register_by_link(runtime, link, url["openid_configuration"], url["registration_token"])
                outcomes.append("registered")
            except AppError as error:
                outcomes.append(error.code)

        threads = [threading.Thread(target=open_link) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["invite_used"] * 3 + ["registered"]
        assert len(registrations(runtime)) == 1
