"""Notices: what holds is kept once, what does not leaves no trace."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from lti_tool.demo.model import Activity, Tool
from lti_tool.demo.notices import CONTEXT_COPY, HELLO
from lti_tool.demo.testing import CampusServer, make_signing_key
from lti_tool.kernel.jobs import JobRow
from lti_tool.kernel.once import UsedOnce
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.claims import LTI
from lti_tool.lti.models import Approval, Context, Deployment, Registration
from lti_tool.lti.models_services import Notice
from lti_tool.lti.platforms import set_deployment_state
from lti_tool.lti.registrations import approve, disable
from tests.fakes.launching import Launcher

TABLES = (Notice, UsedOnce, JobRow, Context)
NOW = int(time.time())
ATTACKER = make_signing_key("attacker")

BAD: dict[str, dict[str, Any]] = {
    "alg none": {"header": {"alg": "none"}},
    "PS256": {"header": {"alg": "PS256"}},
    "kid unknown": {"header": {"kid": "nobody"}},
    "own key": {"key": ATTACKER},
    "crit": {"header": {"crit": ["exp"]}},
    "iss of another": {"claims": {"iss": "https://elsewhere.example"}},
    "iss a list": {"claims": {"iss": ["x"]}},
    "iss missing": {"drop": ["iss"]},
    "aud of another": {"claims": {"aud": "somebody-else"}},
    "aud missing": {"drop": ["aud"]},
    "aud with a stranger": {"claims": {"aud": ["coursebridge", "stranger"], "azp": "coursebridge"}},
    "azp of another": {"claims": {"azp": "somebody-else"}},
    "deployment of another": {"claims": {LTI + "deployment_id": "999"}},
    "deployment missing": {"drop": [LTI + "deployment_id"]},
    "version of another": {"claims": {LTI + "version": "1.4.0"}},
    "exp over": {"claims": {"exp": NOW - 3600}},
    "exp missing": {"drop": ["exp"]},
    "iat too old": {"claims": {"iat": NOW - 8000}},
    "iat in the future": {"claims": {"iat": NOW + 86_400}},
    "nonce missing": {"drop": ["nonce"]},
    "notice missing": {"drop": [LTI + "notice"]},
    "notice a list": {"claims": {LTI + "notice": []}},
    "notice without id": {"claims": {LTI + "notice": {"type": HELLO}}},
    "notice without type": {"claims": {LTI + "notice": {"id": "1"}}},
    "notice id too long": {"claims": {LTI + "notice": {"id": "1" * 256, "type": HELLO}}},
    "copy without context": {"claims": {LTI + "notice": {"id": "1", "type": CONTEXT_COPY}}},
    "origins a string": {"claims": {LTI + "origin_contexts": "2"}},
}
BODIES = [
    b"",
    b"[]",
    b"null",
    b"{}",
    b'{"notices": []}',
    b'{"notices": {}}',
    b'{"notices": [{}]}',
    b'{"notices": ["x"]}',
    b'{"notices": [{"jwt": 7}]}',
    b'{"notices": [{"jwt": "x"}]}',
    b'{"notices": [{"jwt": "a.b.c"}]}',
    b"[" * 50_000,
    json.dumps({"notices": [{"jwt": "x"}] * 101}).encode(),
    json.dumps({"notices": [{"jwt": "x" * 200_000}]}).encode(),
]


@pytest.fixture
def campus(campuses: dict[str, tuple[CampusServer, Tool]]) -> CampusServer:
    return campuses["canvas"][0]


def count(runtime: Runtime) -> list[int]:
    with runtime.db.reading() as tx:
        return [tx.scalar(select(func.count()).select_from(model)) or 0 for model in TABLES]


def post(client: FlaskClient, *tokens: str) -> TestResponse:
    return client.post("/lti/notices", json={"notices": [{"jwt": token} for token in tokens]})


@pytest.mark.parametrize("case", BAD)
def test_bad_notice_is_refused(case: str, client: FlaskClient, campus: CampusServer, runtime: Runtime) -> None:
    before = count(runtime)
    answer = post(client, campus.mint_notice(**BAD[case]))
    assert 400 <= answer.status_code < 500, answer.text
    assert count(runtime) == before


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body[:25].decode())
def test_what_is_no_list_of_notices(body: bytes, client: FlaskClient, runtime: Runtime) -> None:
    before = count(runtime)
    answer = client.post("/lti/notices", data=body, content_type="application/json")
    assert 400 <= answer.status_code < 500, answer.text
    assert count(runtime) == before


def test_launch_is_no_notice_and_a_notice_no_launch(
    client: FlaskClient, campus: CampusServer, runtime: Runtime
) -> None:
    quiz = campus.add_activity("Quiz", custom={"coursebridge_item": "courses/demo/quiz-1"})
    launcher, before = Launcher(client, campus), count(runtime)
    assert post(client, campus.mint_id_token("ada", quiz, nonce="n" * 40)).status_code == 400
    answer = launcher.launch_changed("ada", quiz, form={"id_token": campus.mint_notice()})
    assert answer.status_code == 400
    assert count(runtime) == before


def test_notice_that_comes_again_changes_nothing(client: FlaskClient, campus: CampusServer, runtime: Runtime) -> None:
    token = campus.mint_notice()
    assert post(client, token).get_json() == {"taken": 1, "refused": 0}
    before = count(runtime)
    assert post(client, token, token).get_json() == {"taken": 2, "refused": 0}
    assert count(runtime) == before


def test_nonce_works_once_also_under_another_notice_id(
    client: FlaskClient, campus: CampusServer, runtime: Runtime
) -> None:
    assert post(client, campus.mint_notice(claims={"nonce": "once"})).status_code == 200
    before = count(runtime)
    assert post(client, campus.mint_notice(claims={"nonce": "once"})).status_code == 400
    assert count(runtime) == before


def test_bad_one_does_not_hold_up_the_good_one(client: FlaskClient, campus: CampusServer) -> None:
    answer = post(client, campus.mint_notice(key=ATTACKER), campus.mint_notice())
    assert (answer.status_code, answer.get_json()) == (200, {"taken": 1, "refused": 1})


def test_type_that_we_do_not_handle_is_taken_and_left(
    client: FlaskClient, campus: CampusServer, runtime: Runtime
) -> None:
    before = count(runtime)
    notice = {LTI + "notice": {"id": "processor-1", "type": "LtiAssetProcessorSubmissionNotice"}}
    assert post(client, campus.mint_notice(claims=notice)).status_code == 200
    after = count(runtime)
    assert after[0] == before[0] + 1 and after[2:] == before[2:], "no job"


@pytest.fixture
def switched_off(runtime: Runtime, campus: CampusServer) -> Iterator[None]:
    with runtime.db.transaction() as tx:
        number = tx.scalars(select(Registration.id).where(Registration.issuer == campus.issuer)).one()
        disable(tx, number)
    yield
    with runtime.db.transaction() as tx:
        approve(tx, number)


@pytest.mark.usefixtures("switched_off")
def test_platform_that_is_switched_off_is_not_heard(client: FlaskClient, campus: CampusServer) -> None:
    assert post(client, campus.mint_notice()).status_code == 403


@pytest.fixture
def disabled_deployment(runtime: Runtime, campus: CampusServer) -> Iterator[None]:
    with runtime.db.transaction() as tx:
        platform = select(Registration.id).where(Registration.issuer == campus.issuer).scalar_subquery()
        row_id = tx.scalars(select(Deployment.id).where(Deployment.registration_id == platform)).first() or 0
        set_deployment_state(tx, row_id, Approval.DISABLED)
    yield
    with runtime.db.transaction() as tx:
        set_deployment_state(tx, row_id, Approval.ACTIVE)


@pytest.mark.usefixtures("disabled_deployment")
def test_installation_that_is_switched_off_is_not_heard(
    client: FlaskClient, campus: CampusServer, runtime: Runtime
) -> None:
    before = count(runtime)
    assert post(client, campus.mint_notice()).status_code == 403
    assert count(runtime) == before


def test_two_posts_of_one_notice_at_once_keep_it_once(
    client: FlaskClient, campus: CampusServer, runtime: Runtime, quiz: Activity
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    token, before = campus.mint_notice(), count(runtime)
    app = client.application
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: post(app.test_client(), token).status_code, range(4)))
    assert answers == [200] * 4
    assert count(runtime)[0] == before[0] + 1
