"""The learner's page, the class, one learner, and the settings, through HTTP."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from lti_tool.kernel import clock
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.models import User
from lti_tool.lti.observing import record_observed
from plugins.progress.outline import Rule, TextDone
from plugins.progress.public import publish_outline
from plugins.progress.recording import record
from tests.factories.grading import SLUG, Place, Someone, make_context, make_person, sign_in, submit, work
from tests.factories.progress import T0, change, outline
from tests.functional.grading.conftest import counted
from tests.functional.progress.conftest import Browser, learner_of

Browse = Callable[[Someone], Browser]
MINE, CLASS = f"/progress/{SLUG}", f"/progress/{SLUG}/class"


@pytest.fixture
def teacher(someone: Callable[..., Someone]) -> Someone:
    return someone(Role.TEACHER)


def take(runtime: Runtime, who: Someone, name: str, at_s: float = 0, **more: Any) -> None:
    with runtime.db.transaction() as tx:
        record(tx, [change(learner_of(who), name, at_s, **more)])


def test_learner_sees_percent_parts_and_where_to_go_on(runtime: Runtime, browse: Browse, learner: Someone) -> None:
    browser = browse(learner)
    assert "Start: Trees" in browser.get(MINE).text
    take(runtime, learner, "trees", seen=True)
    take(runtime, learner, "film", 5, watched=[(0, 20)], position_s=80.0, duration_s=200.0)
    with counted(runtime) as statements:
        page = browser.get(MINE)

    assert page.status_code == 200
    assert len(statements) <= 6
    for text in ("<b>25</b> %", "1 of 2 lessons · 0 of 1 video watched · 0 of 1 quiz done", "10 % watched"):
        assert text in page.text
    assert "Continue: Film (1:20)" in page.text
    assert f'href="{browser.prefix}/courses/{SLUG}/film"' in page.text


def test_quiz_that_is_marked_is_done(runtime: Runtime, browse: Browse, learner: Someone) -> None:
    submit(runtime, learner, points=3)
    work(runtime)

    page = browse(learner).get(MINE).text
    assert "1 of 1 quiz done" in page
    assert "75 %" in page


def test_quiz_needs_its_least_score(runtime: Runtime, browse: Browse, learner: Someone) -> None:
    items = outline().items
    with runtime.db.transaction() as tx:
        publish_outline(tx, SLUG, outline(*items[:-1], type(items[-1])(items[-1].ref, "quiz", min_score=80)))
    submit(runtime, learner, points=3)
    work(runtime)
    browser = browse(learner)
    assert "75 %, 80 % needed" in browser.get(MINE).text
    submit(runtime, learner, points=4)
    work(runtime)

    assert "1 of 1 quiz passed" in browser.get(MINE).text


def test_text_is_marked_without_javascript(runtime: Runtime, browse: Browse, learner: Someone) -> None:
    with runtime.db.transaction() as tx:
        publish_outline(tx, SLUG, outline(rule=Rule(texts=TextDone.MARKED)))
    browser = browse(learner)
    take(runtime, learner, "trees", seen=True)
    assert "Mark as done" in browser.get(MINE).text

    done = browser.post(f"{MINE}/mark", data={"item": "trees", "done": "yes"})
    assert (done.status_code, done.headers["Location"]) == (303, browser.prefix + MINE)
    assert "1 of 2 lessons" in browser.get(MINE).text
    back = browser.post(f"{MINE}/mark", data={"item": "trees", "done": "no", "back": "item"})
    assert back.headers["Location"] == f"{browser.prefix}/courses/{SLUG}/trees"
    assert "0 of 2 lessons" in browser.get(MINE).text
    assert browser.post(f"{MINE}/mark", data={"item": "quiz-1", "done": "yes"}).status_code == 400
    assert browser.post(f"{MINE}/mark", data={"item": "gone", "done": "yes"}).status_code == 404
    assert browser.post(f"{MINE}/mark", data={"item": "trees"}).status_code == 400


def test_observer_sees_nobody(browse: Browse, someone: Callable[..., Someone], learner: Someone) -> None:
    browser = browse(someone(Role.OBSERVER))

    assert browser.get(MINE).status_code == 403
    assert browser.get(CLASS).status_code == 403
    assert browser.get(f"/progress/{SLUG}/learners/{learner.user_id}").status_code == 403


def test_observer_reads_the_progress_of_their_learner(
    runtime: Runtime, browse: Browse, someone: Callable[..., Someone], learner: Someone
) -> None:
    parent, other = someone(Role.OBSERVER), someone(Role.LEARNER, "Other")
    with runtime.db.transaction() as tx:
        subs = [tx.get_one(User, learner.user_id).sub]
        record_observed(tx, parent.user_id, parent.place.context_id, subs)
    take(runtime, learner, "trees", seen=True)
    browser = browse(parent)

    page = browser.get(MINE).text
    assert "1 of 2 lessons" in page
    assert "Mark as done" not in page and "Continue" not in page
    assert browser.get(f"{MINE}?of={other.user_id}").status_code == 403
    assert browser.post(f"{MINE}/mark", data={"item": "trees", "done": "no"}).status_code == 403
    assert browser.get(CLASS).status_code == 403


def test_learner_sees_no_class(browse: Browse, learner: Someone) -> None:
    browser = browse(learner)

    for path in (CLASS, f"{CLASS}.csv", f"/progress/{SLUG}/settings", f"/progress/{SLUG}/learners/{learner.user_id}"):
        assert browser.get(path).status_code == 403
    assert browser.get("/progress/another").status_code == 403


def test_teacher_sees_a_class_of_300_in_six_queries(
    runtime: Runtime, browse: Browse, teacher: Someone, place: Place
) -> None:
    with runtime.db.transaction() as tx:
        people = [make_person(tx, place, f"Learner {number:03}") for number in range(300)]
        record(tx, [change(learner_of(who), "trees", number, seen=True) for number, who in enumerate(people[:200])])
        record(tx, [change(learner_of(who), "paths", number, seen=True) for number, who in enumerate(people[:50])])
    browser = browse(teacher)
    assert browser.get(MINE).headers["Location"] == browser.prefix + CLASS
    with counted(runtime) as statements:
        page = browser.get(CLASS)

    assert len(statements) <= 6, statements
    assert "200 of 300 learners" in page.text
    assert ("Learner 049" in page.text, "Learner 050" in page.text) == (True, False)
    assert "Page 1 of 6" in page.text
    assert "Learner 299" in browser.get(f"{CLASS}?show=none&page=2").text
    assert "Learner 299" in browser.get(f"{CLASS}?sort=-name").text
    last = browser.get(f"{CLASS}?sort=-last&page=2").text
    assert ("Learner 149" in last, "Learner 150" in last) == (True, False)
    assert browser.get(f"{CLASS}?page=x&sort=junk&show=junk").status_code == 200
    lines = browser.get(f"{CLASS}.csv").text.splitlines()
    assert len(lines) == 301
    assert lines[1].startswith("Learner 000,")
    assert ",50,2,4,0," in lines[1]


def test_test_student_is_in_no_number_and_no_list(
    runtime: Runtime, browse: Browse, teacher: Someone, learner: Someone, place: Place
) -> None:
    with runtime.db.transaction() as tx:
        trial = make_person(tx, place, "Trial", Role.TEST_STUDENT)
        tx.get_one(User, trial.user_id).is_test = True
    take(runtime, trial, "trees", seen=True)
    browser = browse(teacher)

    page = browser.get(CLASS).text
    assert "0 of 1 learner<" in page, "the learner who has not begun is the whole class"
    assert "Trial" not in page
    assert "Trial" not in browser.get(f"{CLASS}.csv").text
    assert "1 of 2 lessons" in browse(trial).get(MINE).text, "their own page works"


def test_filters_tell_who_is_quiet(runtime: Runtime, browse: Browse, teacher: Someone, place: Place) -> None:
    with runtime.db.transaction() as tx:
        early, late = make_person(tx, place, "Early"), make_person(tx, place, "=Late")
    take(runtime, early, "trees", seen=True)
    take(runtime, late, "trees", 86_400 * 6, seen=True)
    browser = browse(teacher)
    with clock.frozen(T0 + timedelta(days=8)):
        browser = browse(teacher)
        page = browser.get(f"{CLASS}?show=quiet").text

        assert ("Early" in page, "Late" in page) == (True, False)
        assert "'=Late," in browser.get(f"{CLASS}.csv").text


def test_teacher_sees_one_learner_of_their_own_lms_course(
    runtime: Runtime, browse: Browse, teacher: Someone, learner: Someone, place: Place
) -> None:
    take(runtime, learner, "trees", seen=True)
    with runtime.db.transaction() as tx:
        stranger = make_person(tx, make_context(tx, place), "Stranger")
    take(runtime, stranger, "trees", seen=True)
    browser = browse(teacher)
    with counted(runtime) as statements:
        page = browser.get(f"/progress/{SLUG}/learners/{learner.user_id}")

    assert len(statements) <= 6
    assert "1 of 2 lessons" in page.text
    assert "Continue" not in page.text
    assert "Stranger" not in browser.get(CLASS).text
    assert browser.get(f"/progress/{SLUG}/learners/{stranger.user_id}").status_code == 404


def test_teacher_sets_when_the_course_is_finished(
    runtime: Runtime, browse: Browse, teacher: Someone, learner: Someone
) -> None:
    take(runtime, learner, "trees", seen=True)
    take(runtime, learner, "paths", seen=True)
    path, browser = f"/progress/{SLUG}/settings", browse(teacher)
    form = {"own": "yes", "needs": "lessons", "texts": "seen", "min_score": ""}
    assert browser.post(path, data=form | {"min_score": "abc"}).status_code == 400
    assert browser.post(path, data=form | {"needs": "nothing"}).status_code == 400
    assert browser.post(path, data=form).status_code == 303
    work(runtime)

    assert "quizzes do not count" in browser.get(CLASS).text
    assert "2 of 2 lessons" in browse(learner).get(MINE).text
    assert browser.post(path, data={"own": "no"}).status_code == 303
    assert "every required item" in browser.get(CLASS).text


def test_another_rule_is_seen_as_a_learner_before_it_is_saved(
    runtime: Runtime, browse: Browse, teacher: Someone, learner: Someone
) -> None:
    path, browser = f"/progress/{SLUG}/settings", browse(teacher)
    assert f'formaction="{browser.prefix}{path}/preview"' in browser.get(path).text
    said = {"own": "yes", "needs": "quizzes", "texts": "seen", "min_score": "70"}
    with counted(runtime) as statements:
        page = browser.post(f"{path}/preview", data=said)
    assert page.status_code == 200 and len(statements) <= 6
    assert [one for one in statements if not one.lstrip().startswith(("SELECT", "WITH"))] == []
    assert "Nothing of this is saved" in page.text
    assert "0 of 1 quiz" in page.text and "of 2 lessons" not in page.text and "70 %" in page.text
    assert "0 of 2 lessons" in browser.post(f"{path}/preview", data={"own": "no"}).text
    assert "0 of 2 lessons" in browse(learner).get(MINE).text

    assert browser.post(f"{path}/preview", data=said | {"min_score": "much"}).status_code == 400
    assert browser.post(f"{path}/preview", data={"own": "yes"}).status_code == 400
    assert browse(learner).post(f"{path}/preview", data=said).status_code == 403


def test_assistant_may_look_at_the_settings_only(browse: Browse, someone: Callable[..., Someone]) -> None:
    browser = browse(someone(Role.ASSISTANT))

    assert "Only teachers can change this" in browser.get(f"/progress/{SLUG}/settings").text
    assert browser.post(f"/progress/{SLUG}/settings", data={"own": "no"}).status_code == 403


def test_course_without_content_says_so(app: Flask, browse: Browse, learner: Someone) -> None:
    browser = browse(learner)
    browser.prefix = sign_in(app, learner, "empty")
    answer = browser.get("/progress/empty")

    assert answer.status_code == 404
    assert "This course has no content yet" in answer.text
