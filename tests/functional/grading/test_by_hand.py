"""Marking by hand in the tool: through HTTP, on gradebooks that the real engine made."""

import re
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest
from flask.testing import FlaskClient
from nbgrader.api import Gradebook
from sqlalchemy import create_engine, select

from grading.engine import hand_marks
from grading.engine.hand_marks import CellRef, Changed, HandMarks, NewMark
from grading.models import ResultRow
from grading.rubric_models import RubricChoiceRow, RubricItemRow
from jupyter_ext.grader_names import Names
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from tests.factories.grading import NAME, SLUG, Someone, get_submission, make_context, make_person, work, work_in_groups
from tests.fakes.hub import FakeHub
from tests.fakes.lms import FakeLms
from tests.fakes.written_quiz import ANSWERED, WrittenQuiz, assistant, plugins, released, written
from tests.functional.grading.conftest import counted

__all__ = ["assistant", "plugins", "released", "written"]
BY_HAND = f"/grading/{SLUG}/{NAME}/by-hand"


def answer_url(cell: str, submission_id: int, by: str = "question") -> str:
    return f"{BY_HAND}/{NAME}/{cell}/{submission_id}?by={by}"


class Form(HTMLParser):
    """The fields of the page's form for a mark, as a browser sends them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.fields: dict[str, Any] = {}
        self.area = ""
        self.is_in = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "form":
            self.is_in = "data-marking" in found
        name = found.get("name")
        if not self.is_in or not name:
            return
        if tag == "textarea":
            self.area = name
            self.fields[name] = ""
        elif tag == "input" and found.get("type") == "checkbox":
            if "checked" in found:
                self.fields.setdefault(name, []).append(found["value"])
        elif tag == "input":
            self.fields[name] = found.get("value") or ""

    def handle_data(self, data: str) -> None:
        if self.area:
            self.fields[self.area] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self.area = ""


def save(browser: Any, url: str, **changes: Any) -> Any:
    """Open the page of an answer, fill in, and save."""
    page = browser.get(url)
    assert page.status_code == 200, page.text
    return browser.post(url, data=Form(page.text).fields | changes)


def in_gradebook(runtime: Runtime, who: Someone, cell: str) -> tuple[float | None, float | None, bool]:
    """Points, extra credit and whether it waits, as nbgrader's own code reads them."""
    with Gradebook(runtime.settings.gradebook_url(SLUG, who.place.placement_id)) as gradebook:
        grade = gradebook.find_grade(cell, NAME, NAME, who.hub_name)
        return grade.manual_score, grade.extra_credit, grade.needs_manual_grade


def in_formgrader(runtime: Runtime, who: Someone, cell: str, points: float, comment: str | None = None) -> None:
    """What formgrader does."""
    with Gradebook(runtime.settings.gradebook_url(SLUG, who.place.placement_id)) as gradebook:
        grade = gradebook.find_grade(cell, NAME, NAME, who.hub_name)
        grade.manual_score, grade.needs_manual_grade = points, False
        if comment:
            gradebook.find_comment(cell, NAME, NAME, who.hub_name).manual_comment = comment
        gradebook.db.commit()


def test_answer_is_shown_with_its_question_and_the_model_answer(
    written: WrittenQuiz, browse: Any, teacher: Someone, learner: Someone
) -> None:
    submission_id = written.hand_in(learner)
    browser = browse(teacher)
    page = browser.get(answer_url("why", submission_id)).text

    for text in ("Explain", "Why is the sum of nothing zero?", "<strong>neutral</strong>", "Ada L.", "Points of 3"):
        assert text in page
    assert "Because adding nothing changes nothing." in page.partition("Model answer")[2]
    assert "1 left here, 2 in all" in page
    tests = browser.get(answer_url("add-tests", submission_id)).text
    assert "adding" in tests and "The tests gave 2" in tests
    task = browser.get(answer_url("draw", submission_id)).text
    assert "Draw it below." in task and "Both axes: 2" in task.partition("Model answer")[2]


