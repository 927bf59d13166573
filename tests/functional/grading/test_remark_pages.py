"""Marking again through the pages: begin, watch, preview, apply some or all, drop."""

import re
from typing import Any

import pytest

from grading.models import Counts
from lti_tool.kernel import clock
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from tests.factories.grading import NAME, SLUG, Place, Someone, make_person, make_place, publish, submit, work
from tests.fakes.engine import FakeCourse
from tests.fakes.lms import FakeLms
from tests.functional.grading.conftest import counted

QUIZ = f"/grading/{SLUG}/{NAME}"
REMARK = f"{QUIZ}/remark"


def begin(browser: Any, **form: Any) -> str:
    """Begin a run; its path."""
    answer = browser.post(REMARK, data=form)
    assert answer.status_code == 303, answer.text
    return re.sub(r"^/s/[^/]+", "", answer.headers["Location"])


def text_of(html: str) -> str:
    """What a person reads, in one line."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_a_teacher_mends_a_test_sees_who_gains_and_applies_it(
    runtime: Runtime, browse: Any, teacher: Someone, learner: Someone, other: Someone, engine: FakeCourse, lms: FakeLms
) -> None:
    submit(runtime, learner, points=2), submit(runtime, other, points=4)
    work(runtime)
    engine.release(1)
    browser = browse(teacher)
    assert REMARK in browser.get(f"{QUIZ}/submissions").text
    path = begin(browser, which="newest")
    at_work = browser.get(path)
    assert "0 of 2 marked" in at_work.text
    assert 'hx-trigger="every 1500ms"' in at_work.text
    assert "HX-Refresh" not in browser.get(f"{path}/status").headers
    work(runtime)
    assert browser.get(f"{path}/status").headers["HX-Refresh"] == "true"

    preview = text_of(browser.get(path).text)
    assert "The result of 1 learner would change. Nothing has changed yet" in preview
    assert "Ada L. 1 2 of 4 3 of 4 +1 Question 1: 2 → 3 of 4 Result: 2 → 3" in preview
    assert "Grace H." not in preview
    assert "Grace H. 1 4 of 4 4 of 4 0 Nothing" in text_of(browser.get(f"{path}?show=same").text)
    assert browser.get(REMARK).headers["Location"].endswith(path)  # the open run
    assert len(lms.posted) == 2

    assert browser.post(f"{path}/apply", data={"all": "1"}).status_code == 303
    assert browser.post(f"{path}/apply", data={"all": "1"}).status_code == 303  # a second click
    work(runtime)
    done = text_of(browser.get(path).text)
    assert "2 attempts have their new marks" in done
    assert sorted(each.given or 0 for each in lms.posted) == [2, 3, 4]
    assert "3 of 4" in text_of(browse(learner).get(f"{QUIZ}/attempts/1/feedback").text)
    assert "<h1>3 points</h1>" in browse(learner).get(f"{QUIZ}/attempts/1/feedback/quiz-1.html").text
    past = text_of(browser.get(REMARK).text)
    assert re.search(r"Earlier runs .* Ada L\. \(Moodle\) 2 2", past)


def test_only_what_is_ticked_is_applied_and_the_rest_can_be_dropped(
    runtime: Runtime, browse: Any, teacher: Someone, learner: Someone, other: Someone, engine: FakeCourse
) -> None:
    submit(runtime, learner, points=2), submit(runtime, other, points=1)
    work(runtime)
    engine.release(1)
    browser = browse(teacher)
    path = begin(browser)
    work(runtime)
    ids = re.findall(r'name="pick" value="(\d+)" aria-label="Apply: (\w+)', browser.get(path).text)
    refused = browser.post(f"{path}/apply")
    assert (refused.status_code, "Tick at least one" in refused.text) == (422, True)
    assert browser.post(f"{path}/apply", data={"pick": [number for number, name in ids if name == "Ada"]})
    work(runtime)
    assert "Drop the rest" in browser.get(path).text
    browser.post(f"{path}/drop")
    browser.post(f"{path}/drop")  # a second click
    page = text_of(browser.get(f"{path}?show=all").text)
    assert re.search(r"Ada L\. 1 2 of 4 3 of 4 \+1 Applied", page)
    assert re.search(r"Grace H\. 1 1 of 4 2 of 4 \+1 Not applied", page)
    submissions = text_of(browser.get(f"{QUIZ}/submissions").text)
    assert ("3 of 4" in submissions, "1 of 4" in submissions) == (True, True)


def test_one_submission_or_some_learners_can_be_chosen(
    runtime: Runtime, browse: Any, teacher: Someone, learner: Someone, other: Someone
) -> None:
    one, _two = submit(runtime, learner, points=2), submit(runtime, other, points=1)
    work(runtime)
    browser = browse(teacher)
    assert "Mark again, with a preview" in browser.get(f"{QUIZ}/submissions/{one}").text
    path = begin(browser, submission=str(one))
    assert "0 of 1 marked" in browser.get(path).text
    again = browser.post(REMARK)
    assert (again.status_code, "being marked again already" in again.text) == (409, True)
    browser.post(f"{path}/drop")
    assert "0 of 1 marked" in browser.get(begin(browser, which="all", who=[str(other.user_id)])).text


def test_a_run_over_nothing_is_refused_with_what_to_do(
    runtime: Runtime, browse: Any, teacher: Someone, learner: Someone
) -> None:
    submit(runtime, learner, points=2)
    work(runtime)
    answer = browse(teacher).post(REMARK, data={"which": "problems"})
    assert (answer.status_code, "Choose others" in answer.text) == (422, True)
    assert 'value="problems" checked' in answer.text


def test_a_stopped_run_says_so_and_goes_on(
    runtime: Runtime, browse: Any, teacher: Someone, learner: Someone, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(runtime, learner, points=2)
    work(runtime)
    browser = browse(teacher)

    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("no sandbox")

    with clock.frozen(clock.now()), monkeypatch.context() as patched:
        patched.setattr(FakeCourse, "execute", fail)
        patched.setattr("grading.remarking_work.MOST_TRIES", 100)
        path = begin(browser)
        for _ in range(12):
            work(runtime)
            clock.advance(1000)
    assert "no sandbox" in browser.get(path).text
    assert browser.get(f"{path}/status").headers["HX-Refresh"] == "true"
    browser.post(f"{path}/resume")
    work(runtime)
    assert "Nobody’s result would change" in browser.get(path).text


def test_what_is_out_of_date_is_marked_once_more(
    runtime: Runtime, browse: Any, teacher: Someone, learner: Someone, engine: FakeCourse
) -> None:
    submit(runtime, learner, points=1)
    work(runtime)
    engine.release(1)
    browser = browse(teacher)
    path = begin(browser)
    work(runtime)
    engine.release(2)
    browser.post(f"{path}/apply", data={"all": "1"})
    work(runtime)
    assert "The quiz was released again" in browser.get(f"{path}?show=problems").text
    browser.post(f"{path}/repeat")
    work(runtime)
    assert "1 of 4 3 of 4 +2" in text_of(browser.get(path).text)


def test_runs_are_for_those_who_mark_here_and_for_nobody_else(
    runtime: Runtime, browse: Any, teacher: Someone, learner: Someone
) -> None:
    submit(runtime, learner, points=1)
    work(runtime)
    path = begin(browse(teacher))
    with runtime.db.transaction() as tx:
        elsewhere = make_person(tx, make_place(tx, "canvas"), "Teacher Elsewhere", Role.TEACHER)
        observer = make_person(tx, learner.place, "Parent", Role.OBSERVER)
    for who, status in ((learner, 403), (observer, 403), (elsewhere, 404)):
        browser = browse(who)
        for address in (path, f"{path}/status"):
            assert browser.get(address).status_code == status
        for act in ("apply", "drop", "resume", "repeat"):
            assert browser.post(f"{path}/{act}").status_code == status
    for who in (learner, observer):
        assert browse(who).get(REMARK).status_code == browse(who).post(REMARK).status_code == 403
        assert browse(who).get(f"{QUIZ}/health").status_code == 403
    assert "0 of 1 marked" in browse(teacher).get(path).text


def test_best_of_several_weighs_all_attempts_in_the_preview(
    runtime: Runtime, browse: Any, teacher: Someone, learner: Someone, engine: FakeCourse
) -> None:
    with runtime.db.transaction() as tx:
        publish(tx, counts=Counts.BEST)
    for points in (3, 1):
        submit(runtime, learner, points=points)
        work(runtime)
    engine.release(1)
    browser = browse(teacher)
    path = begin(browser, which="all")
    work(runtime)
    page = text_of(browser.get(path).text)
    assert page.count("Result: 3 → 4") == 2
    assert "The result of 1 learner would change" in page


def test_pages_of_a_run_take_few_queries_with_many_learners(
    runtime: Runtime,
    browse: Any,
    place: Place,
    teacher: Someone,
    engine: FakeCourse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("grading.remarking_pages.ON_PAGE", 2)
    with runtime.db.transaction() as tx:
        people = [make_person(tx, place, f"Learner {number}") for number in range(6)]
    for who in people:
        submit(runtime, who, points=2)
    work(runtime)
    engine.release(1)
    browser = browse(teacher)
    path = begin(browser)
    for address in (path, f"{path}/status"):
        with counted(runtime) as statements:
            assert browser.get(address).status_code == 200
        assert len(statements) <= 6, (address, statements)
    work(runtime)
    for address in (path, f"{path}?show=changed&page=2", f"{path}?show=nonsense&page=x", f"{QUIZ}/health"):
        with counted(runtime) as statements:
            assert browser.get(address).status_code == 200
        assert len(statements) <= 6, (address, statements)
    browser.post(f"{path}/drop")
    with counted(runtime) as statements:
        assert browser.get(REMARK).status_code == 200
    assert len(statements) <= 6, statements
