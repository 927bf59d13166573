"""The command as it is installed, and the way from the release to the feedback: the two terminals share no folder."""

from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from tests.factories.grading import work
from tests.functional.exchange.conftest import QUIZ, Sit, answer


def test_from_fetching_to_feedback(sit: Sit, runtime: Runtime) -> None:
    ada, teacher = sit(), sit(Role.TEACHER, marking=True)

    ada.ok("fetch_assignment", QUIZ, "--course", ada.key)
    answer(ada, points=3)
    submitted = ada.started("submit", QUIZ, "--course", ada.key)
    collected = teacher.started("collect", QUIZ)
    work(runtime)
    released = teacher.ok("release_feedback", QUIZ)
    work(runtime)
    assert (submitted.code, collected.code) == (0, 0), (submitted, collected)

    (receipt,) = [line for line in submitted.log.splitlines() if "Receipt" in line]
    assert receipt.partition("Receipt ")[2][:9] in teacher.ok("list", "--inbound")
    assert f"Collecting submission: {ada.name} {QUIZ}" in collected.log
    assert (teacher.home / "course" / "submitted" / ada.name / QUIZ / "timestamp.txt").is_file()
    assert f"{ada.name} {QUIZ} attempt 1: feedback released" in released
    ada.ok("fetch_feedback", QUIZ, "--course", ada.key)
    (page,) = (ada.home / ada.key / QUIZ / "feedback").glob("*/quiz-1.html")
    assert "3 points" in page.read_text()
