"""Asking a platform for its notices, and what comes of them."""

from typing import Any

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from sqlalchemy import select

from lti_tool.demo.model import Activity, Tool
from lti_tool.demo.notices import CONTEXT_COPY, HELLO, handlers_of
from lti_tool.demo.profiles import supported_scopes
from lti_tool.demo.testing import CampusServer
from lti_tool.kernel import clock
from lti_tool.kernel.audit import list_acts
from lti_tool.kernel.jobs import JobRow, JobState
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.claims_more import NOTICES
from lti_tool.lti.cleaning import clean
from lti_tool.lti.commands import platform
from lti_tool.lti.models_services import Notice, NoticeHandler
from tests.conftest import BASE_URL
from tests.factories.grading import work
from tests.fakes.launching import Launcher

HANDLER = f"{BASE_URL}/lti/notices"


@pytest.fixture(params=["canvas"])
def campus(request: pytest.FixtureRequest) -> Any:
    with CampusServer(request.param) as server:
        yield server


@pytest.fixture
def tool(campus: CampusServer, served: str) -> Tool:
    return campus.add_tool(BASE_URL, jwks_url=f"{served}/lti/jwks", scopes=supported_scopes(campus.profile))


def rows(runtime: Runtime) -> list[NoticeHandler]:
    with runtime.db.reading() as tx:
        return list(tx.scalars(select(NoticeHandler).order_by(NoticeHandler.notice_type)))


def listed(runtime: Runtime) -> str:
    return CliRunner().invoke(platform, ["list"], obj=runtime, catch_exceptions=False).output


def test_first_launch_asks_once_for_what_we_handle(
    launcher: Launcher, quiz: Activity, campus: CampusServer, tool: Tool, runtime: Runtime
) -> None:
    launcher.open("ada", quiz)
    work(runtime)
    launcher.open("ben", quiz)
    work(runtime)
    assert handlers_of(campus.campus, tool) == {HELLO: HANDLER, CONTEXT_COPY: HANDLER}
    assert campus.hits("notices") == 2
    assert all(row.registered_at and row.problem is None for row in rows(runtime))
    assert "LtiContextCopyNotice: none came yet" in listed(runtime)


def test_busy_service_is_asked_again(
    launcher: Launcher, quiz: Activity, campus: CampusServer, tool: Tool, runtime: Runtime
) -> None:
    campus.set_fault("notices", "rate_limit", value=30, times=1)
    with clock.frozen(clock.now()):
        launcher.open("ada", quiz)
        work(runtime)
        assert "(429)" in listed(runtime)
        clock.advance(31)
        work(runtime)
    assert handlers_of(campus.campus, tool) == {HELLO: HANDLER, CONTEXT_COPY: HANDLER}


def test_refusal_is_shown_and_can_be_tried_again(
    launcher: Launcher, quiz: Activity, campus: CampusServer, tool: Tool, runtime: Runtime, registration_id: int
) -> None:
    campus.set_fault("notices", "status", value=403, times=1)
    launcher.open("ada", quiz)
    work(runtime)
    with runtime.db.reading() as tx:
        assert JobState.DEAD in set(tx.scalars(select(JobRow.state)))
    assert "does not send LtiContextCopyNotice here (403)" in listed(runtime)
    CliRunner().invoke(platform, ["notices", str(registration_id)], obj=runtime, catch_exceptions=False)
    with runtime.db.reading() as tx:
        assert [act.after for act in list_acts(tx, action="platform.ask_notices")] == [{"deployments": 1}]
    work(runtime)
    assert set(handlers_of(campus.campus, tool)) == {HELLO, CONTEXT_COPY}


@pytest.mark.parametrize(
    "claim",
    [
        {"platform_notification_service_url": "https://evil.example/notices", "scope": ["{scope}"]},
        {"scope": []},
        {"notice_types_supported": ["LtiAssetProcessorSubmissionNotice"]},
        {"platform_notification_service_url": None},
    ],
    ids=str,
)
def test_nothing_is_asked_where_it_would_do_no_good(
    claim: dict[str, Any], launcher: Launcher, quiz: Activity, campus: CampusServer, runtime: Runtime, tool: Tool
) -> None:
    scope = "https://purl.imsglobal.org/spec/lti/scope/noticehandlers"
    offered = {
        "platform_notification_service_url": campus.campus.notices_url(tool),
        "scope": [scope],
        "notice_types_supported": [HELLO, CONTEXT_COPY],
        **claim,
    }
    if offered["scope"] == ["{scope}"]:
        offered["scope"] = [scope]
    assert launcher.launch_changed("ada", quiz, claims={NOTICES: offered}).status_code == 303
    work(runtime)
    assert rows(runtime) == []
    assert campus.hits("notices") == 0


def test_hello_is_heard_and_forgotten_after_a_while(
    launcher: Launcher, quiz: Activity, campus: CampusServer, runtime: Runtime, client: FlaskClient
) -> None:
    launcher.open("ada", quiz)
    work(runtime)
    answer = client.post("/lti/notices", json={"notices": [{"jwt": campus.mint_notice()}]})
    assert answer.status_code == 200
    work(runtime)
    assert "LtiHelloWorldNotice: last came" in listed(runtime)
    with runtime.db.reading() as tx:
        assert tx.scalars(select(Notice.handled_at)).one() is not None
    with clock.frozen(clock.now()):
        clock.advance(91 * 24 * 3600)
        clean(runtime)
    with runtime.db.reading() as tx:
        assert tx.scalar(select(Notice.id)) is None