def test_answer_of_a_group_is_marked_once_for_all_its_members(
    runtime: Runtime,
    written: WrittenQuiz,
    browse: Any,
    teacher: Someone,
    learner: Someone,
    other: Someone,
    lms: FakeLms,
) -> None:
    work_in_groups(runtime, learner.place, {"Red": [learner, other]})
    submission_id = written.hand_in(other)
    browser = browse(teacher)
    with counted(runtime) as statements:
        page = browser.get(answer_url("why", submission_id)).text
    assert len(statements) <= 6, statements
    assert "Red: Ada L., Grace H." in page
    for cell, points in (("why", "2"), ("draw", "3")):
        assert save(browser, answer_url(cell, submission_id), points=points).status_code == 303
    work(runtime)

    with Gradebook(runtime.settings.gradebook_url(SLUG, learner.place.placement_id)) as gradebook:
        assert [student.id for student in gradebook.students] == ["group-1"]
        score = gradebook.find_submission(NAME, "group-1").score
    with runtime.db.reading() as tx:
        results = {row.user_id: row.points for row in tx.scalars(select(ResultRow))}
    assert results == {learner.user_id: Decimal(str(score)), other.user_id: Decimal(str(score))}
    assert {each.user_id: each.given for each in lms.posted} == results


def test_hostile_answer_does_nothing_on_the_page(
    written: WrittenQuiz, browse: Any, teacher: Someone, learner: Someone
) -> None:
    evil = "<script>alert(1)</script> ![x](https://evil.example/a.png) [x](javascript:alert(2)) <img src=x onerror=a()>"
    shown = "from IPython.display import HTML, display\ndisplay(HTML('<form action=//evil><input name=points>"
    shown += "<script>alert(3)</script><b onclick=a()>bold</b></form>'))\ndef add(a, b): return a + b"
    submission_id = written.hand_in(learner, ANSWERED | {"why": evil, "add": shown})
    browser = browse(teacher)

    for cell in ("why", "add-tests"):
        page = browser.get(answer_url(cell, submission_id)).text
        answer = page.partition('id="answer"')[2].partition("data-marking")[0]
        assert "alert(1)" in answer or "bold" in answer
        assert not re.search(
            r"<(script|form|input|a )|<[^>]*(src=|onclick|onerror|javascript:)", answer.rpartition("<form")[0]
        )


def test_saved_mark_reaches_gradebook_result_lms_and_the_learner(
    written: WrittenQuiz, runtime: Runtime, browse: Any, teacher: Someone, learner: Someone, lms: FakeLms
) -> None:
    submission_id = written.hand_in(learner)
    browser = browse(teacher)
    landed = save(browser, answer_url("why", submission_id), points="2,5", comment="Nearly <b>there</b>\nGo on.")
    assert landed.status_code == 303 and "/draw/" in landed.headers["Location"]
    assert in_gradebook(runtime, learner, "why") == (2.5, None, False)
    end = save(browser, landed.headers["Location"], points="4", extra="0.5")
    assert "done" in end.headers["Location"]
    assert "Nothing is left to mark by hand" in browser.get(end.headers["Location"]).text
    work(runtime)

    with runtime.db.reading() as tx:
        assert tx.scalars(select(ResultRow.points)).all() == [Decimal("9")]
    assert [float(each.given or 0) for each in lms.posted] == [9.0]
    assert get_submission(runtime, submission_id).state == "graded"
    feedback = browse(learner).get(f"/grading/{SLUG}/{NAME}/attempts/1/feedback").text
    assert "Nearly &lt;b&gt;there&lt;/b&gt;" in feedback
    framed = browse(learner).get(f"/grading/{SLUG}/{NAME}/attempts/1/feedback/{NAME}.html").text
    assert "Nearly &lt;b&gt;there&lt;/b&gt;" in framed


