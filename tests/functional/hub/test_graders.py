"""Two teachers mark one class at once, each on a server of their own: each mark is told, none is lost unseen."""

import shutil
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from nbgrader.api import Gradebook

from tests.fakes.hub_tool import HubTool
from tests.fakes.running_hub import RunningHub, Visitor, wait_for
from tests.functional.hub.conftest import ADA, BOB, SLUG, make_placement

KEY = f"{SLUG}-9"
QUIZ = "quiz-1"
ONE, TWO = "u-" + "x" * 26, "u-" + "y" * 26
NAMES = {ADA: "Ada L.", BOB: "Bob B."}
"""What formgrader's lists call learners."""
TOGETHER = 8


class Grader:
    """A teacher in formgrader, as its page speaks for them."""

    def __init__(self, hub: RunningHub, name: str) -> None:
        self.name = name
        self._prefix = f"/user/{name}/grade-{KEY}/"
        self._visitor = hub.visit(name, f"/formgrader?course={KEY}&path=gradebook/{QUIZ}")
        assert self._visitor.last.url.path == f"{self._prefix}formgrader/gradebook/{QUIZ}"

    def rows(self, what: str, learner: str) -> list[dict[str, Any]]:
        """Marks or comments of a learner's submission."""
        listed = self._send("GET", f"submitted_notebooks/{QUIZ}/{QUIZ}").json()
        (submission,) = [row["id"] for row in listed if row["student"] == learner]
        return list(self._send("GET", f"{what}?submission_id={submission}").json())

    def mark(self, learner: str) -> dict[str, Any]:
        """As the page shows it now."""
        (row,) = self.rows("grades", learner)
        return row

    def save(self, row: dict[str, Any], points: float) -> Any:
        """What the page sends for points that are typed where it shows `row`."""
        seen = [{name: row[name] for name in ("manual_score", "extra_credit")}]
        body = {"manual_score": points, "extra_credit": None, "seen": seen}
        return self._send("PUT", f"grade/{row['id']}", body)

    def comment(self, learner: str, text: str) -> Any:
        """The same for a comment."""
        (row,) = self.rows("comments", learner)
        body = {"manual_comment": text, "seen": [{"manual_comment": row["manual_comment"]}]}
        return self._send("PUT", f"comment/{row['id']}", body)

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        return self._visitor.send(method, self._prefix, f"formgrader/api/{path}", body)


@pytest.fixture(scope="module")
def graders(hub: RunningHub, tool: HubTool) -> list[Grader]:
    """Two of one LMS course, in which Ada and Bob have handed in."""
    root = hub.data_dir / "courses" / SLUG / "placements" / "9"
    make_placement(root, KEY)
    shutil.copytree(root / "autograded" / ADA, root / "autograded" / BOB)
    url = f"sqlite:///{root / 'gradebook' / 'gradebook.db'}"
    with warnings.catch_warnings(action="ignore"), Gradebook(url, KEY) as gradebook:
        gradebook.add_student(BOB)
        gradebook.add_submission(QUIZ, BOB)
    for name, role in ((ONE, "teacher"), (TWO, "assistant")):
        tool.add_person(name, f"Grader {name[2]}", notebooks_101_9=role)
    return [Grader(hub, name) for name in (ONE, TWO)]


@pytest.fixture(autouse=True)
def told(tool: HubTool) -> list[tuple[str, str, dict[str, Any]]]:
    """What the tool is told in a test."""
    tool.marks_changed.clear()
    return tool.marks_changed


def test_each_marks_one_learner_at_the_same_time_and_both_marks_reach_the_tool(
    graders: list[Grader], told: list[Any]
) -> None:
    pairs = list(zip(graders, (NAMES[ADA], NAMES[BOB]), (3, 4), strict=True))
    with ThreadPoolExecutor(2) as pool:
        rows = [grader.mark(learner) for grader, learner, _points in pairs]
        sent = [pool.submit(pair[0].save, row, pair[2]) for pair, row in zip(pairs, rows, strict=True)]
        answers = [each.result() for each in sent]
    assert [answer.status_code for answer in answers] == [200, 200], [answer.text for answer in answers]
    for grader in graders:  # each sees what the other one has given
        assert [grader.mark(learner)["manual_score"] for _, learner, _ in pairs] == [3, 4]
    wait_for(lambda: len(told) == 2)
    assert {(name, key, body["learner"]) for name, key, body in told} == {(ONE, KEY, ADA), (TWO, KEY, BOB)}


def test_who_saves_second_is_told_what_the_first_has_saved(graders: list[Grader], told: list[Any]) -> None:
    one, two = graders
    ada = NAMES[ADA]
    shown = [grader.mark(ada) for grader in graders]
    assert one.save(shown[0], 1).status_code == 200
    refused = two.save(shown[1], 5)

    assert refused.status_code == 409
    assert "Somebody else has saved 1 points here" in refused.json()["message"]
    assert one.mark(ada)["manual_score"] == two.mark(ada)["manual_score"] == 1
    assert two.save(refused.json()["now"], 5).status_code == 200
    assert one.mark(ada)["manual_score"] == 5
    wait_for(lambda: {name for name, _key, _body in told} == {ONE, TWO})
    assert len(told) == 2, "what was refused is not reported"


def test_of_two_saves_at_the_same_moment_one_is_kept_and_the_other_is_told(graders: list[Grader]) -> None:
    ada = NAMES[ADA]
    for number in range(TOGETHER):
        shown = [grader.mark(ada) for grader in graders]
        wanted = [number % 2 + 0.5, number % 2 + 2.5]
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda grader, row, points: grader.save(row, points), graders, shown, wanted))
        assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 1}, [each.text for each in answers]
        kept = next(points for answer, points in zip(answers, wanted, strict=True) if answer.status_code == 200)
        lost = next(answer for answer in answers if answer.status_code == 409)
        assert lost.json()["now"]["manual_score"] == kept
        assert [grader.mark(ada)["manual_score"] for grader in graders] == [kept, kept]


def test_mark_and_comment_of_two_graders_are_both_kept(graders: list[Grader], told: list[Any]) -> None:
    one, two = graders
    bob = NAMES[BOB]
    row = one.mark(bob)
    with ThreadPoolExecutor(2) as pool:
        mark, comment = pool.submit(one.save, row, 2.25), pool.submit(two.comment, bob, "Say more.")
        assert [mark.result().status_code, comment.result().status_code] == [200, 200]
    assert two.mark(bob)["manual_score"] == 2.25
    assert one.rows("comments", bob)[0]["manual_comment"] == "Say more."
    wait_for(lambda: {name for name, _key, _body in told} == {ONE, TWO})


def test_a_grader_whose_server_ended_goes_on_with_what_the_other_has_given(
    hub: RunningHub, graders: list[Grader]
) -> None:
    one, two = graders
    ada = NAMES[ADA]
    visitor = Visitor(hub)
    visitor.arrive(hub.tool.ticket(TWO, ""))
    stopped = visitor.send("DELETE", "/hub/", f"api/users/{TWO}/servers/grade-{KEY}", {})
    assert stopped.status_code in {202, 204}, stopped.text
    assert one.save(one.mark(ada), 4.75).status_code == 200
    assert Grader(hub, two.name).mark(ada)["manual_score"] == 4.75
