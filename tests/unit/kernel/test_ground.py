"""Clock, types, signing, once, outbound HTTP, settings, logging."""

import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from pydantic import ValidationError

from config.settings import Settings, load_settings, unknown_variables
from lti_tool.contract import PluginError, load_plugins
from lti_tool.kernel import clock
from lti_tool.kernel.errors import ExternalError, Gone, Invalid
from lti_tool.kernel.http import OutboundHttp
from lti_tool.kernel.logging import redact
from lti_tool.kernel.once import forget_expired, use_once
from lti_tool.kernel.runtime import Runtime
from lti_tool.kernel.signing import Signer
from lti_tool.kernel.types import as_points

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_value_is_used_once(runtime: Runtime) -> None:
    with runtime.db.transaction() as tx:
        assert use_once(tx, "nonce", "a", clock.now())
        assert not use_once(tx, "nonce", "a", clock.now())
        assert use_once(tx, "state", "a", clock.now())


def test_a_race_for_a_value_has_one_winner(runtime: Runtime) -> None:
    ready, won = threading.Barrier(6), []

    def take() -> None:
        ready.wait()
        with runtime.db.transaction() as tx:
            won.append(use_once(tx, "nonce", "a", clock.now()))

    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won.count(True) == 1


def test_used_values_are_forgotten_when_they_have_expired(runtime: Runtime) -> None:
    with clock.frozen(NOON), runtime.db.transaction() as tx:
        use_once(tx, "nonce", "old", NOON - timedelta(seconds=1))
        use_once(tx, "nonce", "fresh", NOON + timedelta(seconds=1))
        assert forget_expired(tx) == 1


def test_a_signed_token_expires_and_serves_one_purpose() -> None:
    signer = Signer("secret")
    with clock.frozen(NOON):
        token = signer.sign("ticket", {"name": "u-1"})
        assert signer.verify("ticket", token, 60) == {"name": "u-1"}
        with pytest.raises(Invalid):
            signer.verify("state", token, 60)
        with pytest.raises(Invalid):
            Signer("other").verify("ticket", token, 60)
        with pytest.raises(Invalid):
            signer.verify("ticket", token[:-2], 60)
        clock.advance(61)
        with pytest.raises(Gone):
            signer.verify("ticket", token, 60)


def test_a_signed_token_that_is_changed_anywhere_is_not_ours() -> None:
    signer = Signer("secret")
    token = signer.sign("ticket", {"name": "u-1"})
    changed = [
        token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :] for at in range(len(token) - 1)
    ]  # of the last one two bits say nothing
    payload, time, signature = token.split(".")
    changed += ["", ".", "..", f"{token}.", f".{token}", f"{payload}.{signature}", f"{time}.{signature}"]
    changed += [f"{payload}.{time}.", f"{payload}.{time}.é", f"{payload}.{time}.\ud800", token.replace(".", "")]
    for one in changed:
        with pytest.raises(Invalid):
            signer.verify("ticket", one, 60)


def test_a_signed_token_of_the_future_is_not_taken() -> None:
    signer = Signer("secret")
    with clock.frozen(NOON + timedelta(seconds=5)):
        token = signer.sign("ticket", 1)
    with clock.frozen(NOON), pytest.raises(Gone):
        signer.verify("ticket", token, 60)


def test_a_secret_comes_back_from_its_cipher() -> None:
    signer = Signer("secret")
    assert signer.decrypt("key", signer.encrypt("key", b"private")) == b"private"


def test_points_are_exact_to_four_decimals() -> None:
    assert as_points(0.1 + 0.2) == Decimal("0.3")
    assert str(as_points("10.0")) == "10"
    assert as_points(Decimal(1) / 3) == Decimal("0.3333")


class Answers(BaseHTTPRequestHandler):
    """/big answers 3 MB, /slow never, anything else redirects."""

    def do_GET(self) -> None:
        if self.path == "/ok":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"fine")
        elif self.path == "/big":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"x" * 3_000_000)
        else:
            self.send_response(302)
            self.send_header("Location", "/ok")
            self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    http = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    thread.join()
    http.server_close()