def test_formgrader_and_the_page_are_used_in_turn(
    written: WrittenQuiz, runtime: Runtime, browse: Any, teacher: Someone, learner: Someone
) -> None:
    submission_id = written.hand_in(learner)
    browser = browse(teacher)
    in_formgrader(runtime, learner, "why", 1.5, "From formgrader.")
    page = browser.get(answer_url("why", submission_id)).text
    assert Form(page).fields["points"] == "1.5" and "From formgrader." in page

    save(browser, answer_url("why", submission_id), points="2", extra="1", comment="")
    assert in_gradebook(runtime, learner, "why") == (2.0, 1.0, False)
    with Gradebook(runtime.settings.gradebook_url(SLUG, learner.place.placement_id)) as gradebook:
        assert gradebook.find_comment("why", NAME, NAME, learner.hub_name).comment is None
    save(browser, answer_url("why", submission_id), points="", extra="")
    assert in_gradebook(runtime, learner, "why") == (None, None, True)


def test_tests_can_be_overruled_and_count_again_when_the_field_is_emptied(
    written: WrittenQuiz, runtime: Runtime, browse: Any, teacher: Someone, learner: Someone
) -> None:
    submission_id = written.hand_in(learner, ANSWERED | {"add": "def add(a, b):\n    return 3"})
    browser = browse(teacher)
    save(browser, answer_url("add-tests", submission_id), points="1", comment="The idea is there.")
    assert in_gradebook(runtime, learner, "add-tests") == (1.0, None, False)
    work(runtime)
    framed = browse(learner).get(f"/grading/{SLUG}/{NAME}/attempts/1/feedback/{NAME}.html").text
    assert "The idea is there." in framed

    save(browser, answer_url("add-tests", submission_id), points="")
    assert in_gradebook(runtime, learner, "add-tests") == (None, None, False)


def test_second_grader_is_told_and_overwrites_nothing_unasked(
    written: WrittenQuiz, runtime: Runtime, browse: Any, teacher: Someone, assistant: Someone, learner: Someone
) -> None:
    url = answer_url("why", written.hand_in(learner))
    first, second = browse(teacher), browse(assistant)
    theirs = Form(second.get(url).text).fields
    save(first, url, points="2", comment="Good.")

    refused = second.post(url, data=theirs | {"points": "3", "comment": "Very good."})
    assert refused.status_code == 409
    for text in ("Somebody else has marked this answer meanwhile", "Good.", "Very good.", "Leave theirs and go on"):
        assert text in refused.text
    assert in_gradebook(runtime, learner, "why") == (2.0, None, False)
    assert second.post(url, data=Form(refused.text).fields).status_code == 303
    assert in_gradebook(runtime, learner, "why") == (3.0, None, False)


def test_mark_of_formgrader_in_between_is_not_overwritten(
    written: WrittenQuiz, runtime: Runtime, browse: Any, teacher: Someone, learner: Someone
) -> None:
    url = answer_url("why", written.hand_in(learner))
    browser = browse(teacher)
    fields = Form(browser.get(url).text).fields
    in_formgrader(runtime, learner, "why", 0.5)

    assert browser.post(url, data=fields | {"points": "3"}).status_code == 409
    assert in_gradebook(runtime, learner, "why") == (0.5, None, False)


def test_of_many_graders_at_the_same_moment_one_is_saved_and_all_others_know(
    written: WrittenQuiz, runtime: Runtime, learner: Someone
) -> None:
    written.hand_in(learner)
    marks = HandMarks(runtime.settings.gradebook_url(SLUG, learner.place.placement_id), NAME)
    ref = CellRef(NAME, "why")
    seen = marks.find(learner.hub_name, ref, "why")
    assert seen is not None

    def give(points: int) -> Decimal | None:
        try:
            return marks.save(
                learner.hub_name, ref, "why", seen.version, NewMark(Decimal(points), None, None)
            ).manual_score
        except Changed as error:
            assert error.mark is not None and error.mark.manual_score is not None
            return None

    with ThreadPoolExecutor(4) as pool:
        given = [points for points in pool.map(give, [0, 1, 2, 3]) if points is not None]
    assert len(given) == 1
    assert in_gradebook(runtime, learner, "why")[0] == float(given[0])


