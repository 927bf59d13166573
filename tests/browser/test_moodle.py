"""The journeys against the demo LMS in its moodle profile."""

from typing import ClassVar

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PHONE, Visit
from tests.browser.demo import Demo
from tests.browser.journeys import QUIZ, Journeys
from tests.browser.visitor import Cookies

PROFILE = "moodle"
pytestmark = pytest.mark.one_database


class TestMoodle(Journeys):
    """Moodle tells teachers, learners and administrators apart, nobody else. See `journeys.py` for the rest."""

    roles: ClassVar = {
        "amir": ("teacher", "Mark in JupyterHub"),
        "olga": ("learner", "Open in JupyterHub"),
        "test": ("learner", "Open in JupyterHub"),
        "root": ("teacher", "Mark in JupyterHub"),
    }

    def test_a_frame_that_keeps_no_cookie_offers_a_window(self, demo: Demo, visit: Visit) -> None:
        learner = visit("chi", PHONE, Cookies.NONE)
        learner.open_activity(QUIZ)
        learner.keep("no cookies")
        with learner.page.expect_popup() as opened:
            learner.tool.get_by_role("link", name="Open in a new window").click()
        window = opened.value
        expect(window.get_by_role("heading", name=QUIZ)).to_be_visible()
        expect(window.locator("meta[name=coursebridge-user]")).to_have_attribute("content", "Chi Nguyễn")
        learner.keep("window", window)
