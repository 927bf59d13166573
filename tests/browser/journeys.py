"""The path of a grade, from the teacher's choice to the gradebook, walked by people with real browsers.

`test_moodle.py` and `test_canvas.py` walk it, each against a demo of its own profile. With COURSEBRIDGE_SCREENSHOTS=DIR
every step leaves its picture in that folder.
"""

import re
from collections.abc import Mapping
from typing import ClassVar

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import WIDE, Visit
from tests.browser.demo import Demo
from tests.browser.visitor import Visitor
from tests.browser.walk import (
    comment_elsewhere,
    give_points,
    hidden_tests,
    open_notebook,
    select_content,
    submit_in_lab,
    type_answer,
    wait_until,
    write_answer,
)
from tests.factories.answers import Answer, read_answer

QUIZ, LESSON, WRITTEN = "Quiz 1: Words and numbers", "One question, many values", "Quiz 3: Which bus?"
PARTLY = 4


class Journeys:
    """Every test is one journey of people who do not meet those of the others."""

    roles: ClassVar[Mapping[str, tuple[str, str]]]
    """For assistant, observer, test student and administrator: the role that this LMS tells, words on the page."""
    picker: tuple[str, tuple[int, int]]
    """Who walks from the picker to the gradebook, and on a window of which size: a frame here, a phone there."""

    def test_from_the_picker_to_the_gradebook(self, demo: Demo, visit: Visit) -> None:
        learner_name, size = self.picker
        teacher = visit("tess", size)
        select_content(teacher, QUIZ)
        select_content(teacher, LESSON)
        teacher.keep("course")
        line_items = demo.ask_lms("state")["line_items"]
        assert [(item["label"], item["score_maximum"]) for item in line_items][-1] == (QUIZ, 10)

        learner = visit(learner_name, size)
        learner.open_activity(LESSON)
        learner.keep("lesson")
        learner.open_activity(QUIZ)
        learner.keep("quiz")
        assert learner.meta("role") == "learner"
        assert learner.meta("user") in {"Ada Lopez", "Ben Okafor"}
        box = learner.page.locator("iframe[name=tool]").bounding_box()
        assert box
        assert box["width"] == (885 if size is WIDE else 320)

        lab = open_notebook(learner)
        type_answer(lab, read_answer("quiz-1", "partly"))
        learner.keep("lab", lab)
        learner.come_back()
        expect(learner.tool.get_by_text(re.compile("Saved in Jupyter"))).to_be_visible()
        learner.keep("draft")
        receipt = submit_in_lab(learner, lab, 1)

        learner.come_back()
        expect(learner.tool.get_by_role("heading", name="Attempt 1")).to_be_visible()
        learner.keep("just submitted")
        expect(learner.tool.locator("#attempt-status")).to_contain_text(receipt)
        self.see_sent(learner, 1, f"{PARTLY} of 10")
        learner.keep("sent")
        assert demo.grade(learner_name, QUIZ) == PARTLY

        self.read_feedback(learner)
        self.save_and_submit(learner, lab, read_answer("quiz-1", "right"), 2)
        self.see_sent(learner, 2, "10 of 10")
        learner.keep("second attempt")
        if size is WIDE:
            learner.keep_for_readme()
        assert demo.grade(learner_name, QUIZ) == 10
        learner.page.goto(f"{demo.lms}/grades")
        learner.keep("grades")
        teacher.open_activity(QUIZ)
        teacher.keep("submissions")
        row = teacher.tool.get_by_role("row", name=re.compile(learner_name.title())).first
        expect(row).to_contain_text("10 of 10")

    def test_a_mark_given_in_formgrader_reaches_the_gradebook(self, demo: Demo, visit: Visit) -> None:
        learner = visit("chi")
        learner.open_activity(WRITTEN)
        lab = open_notebook(learner)
        learner.keep("lab", lab)
        self.save_and_submit(learner, lab, read_answer("quiz-3", "right"), 1)
        expect(learner.tool.locator("#attempt-status")).to_contain_text("A teacher marks the rest")
        learner.keep("waits for a teacher")

        teacher = visit("tess")
        teacher.open_activity(WRITTEN)
        teacher.keep("submissions to mark")
        expect(teacher.tool.get_by_role("row", name=re.compile("Chi"))).to_contain_text("4 of 10")
        with teacher.page.expect_popup() as opened:
            teacher.tool.get_by_role("button", name="Mark in JupyterHub").click()
        formgrader = opened.value
        expect(formgrader.get_by_role("link", name="Submission #1")).to_be_visible()
        teacher.keep("formgrader", formgrader)
        give_points(formgrader, "5")
        comment_elsewhere(formgrader, "Read by another.")
        formgrader.locator("textarea.comment").first.fill("Read by me.")
        formgrader.locator("textarea.comment").first.press("Tab")
        expect(formgrader.get_by_role("alert")).to_contain_text("Somebody else has saved this comment: “Read by an")
        expect(formgrader.locator("textarea.comment").first).to_have_value("Read by another.")
        teacher.keep("formgrader submission", formgrader)

        wait_until(lambda: demo.grade("chi", WRITTEN) == 9, "the mark by hand is in the gradebook")
        learner.open_activity(WRITTEN)
        self.see_sent(learner, 1, "9 of 10")
        teacher.open_activity(WRITTEN)
        teacher.tool.get_by_role("link", name="Chi Nguyễn", exact=True).click()
        expect(teacher.tool.get_by_role("heading", name="What happened")).to_be_visible()
        teacher.keep("submission")

    def test_a_notebook_that_cannot_be_read_ends_in_words_for_learner_and_teacher(
        self, demo: Demo, visit: Visit
    ) -> None:
        learner = visit("ben")
        learner.open_activity(WRITTEN)
        learner.tool.get_by_text("Upload a notebook file instead").click()
        learner.tool.get_by_label(re.compile("Notebook file")).set_input_files(
            {"name": "quiz-3.ipynb", "mimeType": "application/json", "buffer": b'{"cells": "I took line 4."}'}
        )
        learner.tool.get_by_role("button", name="Upload as attempt 1").click()
        expect(learner.tool.locator("#attempt-status")).to_contain_text("Not marked")
        learner.keep("not a notebook")

        teacher = visit("tess")
        teacher.open_activity(WRITTEN)
        expect(teacher.tool.get_by_role("row", name=re.compile("Ben"))).to_contain_text("Not marked")
        teacher.tool.get_by_role("link", name="Ben Okafor", exact=True).click()
        expect(teacher.tool.get_by_role("button", name="Mark it again")).to_be_visible()
        teacher.keep("not a notebook")
        assert demo.grade("ben", WRITTEN) is None

    @pytest.mark.parametrize("username", ["amir", "olga", "test", "root"])
    def test_each_role_sees_its_own_page(self, visit: Visit, username: str) -> None:
        role, sees = self.roles[username]
        if username == "olga":  # she follows Ada, who is known once she was here
            visit("ada").open_activity(QUIZ)
        visitor = visit(username)
        visitor.open_activity(QUIZ)
        visitor.keep("quiz")
        expect(visitor.tool.locator("main")).to_contain_text(sees)
        assert visitor.meta("role") == role

    @staticmethod
    def save_and_submit(learner: Visitor, lab: Page, answer: Answer, attempt: int) -> None:
        """Save in Jupyter, come back, and hand in with the button of the quiz page once it has what was saved."""
        quiz = learner.tool.locator("#quiz")
        before = quiz.get_attribute("data-version") or ""
        write_answer(lab, answer)
        lab.close()
        learner.come_back()
        expect(quiz).not_to_have_attribute("data-version", before)
        learner.tool.get_by_role("button", name=f"Submit attempt {attempt}").click()
        expect(learner.tool.get_by_role("heading", name=f"Attempt {attempt}", exact=True)).to_be_visible()

    @staticmethod
    def see_sent(learner: Visitor, attempt: int, score: str) -> None:
        """The page tells by itself that the attempt is marked and the grade in the LMS."""
        status = learner.tool.locator("#attempt-status")
        expect(status.get_by_role("heading")).to_have_text(f"Attempt {attempt}")
        expect(status.locator(".steps li.done", has_text="In Campus")).to_be_visible()
        expect(status).to_contain_text(score)

    @staticmethod
    def read_feedback(learner: Visitor) -> None:
        """Score per question, and the marked notebook in a frame that can do nothing."""
        learner.tool.get_by_role("link", name="See feedback").click()
        rows = learner.tool.locator("table tbody tr")
        expect(rows).to_have_count(4)
        assert [score.split()[0] for score in rows.locator("td:last-child").all_inner_texts()] == ["2", "0", "0", "2"]
        learner.keep("feedback")
        paper = learner.tool.locator("iframe.paper")
        assert paper.get_attribute("sandbox") == ""
        paper.scroll_into_view_if_needed()  # it loads when it is looked at
        marked = learner.tool.frame_locator("iframe.paper").locator("body")
        expect(marked).to_contain_text("def is_palindrome")
        text = marked.inner_text()
        assert [line for line in hidden_tests("quiz-1") if line in text] == []
        with learner.page.expect_popup() as opened:
            learner.tool.get_by_role("main").get_by_text("Open in a new window").click()
        expect(opened.value.locator("body")).to_contain_text("def is_palindrome")
        opened.value.close()
        learner.tool.get_by_role("link", name=QUIZ).click()