def test_private_addresses_and_plain_http_are_refused_unless_allowed(server: str) -> None:
    guarded = OutboundHttp(allow_private=False)
    for url in (
        server,
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://169.254.169.254/",
        "https://localhost/",
        "ftp://x",
    ):
        with pytest.raises(ExternalError) as refused:
            guarded.request("GET", url)
        assert not refused.value.retryable
    guarded.close()


def test_user_names_in_addresses_are_refused(server: str) -> None:
    http = OutboundHttp(allow_private=True)
    with pytest.raises(ExternalError):
        http.request("GET", server.replace("127.0.0.1", "someone@127.0.0.1"))
    http.close()


def test_a_name_with_one_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [(2, 1, 6, "", ("93.184.216.34", 443)), (2, 1, 6, "", ("10.0.0.1", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: both)
    http = OutboundHttp(allow_private=False)
    with pytest.raises(ExternalError, match="not a public address"):
        http.request("GET", "https://rebinding.example/")
    http.close()


def test_answers_are_bounded_and_redirects_not_followed(server: str) -> None:
    http = OutboundHttp(allow_private=True)
    assert http.request("GET", f"{server}/ok").content == b"fine"
    assert http.request("GET", f"{server}/elsewhere").status_code == 302
    with pytest.raises(ExternalError, match="too much"):
        http.request("GET", f"{server}/big")
    http.close()


def test_an_unreachable_host_can_be_tried_again() -> None:
    http = OutboundHttp(allow_private=True)
    with pytest.raises(ExternalError) as refused:
        http.request("GET", "http://127.0.0.1:1/")
    assert refused.value.retryable
    http.close()


def test_secrets_are_made_once_and_kept(tmp_path: Path) -> None:
    first = load_settings(data_dir=tmp_path / "var")
    again = load_settings(data_dir=tmp_path / "var")
    assert first.secret_key.get_secret_value() == again.secret_key.get_secret_value() != ""
    assert (tmp_path / "var" / "secret.key").stat().st_mode & 0o077 == 0


def test_environment_overrides_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('log_level = "DEBUG"\n[jobs]\nlease_s = 90\nconcurrency = 3\n')
    monkeypatch.setenv("COURSEBRIDGE_CONFIG", str(file))
    monkeypatch.setenv("COURSEBRIDGE_JOBS__LEASE_S", "30")
    settings = Settings()
    assert (settings.log_level, settings.jobs.lease_s, settings.jobs.concurrency) == ("DEBUG", 30, 3)


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSEBRIDGE_HUB__TICKET_S", "3600")
    with pytest.raises(ValidationError, match="ticket_s"):
        Settings()


@pytest.mark.parametrize(
    ("url", "api_url"),
    [
        ("http://hub.localhost:8402", "http://127.0.0.1:8402/hub/api"),
        ("http://hub.localhost", "http://127.0.0.1:80/hub/api"),
        ("https://hub.example.org/", "https://hub.example.org/hub/api"),
    ],
)
def test_the_hub_is_asked_by_an_address_that_needs_no_browser(
    monkeypatch: pytest.MonkeyPatch, url: str, api_url: str
) -> None:
    monkeypatch.setenv("COURSEBRIDGE_HUB__URL", url)
    assert Settings().hub.api_url == api_url


def test_a_misspelt_variable_is_found() -> None:
    environ = {"COURSEBRIDGE_HUB__TICKETS": "1", "COURSEBRIDGE_HUB__URL": "http://x", "HOME": "/"}
    assert unknown_variables(environ) == ["COURSEBRIDGE_HUB__TICKETS"]


def test_logs_carry_no_way_in() -> None:
    line = redact("GET /s/abcdef/courses/x?ticket=123&y=1 /w/secretcode id_token=eyJ")
    assert "abcdef" not in line
    assert "123" not in line
    assert "secretcode" not in line
    assert "eyJ" not in line


def test_a_plugin_that_is_not_there_is_named() -> None:
    with pytest.raises(PluginError, match=r"plugins\.nothing"):
        load_plugins(["plugins.nothing"])
