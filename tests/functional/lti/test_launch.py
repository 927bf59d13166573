"""Launches as a browser goes through them."""

import pytest

from lti_tool.demo.model import Activity
from tests.fakes.launching import Launcher

both = pytest.mark.parametrize("campus", ["moodle", "canvas"], indirect=True)


@both
def test_learner_lands_on_the_page_of_the_item(launcher: Launcher, quiz: Activity) -> None:
    path = launcher.open("ada", quiz)
    assert path.startswith("/s/")
    assert launcher.client.get(path).text == "courses/demo/quiz-1\nAda Lopez\nlearner\n"


def test_two_people_in_one_browser_do_not_mix(launcher: Launcher, quiz: Activity) -> None:
    ada, ben = launcher.open("ada", quiz), launcher.open("ben", quiz)
    assert "Ada Lopez" in launcher.client.get(ada).text
    assert "Ben Okafor" in launcher.client.get(ben).text
