"""The page that tells a teacher how the launch went."""

import time

import pytest
from sqlalchemy import select

from lti_tool.demo.model import Activity
from lti_tool.demo.testing import CampusServer
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.claims import AGS, NRPS
from lti_tool.lti.models import Placement
from lti_tool.web.session import SessionRow
from tests.fakes.launching import Launcher
from tests.functional.lti.test_deep_linking import both, field, form_action


def check_url(path: str) -> str:
    return path[: path.index("/", 3)] + "/lti/check"


def said(launcher: Launcher, path: str) -> str:
    answer = launcher.client.get(check_url(path))
    assert answer.status_code == 200
    return " ".join(answer.text.split())


def test_teacher_reads_what_browser_and_lms_did(launcher: Launcher, quiz: Activity) -> None:
    text = said(launcher, launcher.open("tess", quiz))
    assert "It keeps our cookie" in text
    assert "The clocks agree" in text
    assert "Grades can be sent" in text
    assert "The roster can be read" in text
    assert "notice warn" not in text


def test_storage_without_cookies(launcher: Launcher, quiz: Activity) -> None:
    text = said(launcher, launcher.open_stored("tess", quiz))
    assert "kept your sign-in" in text and "none is needed" in text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(21, "seconds ahead of ours"), (-45, "seconds before it came here"), (-3, "The clocks agree")],
)
def test_clock_is_measured(seconds: int, words: str, launcher: Launcher, quiz: Activity) -> None:
    moment = int(time.time()) + seconds
    answer = launcher.launch_changed("tess", quiz, claims={"iat": moment, "exp": moment + 300})
    assert words in said(launcher, answer.headers["Location"])


def test_lms_that_offers_nothing_is_named_with_who_can_help(launcher: Launcher, quiz: Activity) -> None:
    answer = launcher.launch_changed("tess", quiz, drop=[AGS, NRPS])
    text = said(launcher, answer.headers["Location"])
    assert "Grades cannot be sent" in text and "Ask the people who run the LMS" in text


def test_learner_reads_of_their_own_browser_alone(launcher: Launcher, quiz: Activity) -> None:
    text = said(launcher, launcher.open("ada", quiz))
    assert "It keeps our cookie" in text and "The clocks agree" in text
    assert "roster" not in text and "Grades can" not in text and "Learners have browsers" not in text


def place_check(launcher: Launcher, campus: CampusServer) -> Activity:
    """A teacher chooses the page in the picker, and the LMS makes an activity of it."""
    path = launcher.open("tess", None)
    assert "Check this browser" in launcher.client.get(path).text
    page = launcher.client.post(path, data={"item": "lti/check"}).text
    with campus.browser("tess") as browser:
        answer = browser.post(form_action(page), data={"JWT": field(page, "JWT")})
    assert answer.status_code < 400, answer.text
    (activity,) = campus.activities()
    assert (activity.title, campus.line_items(activity)) == ("Check this browser", [])
    return activity


@both
def test_page_is_placed_and_opens_in_the_frame(launcher: Launcher, campus: CampusServer, runtime: Runtime) -> None:
    activity = place_check(launcher, campus)
    for username, reads_of_roster in (("tess", True), ("ada", False)):
        path = launcher.open(username, activity)
        assert path.endswith("/lti/check")
        page = launcher.client.get(path)
        assert page.status_code == 200 and "Your browser was recognised" in page.text
        assert ("roster" in page.text) is reads_of_roster
        assert campus.base_url in page.headers["Content-Security-Policy"]
    with runtime.db.reading() as tx:
        assert tx.scalars(select(Placement)).all() == [], "it is of no course"
        assert set(tx.scalars(select(SessionRow.course_slug))) == {None}


def test_empty_activity_can_show_it_and_something_else_later(
    launcher: Launcher, campus: CampusServer, runtime: Runtime
) -> None:
    empty = campus.add_activity("Empty")
    chosen = launcher.client.post(launcher.open("tess", empty), data={"item": "lti/check"})
    assert launcher.client.get(chosen.headers["Location"]).status_code == 200
    path = launcher.open("tess", empty)
    assert path.endswith("/lti/check")
    session = path.removesuffix("/lti/check")
    assert "It shows Check this browser." in launcher.client.get(f"{session}/lti/activity").text
    launcher.client.post(f"{session}/lti/pick", data={"item": "courses/demo/hello"})
    assert launcher.open("ada", empty).endswith("/stub/courses/demo/hello")


def test_it_is_nobodys_work(launcher: Launcher, campus: CampusServer) -> None:
    activity = place_check(launcher, campus)
    launcher.open("ada", activity)
    answer = launcher.launch("tess", activity, for_user="ada")
    assert answer.status_code == 404 and "no page any more" in answer.text


def test_pages_of_teachers_lead_there(launcher: Launcher, quiz: Activity) -> None:
    path = launcher.open("tess", quiz)
    assert check_url(path) in launcher.client.get(check_url(path)).text
