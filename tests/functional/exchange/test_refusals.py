"""What the API refuses of whom, for every address that nbgrader's commands use, over HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from grading.models import AssignmentRow
from lti_tool.kernel import clock
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.models import Context, Membership
from plugins.courses.models import Module
from tests.factories.grading import Place, make_context, moment
from tests.functional.exchange.conftest import LIMIT, QUIZ, SLUG, Sit, Terminal, encoded, handed_in

REQUEST = "4f9d1f7e-0000-4000-8000-00000000000{}"
LATER = timedelta(seconds=10)
"""What a process remembers of what is closed is out of date by then."""
NOTEBOOK = {f"{QUIZ}.ipynb": b"{}"}


@dataclass(frozen=True)
class Address:
    """One address of the API."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    names_a_quiz: bool = True

    def of(self, key: str, quiz: str = QUIZ) -> tuple[str, str, Any]:
        """For a course and a quiz."""
        return self.method, self.path.format(key=key, quiz=quiz), self.body


WORK = {"files": encoded(NOTEBOOK), "via": "assignment_list", "request_id": REQUEST.format(1)}
A_QUIZ = "/courses/{key}/assignments/{quiz}"
FOR_PEOPLE = {
    "list": Address("GET", "/courses/{key}/assignments", names_a_quiz=False),
    "fetch": Address("GET", f"{A_QUIZ}/release"),
    "draft": Address("GET", f"{A_QUIZ}/draft"),
    "submit": Address("POST", f"{A_QUIZ}/submissions", WORK),
    "feedback": Address("GET", f"{A_QUIZ}/submissions/1/feedback"),
}
FOR_MARKING = {
    "list --inbound": Address("GET", "/courses/{key}/submissions", names_a_quiz=False),
    "collect": Address("GET", f"{A_QUIZ}/learners/u-somebody/submissions/1/files"),
    "release_feedback": Address("POST", f"{A_QUIZ}/feedback", {"learners": ["u-somebody"]}),
    "release_assignment": Address("POST", f"{A_QUIZ}/source", {"files": encoded(NOTEBOOK), "force": True}),
    "how far it is": Address("GET", f"{A_QUIZ}/source/release"),
    "release": Address("POST", f"{A_QUIZ}/source/release", {"sha256": "0", "confirmed": True}),
}
ALL = FOR_PEOPLE | FOR_MARKING
each_address = pytest.mark.parametrize("address", ALL.values(), ids=ALL)
each_for_marking = pytest.mark.parametrize("address", FOR_MARKING.values(), ids=FOR_MARKING)


def refusal(terminal: Terminal, method: str, path: str, body: Any = None) -> tuple[int, str]:
    """Status and code; it is a problem that a person can read."""
    answer = terminal.get(path) if method == "GET" else terminal.post(path, body)
    assert answer.headers["Content-Type"] == "application/problem+json", answer.text
    assert answer.json()["detail"]
    return answer.status_code, answer.json()["code"]


@each_address
def test_without_a_token_that_the_hub_knows_nothing_opens(teacher: Terminal, address: Address) -> None:
    assert refusal(teacher.without_token(), *address.of(teacher.key)) == (401, "hub_token_refused")


@each_address
def test_another_course_is_not_there(teacher: Terminal, runtime: Runtime, platform: Place, address: Address) -> None:
    with runtime.db.transaction() as tx:
        elsewhere = make_context(tx, platform, SLUG)
    for key in (f"{SLUG}-{elsewhere.placement_id}", f"{SLUG}-999999"):
        assert refusal(teacher, *address.of(key)) == (404, "course_not_found")


@each_for_marking
def test_learners_do_nothing_at_a_marking_server(sit: Sit, address: Address) -> None:
    """The Hub starts none for them; should it ever, the tool still asks for the role."""
    learner = sit(marking=True)
    assert refusal(learner, *address.of(learner.key)) == (403, "role_refused")


@each_for_marking
@pytest.mark.parametrize("role", [Role.LEARNER, Role.TEACHER])
def test_ones_own_server_does_nothing_with_a_class(sit: Sit, address: Address, role: Role) -> None:
    somebody = sit(role)
    assert refusal(somebody, *address.of(somebody.key)) == (403, "marking_server_needed")


@each_for_marking
def test_the_marking_server_of_one_class_does_nothing_with_another(
    sit: Sit, runtime: Runtime, platform: Place, address: Address
) -> None:
    """One who teaches both: what runs at one server reaches the class of that server alone."""
    with runtime.db.transaction() as tx:
        second = make_context(tx, platform, SLUG)
    first = sit(Role.TEACHER, marking=True)
    at_second = sit(Role.TEACHER, marking=True, at=second)
    answer = refusal(at_second, *address.of(first.key))
    assert answer == (404, "course_not_found")
    enrol(runtime, at_second, first.who.place)
    assert refusal(at_second, *address.of(first.key)) == (403, "marking_server_needed")


def enrol(runtime: Runtime, terminal: Terminal, place: Place) -> None:
    """Make somebody a teacher of one more LMS course."""
    with runtime.db.transaction() as tx:
        tx.add(Membership(user_id=terminal.who.user_id, context_id=place.context_id, role=Role.TEACHER))