def test_gradebook_that_somebody_holds_loses_nothing_that_was_typed(
    written: WrittenQuiz,
    runtime: Runtime,
    browse: Any,
    teacher: Someone,
    learner: Someone,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = answer_url("why", written.hand_in(learner))
    browser = browse(teacher)
    fields = Form(browser.get(url).text).fields
    monkeypatch.setattr(hand_marks, "WAIT_S", 0)
    with create_engine(runtime.settings.gradebook_url(SLUG, learner.place.placement_id)).connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        refused = browser.post(url, data=fields | {"points": "3", "comment": "Kept."})
    assert refused.status_code == 503
    assert Form(refused.text).fields["comment"].strip() == "Kept." and "Nothing was changed" in refused.text
    assert in_gradebook(runtime, learner, "why") == (None, None, True)


def test_rubric_is_made_on_the_page_and_adds_up_for_the_next_answers(
    written: WrittenQuiz, runtime: Runtime, browse: Any, teacher: Someone, learner: Someone, other: Someone
) -> None:
    mine, hers = (answer_url("why", written.hand_in(who)) for who in (learner, other))
    browser = browse(teacher)
    made = save(
        browser,
        mine,
        **{"do": "rubric", "comment": "Typed.", "label-new-1": "Says neutral", "points-new-1": "2,5"},
        **{"label-new-2": "No units", "points-new-2": "-1"},
    )
    assert made.status_code == 200 and "Rubric saved" in made.text
    assert "data-unsaved" in made.text and "data-unsaved" not in browser.get(mine).text
    assert Form(made.text).fields["comment"].strip() == "Typed."
    assert in_gradebook(runtime, learner, "why") == (None, None, True)
    with runtime.db.reading() as tx:
        says, units = tx.scalars(select(RubricItemRow.id).order_by(RubricItemRow.id))

    # without a script nobody has added up
    assert save(browser, hers, item=[says, units]).status_code == 303
    assert in_gradebook(runtime, other, "why") == (1.5, None, False)
    # with one the field says it, even where it is not the sum
    assert save(browser, mine, item=[says], points="3", summed="1").status_code == 303
    assert in_gradebook(runtime, learner, "why") == (3.0, None, False)
    assert Form(browser.get(hers).text).fields["item"] == [str(says), str(units)]
    assert "Says neutral" not in browser.get(answer_url("draw", int(mine.split("/")[-1].split("?")[0]))).text


def test_rubric_that_somebody_else_changed_is_not_overwritten(
    written: WrittenQuiz, runtime: Runtime, browse: Any, teacher: Someone, learner: Someone
) -> None:
    url = answer_url("why", written.hand_in(learner))
    browser = browse(teacher)
    save(browser, url, **{"do": "rubric", "label-new-1": "Clear", "points-new-1": "1"})
    with runtime.db.reading() as tx:
        item = tx.scalars(select(RubricItemRow.id)).one()
    stale = Form(browser.get(url).text).fields
    save(browser, url, **{"do": "rubric", f"points-{item}": "2"})

    # whose page shows the rubric as it was and who leaves it alone can save a mark
    assert browser.post(url, data=stale | {"points": "1", "summed": "1"}).status_code == 303
    refused = browser.post(url, data=stale | {"do": "rubric", f"label-{item}": "Plain"})
    assert refused.status_code == 409 and "Somebody else has changed the rubric" in refused.text
    with runtime.db.reading() as tx:
        row = tx.scalars(select(RubricItemRow)).one()
        assert (row.label, row.points) == ("Clear", Decimal(2))
    save(browser, url, item=[item])
    save(browser, url, **{"do": "rubric", f"label-{item}": ""})
    with runtime.db.reading() as tx:
        assert tx.scalars(select(RubricItemRow)).all() == tx.scalars(select(RubricChoiceRow)).all() == []
    assert in_gradebook(runtime, learner, "why") == (2.0, None, False)


def test_answers_come_question_by_question_or_learner_by_learner(
    written: WrittenQuiz, browse: Any, teacher: Someone, learner: Someone, other: Someone
) -> None:
    ada, grace = written.hand_in(learner), written.hand_in(other)
    browser = browse(teacher)

    def following(url: str) -> str:
        page = browser.get(url).text
        found = re.search(r'<a href="([^"]*)" rel="next"', page)
        return found[1].replace("&amp;", "&") if found else ""

    def walk(by: str) -> list[str]:
        url, seen = answer_url("why", ada, by), []
        while url:
            seen.append("/".join(url.partition("?")[0].split("/")[-2:]))
            url = following(url)
        return seen

    assert walk("question") == [f"why/{ada}", f"why/{grace}", f"draw/{ada}", f"draw/{grace}"]
    assert walk("learner") == [f"why/{ada}", f"draw/{ada}", f"why/{grace}", f"draw/{grace}"]
    overview = browser.get(BY_HAND).text
    assert "0 of 4 answers marked" in overview and f"/why/{ada}?by=question" in overview
    save(browser, answer_url("why", grace), points="1")
    assert "1 left here, 3 in all" in browser.get(answer_url("why", ada)).text
    assert f"/draw/{grace}" in browser.get(f"{BY_HAND}/submissions/{grace}").headers["Location"]


def test_names_are_hidden_on_every_page_of_marking(
    written: WrittenQuiz, browse: Any, teacher: Someone, learner: Someone, other: Someone
) -> None:
    ids = [written.hand_in(learner), written.hand_in(other)]
    browser = browse(teacher)
    assert browser.post(f"{BY_HAND}/names", data={"hide": "1"}).status_code == 303
    pages = [browser.get(BY_HAND).text, *(browser.get(answer_url("why", each)).text for each in ids)]
    conflict = browser.post(answer_url("why", ids[0]), data={"version": "old", "points": "1"})
    assert conflict.status_code == 409

    for page in [*pages, conflict.text]:
        main = page.partition("<main")[2].partition("</main>")[0]
        assert "Ada L." not in main and "Grace H." not in main and learner.hub_name not in main
        assert f'/submissions/{ids[0]}"' not in main
    assert len(set(re.findall(r"<b>Learner ([0-9A-F]{6})</b>", "".join(pages)))) == 2
    browser.post(f"{BY_HAND}/names", data={"hide": ""})
    assert "Ada L." in browser.get(answer_url("why", ids[0])).text


def test_formgrader_is_told_the_same_codes_and_the_names_of_the_class(
    client: FlaskClient,
    runtime: Runtime,
    hub: FakeHub,
    written: WrittenQuiz,
    browse: Any,
    teacher: Someone,
    learner: Someone,
) -> None:
    submission_id = written.hand_in(learner)
    browser, url = browse(teacher), f"/api/v1/courses/{learner.key}/names"
    headers = {"Authorization": f"Bearer {hub.token_of(teacher.hub_name, f'grade-{learner.key}')}"}
    shown = client.get(url, headers=headers).json
    browser.post(f"{BY_HAND}/names", data={"hide": "1"})
    with counted(runtime) as statements:
        told = client.get(url, headers=headers).json

    assert len(statements) <= 6, statements
    assert told is not None
    assert shown == told | {"hidden": {}}
    assert told["names"][learner.hub_name] == "Ada L."
    code = Names(told["hidden"], told["names"]).code(NAME, learner.hub_name)
    assert f"<b>Learner {code}</b>" in browser.get(answer_url("why", submission_id)).text
    for who, server in ((teacher, ""), (teacher, "grade-other-1"), (learner, f"grade-{learner.key}")):
        token = {"Authorization": f"Bearer {hub.token_of(who.hub_name, server)}"}
        assert client.get(url, headers=token).status_code == 403


def test_what_cannot_be_a_mark_is_refused_with_nothing_saved(
    written: WrittenQuiz, runtime: Runtime, browse: Any, teacher: Someone, learner: Someone
) -> None:
    url = answer_url("why", written.hand_in(learner))
    browser = browse(teacher)
    wrong: list[dict[str, str]] = [{"points": each} for each in ("4", "-1", "three", "1e3", "٣", "nan", "1.23456")]
    wrong += [{"points": "1", "extra": "-1"}, {"points": "1", "extra": "x"}, {"points": "1", "comment": "x" * 10_001}]
    wrong += [{"points": "1", "label-new-1": "No points"}, {"points": "1", "points-new-1": "2"}]
    wrong += [{"points": "1", "label-new-1": "x" * 301, "points-new-1": "1"}]
    for fields in wrong:
        refused = save(browser, url, **fields)
        assert refused.status_code == 422, fields
        assert "Not saved yet" in refused.text
    assert in_gradebook(runtime, learner, "why") == (None, None, True)
    with runtime.db.reading() as tx:
        assert tx.scalars(select(RubricItemRow)).all() == []


def test_mark_for_an_attempt_that_was_replaced_is_not_saved_for_the_new_one(
    written: WrittenQuiz, runtime: Runtime, browse: Any, teacher: Someone, learner: Someone
) -> None:
    before = answer_url("why", written.hand_in(learner))
    browser = browse(teacher)
    fields = Form(browser.get(before).text).fields
    newer = written.hand_in(learner, ANSWERED | {"why": "Another text."})

    refused = browser.post(before, data=fields | {"points": "3", "comment": "Of the old one."})
    assert refused.status_code == 409
    assert "The learner has handed in again" in refused.text and "Another text." in refused.text
    assert "Of the old one." in refused.text and f"/why/{newer}?" in refused.text
    assert in_gradebook(runtime, learner, "why")[0] is None


def test_only_those_who_mark_this_lms_course_get_in(
    written: WrittenQuiz, runtime: Runtime, browse: Any, teacher: Someone, learner: Someone
) -> None:
    submission_id = written.hand_in(learner)
    with runtime.db.transaction() as tx:
        elsewhere = make_context(tx, learner.place)
        stranger = make_person(tx, elsewhere, "Stranger", Role.TEACHER)
    paths = [BY_HAND, answer_url("why", submission_id), f"{BY_HAND}/submissions/{submission_id}"]
    paths += [f"/grading/{SLUG}/{NAME}/{name}.csv" for name in ("marks", "nbgrader")] + [
        f"/grading/{SLUG}/nbgrader.csv"
    ]
    for path in paths:
        assert browse(learner).get(path).status_code == 403
    for path in (answer_url("why", submission_id), f"{BY_HAND}/submissions/{submission_id}"):
        assert browse(stranger).get(path).status_code == 404
        assert browse(teacher).get(path).status_code in (200, 303)
    assert browse(learner).post(answer_url("why", submission_id), data={"points": "3"}).status_code == 403
    assert browse(learner).post(f"{BY_HAND}/names", data={"hide": "1"}).status_code == 403
    assert "Ada L." not in browse(stranger).get(f"/grading/{SLUG}/{NAME}/nbgrader.csv").text
    for cell in ("none", "../../secret", "add"):
        assert browse(teacher).get(f"{BY_HAND}/{NAME}/{cell}/{submission_id}").status_code == 404


def test_nothing_to_mark_says_so(written: WrittenQuiz, browse: Any, teacher: Someone) -> None:
    browser = browse(teacher)
    assert "Nothing to mark yet" in browser.get(BY_HAND).text
    assert browser.get(f"/grading/{SLUG}/{NAME}/nbgrader.csv").text.count("\n") == 1


def test_pages_take_at_most_six_queries(
    written: WrittenQuiz, runtime: Runtime, browse: Any, teacher: Someone, learner: Someone, other: Someone
) -> None:
    ids = [written.hand_in(learner), written.hand_in(other)]
    browser = browse(teacher)
    paths = [BY_HAND, answer_url("why", ids[0]), f"{BY_HAND}/submissions/{ids[1]}"]
    paths += [
        f"/grading/{SLUG}/{NAME}/marks.csv",
        f"/grading/{SLUG}/{NAME}/nbgrader.csv",
        f"/grading/{SLUG}/nbgrader.csv",
    ]
    for path in paths:
        with counted(runtime) as statements:
            assert browser.get(path).status_code in (200, 303)
        assert len(statements) <= 6, (path, statements)


def test_submissions_lead_to_marking_by_hand(
    written: WrittenQuiz, browse: Any, teacher: Someone, learner: Someone
) -> None:
    submission_id = written.hand_in(learner)
    browser = browse(teacher)
    assert f'{BY_HAND}"' in browser.get(f"/grading/{SLUG}/{NAME}/submissions").text
    assert (
        f"{BY_HAND}/submissions/{submission_id}"
        in browser.get(f"/grading/{SLUG}/{NAME}/submissions/{submission_id}").text
    )
