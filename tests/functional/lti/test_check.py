"""The page that tells a teacher how the launch went."""

import time

import pytest

from lti_tool.demo.model import Activity
from lti_tool.lti.claims import AGS, NRPS
from tests.fakes.launching import Launcher


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


def test_learner_gets_no_such_page(launcher: Launcher, quiz: Activity) -> None:
    assert launcher.client.get(check_url(launcher.open("ada", quiz))).status_code == 403


def test_pages_of_teachers_lead_there(launcher: Launcher, quiz: Activity) -> None:
    path = launcher.open("tess", quiz)
    assert check_url(path) in launcher.client.get(check_url(path)).text