@each_for_marking
def test_an_assistant_without_the_right_is_refused(sit: Sit, runtime: Runtime, place: Place, address: Address) -> None:
    assistant = sit(Role.ASSISTANT, marking=True)
    with runtime.db.transaction() as tx:
        tx.get_one(Context, place.context_id).assistant_rights = []
    assert refusal(assistant, *address.of(assistant.key)) == (403, "role_refused")


@pytest.mark.parametrize("address", [each for each in ALL.values() if each.names_a_quiz])
def test_a_quiz_that_is_not_there_or_is_no_name(sit: Sit, teacher: Terminal, address: Address) -> None:
    who = teacher if address in FOR_MARKING.values() else sit()
    known = {"assignment_not_found", "quiz_not_found", "version_not_found", "http_404"}
    for quiz in ("Quiz%209", "..%2Fquiz-2", "quiz-1%00", "q" * 300):
        status, code = refusal(who, *address.of(who.key, quiz))
        assert status == 404 and code in known, (quiz, code)


def test_nothing_of_a_class_is_found_under_another_name(sit: Sit, teacher: Terminal) -> None:
    ada = handed_in(sit())
    files = f"/courses/{teacher.key}/assignments/{QUIZ}/learners"
    assert teacher.get(f"{files}/{ada.name}/submissions/1/files").status_code == 200
    for name, number in ((ada.name, 2), (ada.name, 0), ("*", 1), (teacher.name, 1)):
        assert refusal(teacher, "GET", f"{files}/{name}/submissions/{number}/files") == (404, "submission_not_found")
    feedback = f"/courses/{teacher.key}/assignments/{QUIZ}/feedback"
    body = {"learners": [ada.name, "u-nobody"]}
    assert refusal(teacher, "POST", feedback, body) == (404, "learner_not_found")
    for wrong in ([], ["\u0000"], "all", ["x" * 41]):
        assert refusal(teacher, "POST", feedback, {"learners": wrong}) == (422, "body_invalid")
    listed = teacher.get(f"/courses/{teacher.key}/submissions?learner={teacher.name}")
    assert listed.json() == {"submissions": []}
    for query in ("assignment=a%00b", "learner=" + "x" * 201):
        assert refusal(teacher, "GET", f"/courses/{teacher.key}/submissions?{query}") == (422, "query_invalid")
    path = f"/courses/{teacher.key}/submissions?assignment=quiz-9"
    assert refusal(teacher, "GET", path) == (404, "assignment_not_found")


@pytest.mark.parametrize("place_of", ["submissions", "source"])
def test_files_that_are_too_large_or_named_to_lead_elsewhere(sit: Sit, teacher: Terminal, place_of: str) -> None:
    who = teacher if place_of == "source" else sit()
    more: dict[str, Any] = {"force": True} if place_of == "source" else {k: WORK[k] for k in ("via", "request_id")}
    path = f"/courses/{who.key}/assignments/{QUIZ}/{place_of}"
    for name in ("../x", "a/../../x", "/etc/x", "a\\b", "a//b", "a\u0000b", "\u202eb"):
        body = {"files": encoded(NOTEBOOK | {name: b"1"})} | more
        assert refusal(who, "POST", path, body) == (422, "path_refused"), name
    for files, expected in (
        (encoded(NOTEBOOK | {"large": bytes(LIMIT + 1)}), (413, "too_large")),
        (encoded({f"{number}": b"" for number in range(501)}), (413, "too_many_files")),
        (encoded({f"{number}": b"" for number in range(1001)}), (422, "body_invalid")),
        (encoded(NOTEBOOK) * 2, (422, "path_twice")),
        ([{"path": f"{QUIZ}.ipynb", "content_b64": "%"}], (422, "base64_invalid")),
    ):
        assert refusal(who, "POST", path, {"files": files} | more) == expected
    assert refusal(who, "POST", path, {"files": encoded(NOTEBOOK), "more": 1} | more) == (422, "body_invalid")


def test_what_is_closed_or_not_released_yet_is_neither_given_nor_taken(
    sit: Sit, teacher: Terminal, runtime: Runtime
) -> None:
    learner = sit()
    fetch, hand_in = (FOR_PEOPLE[name].of(learner.key) for name in ("fetch", "submit"))
    change(runtime, Module, release_at=moment("2037-01-01T00:00:00+00:00"))
    with clock.frozen(clock.now() + LATER):
        assert refusal(learner, *fetch) == (403, "quiz_closed")
        assert refusal(learner, *hand_in) == (403, "quiz_closed")
        assert learner.get(f"/courses/{learner.key}/assignments").json() == {"assignments": []}
        assert teacher.get(fetch[1]).status_code == 200
    change(runtime, Module, release_at=None)
    change(runtime, AssignmentRow, closes_at=clock.now())
    assert refusal(learner, *hand_in) == (409, "assignment_closed")
    change(runtime, AssignmentRow, closes_at=None)
    assert learner.post(*hand_in[1:]).status_code == 201
    assert refusal(teacher, *hand_in) == (403, "role_refused")


def change(runtime: Runtime, table: Any, **values: object) -> None:
    """Change every row of a table."""
    with runtime.db.transaction() as tx:
        tx.execute(update(table).values(values))
