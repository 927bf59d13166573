"""Grades that have not arrived: of quizzes and of whole courses, seen and sent again in the console."""

import pytest
from sqlalchemy import select

from grading.models import PassbackRow, PassbackState
from grading.plugin import make_plugin
from lti_tool.admin.plugin import PLUGIN as ADMIN
from lti_tool.contract import Plugin, load_plugins
from lti_tool.kernel.audit import list_acts
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.public import ScoreRefused
from tests.factories.grading import Someone, make_person, make_place, submit, work
from tests.fakes.engine import open_fake_course
from tests.fakes.grading_fixtures import learner, lms, other, place
from tests.fakes.lms import FakeLms
from tests.functional.admin.conftest import Console

__all__ = ["learner", "lms", "other", "place"]


@pytest.fixture
def plugins(lms: FakeLms) -> list[Plugin]:
    """LTI, the console, and grading over the fakes."""
    return [*load_plugins(["lti_tool.lti"]), ADMIN, make_plugin(open_fake_course, lms.send_score)]


def refuse() -> ScoreRefused:
    return ScoreRefused("lms_refused", "Moodle: <Ada> has left the course.", retryable=False)


def test_refused_grade_is_shown_with_its_reason_and_sent_again(
    runtime: Runtime, console: Console, learner: Someone, lms: FakeLms
) -> None:
    lms.answers = [refuse()]
    submit(runtime, learner, points=3)
    work(runtime)
    with runtime.db.reading() as tx:
        (row,) = tx.scalars(select(PassbackRow)).all()
    page = console.get("/deliveries?show=refused").text
    assert "Moodle: &lt;Ada&gt; has left the course." in page and "Ada L." in page
    assert f'value="grading:{row.id}" checked' in page
    sent = console.post("/deliveries/send", grade=f"grading:{row.id}", show="refused", platform="")
    assert sent.status_code == 303 and "show=refused" in sent.headers["Location"]
    work(runtime)
    assert len(lms.posted) == 1
    assert "All grades have arrived" in console.get("/deliveries").text
    assert console.post("/deliveries/send", grade=f"grading:{row.id}").status_code == 303  # it has arrived: left alone
    with runtime.db.reading() as tx:
        written = list_acts(tx, action="delivery.")
    assert [act.target for act in written] == [f"grade {row.id} of submission {row.submission_id} (grading)"]


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
        row = tx.scalars(select(PassbackRow).where(PassbackRow.user_id == elsewhere.user_id)).one()
        assert row.state is PassbackState.REFUSED
    page = console.get("/deliveries").text
    assert page.count('<td class="end"><span class="num">1</span></td>') == 2
    one = console.get(f"/deliveries?platform={elsewhere.place.registration_id}").text
    assert "Else W." in one and "Ada L." not in one


def test_unknown_grades_are_not_found(console: Console) -> None:
    for wrong in ("grading:99", "grading:x", "nowhere:1", "", "grading:" + "9" * 30):
        assert console.post("/deliveries/send", grade=wrong).status_code == 404, wrong


def test_hub_that_does_not_answer_is_told(console: Console) -> None:
    page = console.get("/").text
    assert "JupyterHub" in page and "could not be reached" in page
