"""Grades that have not arrived: of quizzes and of whole courses, seen and sent again in the console."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from grading.plugin import make_plugin
from lti_tool.admin.plugin import PLUGIN as ADMIN
from lti_tool.contract import Plugin
from lti_tool.kernel import clock
from lti_tool.kernel.audit import list_acts
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.plugin import make_plugin as make_lti
from lti_tool.lti.score_models import PlatformLine, ScoreRow, ScoreState
from lti_tool.lti.scores import ScoreRefused
from tests.factories.grading import ITEM_REF, Someone, make_person, make_place, submit, work
from tests.fakes.contents import stub_contents_plugin
from tests.fakes.engine import open_fake_course
from tests.fakes.grading_fixtures import learner, lms, other, place
from tests.fakes.lms import FakeLms
from tests.functional.admin.conftest import Console
from tests.functional.grading.conftest import counted
from tests.functional.grading.test_passback_to_lms import PLACED

__all__ = ["learner", "lms", "other", "place"]


@pytest.fixture
def plugins(lms: FakeLms) -> list[Plugin]:
    """LTI, the console, and grading over the fakes."""
    return [make_lti(lms.send_score), ADMIN, make_plugin(open_fake_course), stub_contents_plugin([PLACED])]


def refuse() -> ScoreRefused:
    return ScoreRefused("lms_refused", "Moodle: <Ada> has left the course.", retryable=False)


def test_refused_grade_is_shown_with_its_reason_and_sent_again(
    runtime: Runtime, console: Console, learner: Someone, lms: FakeLms
) -> None:
    lms.answers = [refuse()]
    submit(runtime, learner, points=3)
    work(runtime)
    with runtime.db.reading() as tx:
        (row,) = tx.scalars(select(ScoreRow)).all()
    page = console.get("/deliveries?show=refused").text
    assert "Moodle: &lt;Ada&gt; has left the course." in page and "Ada L." in page
    assert "Notebooks 101: Quiz 1" in page and "3 of 4" in page
    assert f'value="{row.id}" checked' in page
    sent = console.post("/deliveries/send", grade=str(row.id), show="refused", platform="")
    assert sent.status_code == 303 and "show=refused" in sent.headers["Location"]
    work(runtime)
    assert len(lms.posted) == 1
    assert "All grades have arrived" in console.get("/deliveries").text
    assert console.post("/deliveries/send", grade=str(row.id)).status_code == 303  # it has arrived: left alone
    with runtime.db.reading() as tx:
        written = list_acts(tx, action="delivery.")
    assert [act.target for act in written] == [f"grade {row.id} ({ITEM_REF})"]
    assert written[0].before == {"state": "refused", "reason": "Moodle: <Ada> has left the course."}


def down() -> dict[str, Any]:
    """A platform that does not answer."""
    moment = clock.now()
    said = {"failures": 3, "text": "Canvas gave no access token."}
    return {"opened_at": moment - timedelta(hours=2), "next_probe_at": moment + timedelta(minutes=9)} | said


def test_waiting_and_refused_are_counted_by_platform(
    runtime: Runtime, console: Console, learner: Someone, other: Someone, lms: FakeLms
) -> None:
    with runtime.db.transaction() as tx:
        elsewhere = make_person(tx, make_place(tx, "canvas"), "Else W.")
    lms.answers = [refuse(), refuse()]
    for who in (learner, elsewhere):
        submit(runtime, who, points=3)
    work(runtime)
    submit(runtime, other, points=2)
    with runtime.db.transaction() as tx:
        row = tx.scalars(select(ScoreRow).where(ScoreRow.user_id == elsewhere.user_id)).one()
        assert row.state is ScoreState.REFUSED
        tx.merge(PlatformLine(registration_id=elsewhere.place.registration_id, **down()))
    with counted(runtime) as statements:
        page = console.get("/deliveries").text
    assert len(statements) <= 6, statements
    one = '<span class="num">1</span></td>'
    assert page.count(f'data-label="Refused">{one}') == 2
    assert page.count("Answers</span>") == 1 and page.count("No answer</span>") == 1
    assert "Canvas gave no access token." in page and "Next try:" in page
    one = console.get(f"/deliveries?platform={elsewhere.place.registration_id}").text
    assert "Else W." in one and "Ada L." not in one


def test_platform_that_does_not_answer_is_told_and_asked_when_somebody_tests_it(
    runtime: Runtime, console: Console, learner: Someone
) -> None:
    number = learner.place.registration_id
    with runtime.db.transaction() as tx:
        tx.add(PlatformLine(registration_id=number, **down()))
    assert "It has not answered as it should since" in console.get("/").text
    page = console.get(f"/platforms/{number}").text
    assert "No answer</span>" in page and "Canvas gave no access token." in page
    tested = console.post(f"/platforms/{number}/test").text
    assert "It is tried again by itself" not in tested  # it was called, long before the next try was due
    with runtime.db.reading() as tx:
        assert tx.get_one(PlatformLine, number).failures == 5, "keys and token were asked for"


def test_unknown_grades_are_not_found(console: Console) -> None:
    for wrong in ("99", "x", "-1", "", "9" * 30):
        assert console.post("/deliveries/send", grade=wrong).status_code == 404, wrong


def test_hub_that_does_not_answer_is_told(console: Console) -> None:
    page = console.get("/").text
    assert "JupyterHub" in page and "could not be reached" in page
