"""The page of a quiz that nobody has begun is rendered once for all learners, and is each one's own all the same."""

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from grading import views
from grading.models import AssignmentRow
from lti_tool.kernel import clock
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.web import kept
from tests.conftest import BASE_URL
from tests.factories.grading import NAME, SLUG, Place, Someone, make_person, moment, sign_in, submit

QUIZ = f"/grading/{SLUG}/{NAME}"
PASS = re.compile(r'(?<=name="window_pass" value=")[^"]+|(?<=\?window=)[^"]+')
"""Signed for one session, at one second."""


class Window:
    """One person on the page of the quiz."""

    def __init__(self, app: Flask, who: Someone, **facts: Any) -> None:
        self.client: FlaskClient = app.test_client()
        self.path = sign_in(app, who, **facts)

    def read(self) -> str:
        answer = self.client.get(self.path + QUIZ, base_url=BASE_URL)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
        assert kept.MARK not in answer.text
        return answer.text

    def read_anew(self) -> str:
        """Without what is kept."""
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(views, "_is_untouched", lambda *_: False)
            return self.read()


def kept_by(app: Flask) -> int:
    return len(app.extensions.get(kept.PAGES_KEY, ()))


def test_kept_page_is_the_page_of_each_person(app: Flask, learner: Someone, other: Someone) -> None:
    names = ("Ada L.", "Grace <b>&'\"", "hole-0-", "Notebooks 101")
    windows = [Window(app, who, display_name=name) for name in names for who in (learner, other)]
    for window in windows:
        page, anew = window.read(), window.read_anew()
        assert PASS.sub("", page) == PASS.sub("", anew)
        assert len(PASS.findall(page)) == len(PASS.findall(anew)) == 2
        for stranger in windows:
            assert stranger is window or stranger.path not in page
    assert kept_by(app) == 1


def test_passes_on_a_kept_page_open_the_own_session_only(app: Flask, learner: Someone, other: Someone) -> None:
    first, second = Window(app, learner), Window(app, other)
    first.read()
    page = second.read()
    opens = re.search(r'action="([^"]*/lti/window\?window=[^"]+)"', page)
    assert opens
    assert second.client.post(opens[1], base_url=BASE_URL).status_code == 303
    assert first.client.post(opens[1].replace(second.path, first.path), base_url=BASE_URL).status_code == 401


@pytest.mark.parametrize(
    "facts",
    [
        {"course_title": "Another name"},
        {"platform_name": "Canvas"},
        {"brand": "aa2200"},
        {"role": Role.TEST_STUDENT},
        {"administers": True},
        {"locale": "de"},
    ],
    ids=lambda facts: next(iter(facts)),
)
def test_what_differs_between_sessions_is_kept_apart(app: Flask, learner: Someone, facts: dict[str, Any]) -> None:
    usual, unlike = Window(app, learner), Window(app, learner, **facts)
    before = PASS.sub("", usual.read())
    assert PASS.sub("", unlike.read()) == PASS.sub("", unlike.read_anew())
    assert PASS.sub("", usual.read()) == before
    assert kept_by(app) == 2


def test_change_of_the_quiz_is_on_the_next_page(app: Flask, runtime: Runtime, learner: Someone) -> None:
    """Whoever made it: a page is kept by what was read from the database for it, in the same request."""
    window = Window(app, learner)
    assert "Renamed" not in window.read()
    changes = (
        {"title": "Renamed"},
        {"max_attempts": 3},
        {"due_at": moment("2030-01-01T12:00+00:00")},
        {"memory_mb": 333},
    )
    for change in changes:
        before = window.read()
        with runtime.db.transaction() as tx:
            tx.execute(update(AssignmentRow).where(AssignmentRow.name == NAME).values(**change))
        page = window.read()
        assert PASS.sub("", page) == PASS.sub("", window.read_anew())
        assert PASS.sub("", page) != PASS.sub("", before)


def test_quiz_that_closes_while_its_page_is_kept_says_so(app: Flask, runtime: Runtime, learner: Someone) -> None:
    with clock.frozen(moment("2030-01-01T11:00+00:00")):
        with runtime.db.transaction() as tx:
            closes = moment("2030-01-01T12:00+00:00")
            tx.execute(update(AssignmentRow).where(AssignmentRow.name == NAME).values(closes_at=closes))
        window = Window(app, learner)
        assert "Upload a notebook file" in window.read()
        clock.advance(2 * 3600)
        assert "This quiz is closed" in window.read()
        assert "Upload a notebook file" not in window.read()


def test_who_has_begun_gets_a_page_of_their_own(app: Flask, runtime: Runtime, learner: Someone, other: Someone) -> None:
    first, second = Window(app, learner), Window(app, other)
    assert "Attempt 1" not in first.read()
    submit(runtime, learner, points=1)
    assert "Attempt 1" in first.read()
    assert "Attempt 1" not in second.read()
    assert kept_by(app) == 1


def test_staff_and_observers_get_no_kept_page(app: Flask, runtime: Runtime, place: Place, learner: Someone) -> None:
    Window(app, learner).read()
    for role in (Role.TEACHER, Role.OBSERVER):
        with runtime.db.transaction() as tx:
            person = make_person(tx, place, role.value, role)
        window = Window(app, person)
        page = window.client.get(f"{window.path}{QUIZ}?as=learner", base_url=BASE_URL)
        assert f'content="{role.value}"' in page.text
    assert kept_by(app) == 1


def test_few_pages_are_kept(app: Flask, learner: Someone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST_PAGES", 3)
    for number in range(10):
        assert f"Course {number}" in Window(app, learner, course_title=f"Course {number}").read()
        assert kept_by(app) <= 3
