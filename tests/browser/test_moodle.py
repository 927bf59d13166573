"""The journeys against the demo LMS in its moodle profile."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser import writing
from tests.browser.conftest import PHONE, WIDE, Visit
from tests.browser.demo import Demo
from tests.browser.journeys import QUIZ, Journeys
from tests.browser.visitor import Cookies
from tests.browser.walk import WORK_MS, select_content, wait_until
from tests.factories.answers import read_answer

PROFILE = "moodle"
pytestmark = pytest.mark.one_database


class TestMoodle(Journeys):
    """Moodle tells teachers, learners and administrators apart, nobody else. See `journeys.py` for the rest."""

    picker = ("ada", WIDE)
    roles = {
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

    def test_a_quiz_is_written_published_worked_on_marked_by_hand_and_tried_again(
        self, demo: Demo, visit: Visit
    ) -> None:
        teacher, learner = visit("tess"), visit("chi")
        select_content(teacher, writing.QUIZ)
        learner.open_activity(writing.QUIZ)
        work = writing.begin(learner)
        teacher.open_activity(writing.QUIZ)
        source = writing.write(teacher)
        writing.solve(source, "3")
        writing.ask(source, 3)
        teacher.keep("written", source)

        version = writing.save_and_check(teacher, source)
        expect(version).to_contain_text("This cannot be published")
        expect(version).to_contain_text("“load”: the solution gets 0 of 2 points.")
        expect(version).to_contain_text("Count the empty values in rain_mm.")
        expect(version.get_by_role("button", name="Publish")).to_have_count(0)
        teacher.keep_widths("refused")
        writing.solve(source, "2")
        version = writing.save_and_check(teacher, source)
        expect(version).to_contain_text("15 points in all; it was 12.")
        expect(version).to_contain_text("1 learner has begun in Jupyter.")
        expect(version).to_contain_text(re.compile("in the LMS gets? 15 as"))
        teacher.keep_widths("may be published")
        version.get_by_role("button", name="Publish").click()
        expect(version).to_contain_text("This version is the one that counts now.", timeout=WORK_MS)
        teacher.keep_widths("published")
        wait_until(lambda: demo.maximum(writing.QUIZ) == 15, "the column in the LMS has the new maximum")

        writing.start_again(learner, work)
        first = read_answer("quiz-2", "partly")
        first.cells["why"] = "At the harbour."
        writing.hand_in(learner, work, first, 1)
        teacher.open_activity(writing.QUIZ)
        writing.mark(teacher, "Chi Nguyễn", "1", "Which number says so?")
        learner.open_activity(writing.QUIZ)
        self.see_sent(learner, 1, "9 of 15")
        assert demo.grade("chi", writing.QUIZ) == 9
        learner.tool.get_by_role("link", name="See feedback").click()
        expect(learner.tool.get_by_text("Which number says so?")).to_be_visible()
        learner.keep_widths("feedback")
        learner.tool.get_by_role("link", name=writing.QUIZ).click()
        second = read_answer("quiz-2", "right")
        second.cells["why"] = "At the harbour: 716 mm of rain, less than at the hill."
        writing.hand_in(learner, work, second, 2)
        learner.keep_widths("second attempt")
