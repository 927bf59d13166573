"""Where a launch leads, and what the browser keeps of it."""

from typing import Any

import pytest

from lti_tool.demo.model import Activity
from lti_tool.demo.testing import CampusServer
from lti_tool.lti.claims import LTI
from tests.fakes.launching import Launcher
from tests.lti_conformance.refusals import Refusals

ELSEWHERE = (
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example",
    "javascript:alert(1)",
    "../../evil",
    "a\r\nb",
)


@pytest.mark.parametrize("ref", ELSEWHERE)
@pytest.mark.parametrize("username", ["tess", "ada"])
def test_item_that_is_an_address_leads_nowhere_else(
    ref: str, username: str, launcher: Launcher, campus: CampusServer
) -> None:
    placed = campus.add_activity("Placed")
    answer = launcher.launch_changed(username, placed, claims={LTI + "custom": {"coursebridge_item": ref}})
    assert answer.status_code == 303
    assert answer.headers["Location"].endswith("/lti/gone") and answer.headers["Location"].startswith("/s/")
    assert launcher.client.get(answer.headers["Location"]).status_code == 404


@pytest.mark.parametrize("url", ["https://evil.example/", "javascript:alert(1)", "//evil.example"])
def test_way_back_to_somewhere_else_is_not_offered(url: str, launcher: Launcher, campus: CampusServer) -> None:
    changed = {LTI + "launch_presentation": {"return_url": url}}
    answer = launcher.launch_changed("ada", campus.add_activity("Empty"), claims=changed)
    page = launcher.client.get(answer.headers["Location"])
    assert page.status_code == 200 and "evil" not in page.text and "javascript:" not in page.text


def test_each_launch_has_a_session_of_its_own_and_the_browser_keeps_no_token(
    launcher: Launcher, quiz: Activity
) -> None:
    first, second = launcher.open("ada", quiz), launcher.open("ada", quiz)
    assert first.split("/")[2] != second.split("/")[2]
    jar = launcher.client._cookies or {}
    kept = [str(cookie.value) for cookie in jar.values()]
    assert kept and all("eyJ" not in value and len(value) < 200 for value in kept), (
        "a secret, and nothing of the launch"
    )


def test_session_opens_nothing_of_another_launch(launcher: Launcher, quiz: Activity) -> None:
    """It is bound to platform, course and person: an address of one course under another's session leads nowhere."""
    learner = launcher.open("ada", quiz).split("/stub")[0]
    for path in ("/lti/pick", "/lti/activity", "/lti/rights"):
        assert launcher.client.get(learner + path).status_code in (403, 404)


MESSAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "content selection instead of an activity": ("tess", {LTI + "message_type": "LtiDeepLinkingRequest"}),
    "content selection by a learner": ("ada", {LTI + "message_type": "LtiDeepLinkingRequest"}),
    "a review instead of an activity": ("tess", {LTI + "message_type": "LtiSubmissionReviewRequest"}),
    "a message of another letter case": ("ada", {LTI + "message_type": "ltiresourcelinkrequest"}),
    "an answer of ours": ("tess", {LTI + "message_type": "LtiDeepLinkingResponse"}),
}


@pytest.mark.parametrize("case", MESSAGES)
def test_message_in_the_place_of_another(
    case: str, launcher: Launcher, quiz: Activity, campus: CampusServer, refused: Refusals
) -> None:
    username, claims = MESSAGES[case]
    refused(launcher.launch_changed(username, quiz, claims=claims))


def test_activity_in_the_place_of_content_selection(launcher: Launcher, refused: Refusals) -> None:
    refused(launcher.launch_changed("tess", None, claims={LTI + "message_type": "LtiResourceLinkRequest"}))
