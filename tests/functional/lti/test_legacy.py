"""Identities of LTI 1.1: mapped when the platform knows the old secret, else ignored and told."""

import base64
import hashlib
import hmac
import logging
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from lti_tool.demo.model import Activity
from lti_tool.demo.testing import CampusServer
from lti_tool.kernel.audit import list_acts
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.claims_more import LTI_1P1
from lti_tool.lti.commands import platform
from lti_tool.lti.models_services import LegacyConsumer, LegacyUser
from lti_tool.lti.personal_data import erase_personal_data, export_personal_data
from lti_tool.lti.public import find_person_by_legacy_id
from tests.factories.grading import make_place
from tests.fakes.launching import Launcher, query_of

KEY, SECRET = "179248902", "my-lti11-secret"


def run(runtime: Runtime, *words: str) -> str:
    done = CliRunner().invoke(platform, list(words), obj=runtime, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def launch(launcher: Launcher, campus: CampusServer, quiz: Activity, secret: str, **changes: Any) -> None:
    """As a platform that knows `secret`: base64 of HMAC-SHA256 over the values that the specification lists."""
    url = launcher.login("ada", quiz)
    nonce, expires = query_of(url)["nonce"], int(campus.clock.now()) + 50
    text = "&".join((KEY, campus.campus.get_tool().deployment_id, campus.issuer, "coursebridge", str(expires), nonce))
    sign = base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()
    said = {"user_id": "old-34212", "oauth_consumer_key": KEY, "oauth_consumer_key_sign": sign, **changes}
    said = {name: value for name, value in said.items() if value is not None}
    answer = launcher.launch_changed("ada", quiz, auth_url=url, claims={LTI_1P1: said, "exp": expires})
    assert answer.status_code == 303, answer.text


def mapped(runtime: Runtime) -> list[str]:
    with runtime.db.reading() as tx:
        return list(tx.scalars(select(LegacyUser.legacy_id)))


def test_person_is_found_by_their_old_id(
    launcher: Launcher, campus: CampusServer, quiz: Activity, runtime: Runtime, registration_id: int
) -> None:
    run(runtime, "legacy", str(registration_id), "--key", KEY, "--secret", SECRET)
    launch(launcher, campus, quiz, SECRET)
    launch(launcher, campus, quiz, SECRET)
    with runtime.db.reading() as tx:
        found = find_person_by_legacy_id(tx, registration_id, KEY, "old-34212")
        assert found and found.display_name == "Ada Lopez"
        assert find_person_by_legacy_id(tx, registration_id, "another", "old-34212") is None
        assert export_personal_data(tx, found.id)["lti_1_1_ids"] == ["old-34212"]
    with runtime.db.transaction() as tx:
        erase_personal_data(tx, found.id)
    assert mapped(runtime) == []


def test_old_id_that_is_not_said_is_the_same(
    launcher: Launcher, campus: CampusServer, quiz: Activity, runtime: Runtime, registration_id: int
) -> None:
    run(runtime, "legacy", str(registration_id), "--key", KEY, "--secret", SECRET)
    launch(launcher, campus, quiz, SECRET, user_id=None)
    assert mapped(runtime) == [campus.person("ada").sub]


@pytest.mark.parametrize(
    ("secret", "changes", "told"),
    [
        ("wrong", {}, "another secret"),
        (SECRET, {"oauth_consumer_key_sign": None}, "without a signature"),
        (SECRET, {"oauth_consumer_key_sign": "ä"}, "another secret"),
        (SECRET, {"oauth_consumer_key": "unknown"}, "not known here"),
    ],
    ids=["wrong secret", "no signature", "no base64", "another key"],
)
def test_what_is_not_proved_is_ignored_and_told(
    secret: str,
    changes: dict[str, Any],
    told: str,
    launcher: Launcher,
    campus: CampusServer,
    quiz: Activity,
    runtime: Runtime,
    registration_id: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    run(runtime, "legacy", str(registration_id), "--key", KEY, "--secret", SECRET)
    with caplog.at_level(logging.WARNING, "lti_tool.lti.legacy"):
        launch(launcher, campus, quiz, secret, **changes)
    assert [record.message for record in caplog.records] == ["legacy_ignored"]
    assert mapped(runtime) == []
    assert told in run(runtime, "list")
    launch(launcher, campus, quiz, SECRET)
    assert "LTI 1.1" not in run(runtime, "list"), "a good one ends the complaint"


def test_same_key_at_another_platform_is_another_secret_and_other_people(
    launcher: Launcher, campus: CampusServer, quiz: Activity, runtime: Runtime, registration_id: int
) -> None:
    with runtime.db.transaction() as tx:
        other = make_place(tx, "other").registration_id
    run(runtime, "legacy", str(other), "--key", KEY, "--secret", "theirs")
    run(runtime, "legacy", str(registration_id), "--key", KEY, "--secret", SECRET)
    launch(launcher, campus, quiz, "theirs")
    assert mapped(runtime) == []

    launch(launcher, campus, quiz, SECRET)
    with runtime.db.reading() as tx:
        assert find_person_by_legacy_id(tx, registration_id, KEY, "old-34212") is not None
        assert find_person_by_legacy_id(tx, other, KEY, "old-34212") is None


def test_secret_is_not_readable_in_the_database(runtime: Runtime, registration_id: int) -> None:
    run(runtime, "legacy", str(registration_id), "--key", KEY, "--secret", SECRET)
    with runtime.db.reading() as tx:
        assert SECRET not in tx.scalars(select(LegacyConsumer.secret_cipher)).one()


def test_keeping_a_secret_is_in_the_audit_log_without_the_secret(runtime: Runtime, registration_id: int) -> None:
    run(runtime, "legacy", str(registration_id), "--key", KEY, "--secret", SECRET)
    with runtime.db.reading() as tx:
        (act,) = list_acts(tx, action="platform.legacy")
    assert act.after == {"consumer_key": KEY} and f"platform {registration_id} " in act.target
