"""The journeys against the demo LMS in its canvas profile."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PHONE, Visit
from tests.browser.demo import Demo
from tests.browser.journeys import QUIZ, Journeys
from tests.browser.visitor import Cookies
from tests.browser.walk import open_notebook
from tests.factories.answers import read_answer

PROFILE = "canvas"
pytestmark = pytest.mark.one_database


class TestCanvas(Journeys):
    """Canvas tells the roles of a course apart. See `journeys.py` for the rest."""

    picker = ("ben", PHONE)
    roles = {
        "amir": ("assistant", "Mark in JupyterHub"),
        "olga": ("observer", "Ada Lopez"),
        "test": ("test_student", "Open in JupyterHub"),
        "root": ("observer", "Your LMS did not say whose work you follow"),  # no role in the course
    }

    def test_a_frame_that_keeps_no_cookie_works_and_opens_a_window(self, demo: Demo, visit: Visit) -> None:
        learner = visit("chi", PHONE, Cookies.NONE)
        learner.open_activity(QUIZ)
        assert [cookie["name"] for cookie in learner.page.context.cookies(demo.tool)] == []
        learner.keep("no cookies")
        lab = open_notebook(learner)
        self.save_and_submit(learner, lab, read_answer("quiz-1", "right"), 1)
        self.see_sent(learner, 1, "10 of 10")

        with learner.page.expect_popup() as opened:
            learner.tool.get_by_role("button", name="Open in a new window").click()
        window = opened.value
        expect(window.get_by_role("heading", name=QUIZ)).to_be_visible()
        expect(window.locator("meta[name=coursebridge-user]")).to_have_attribute("content", "Chi Nguyễn")
        window.get_by_role("link", name="See feedback").click()
        expect(window.get_by_role("heading", name="Feedback on attempt 1")).to_be_visible()
        learner.keep("window", window)
