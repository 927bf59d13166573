"""An extension for everybody in a group, in one step."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from grading.assignments import get_assignment
from grading.extensions import Grant, grant_extension
from grading.group_models import GroupRow
from grading.models import ExtensionRow
from lti_tool.kernel import clock
from lti_tool.kernel.audit import OPERATOR, AuditRow
from lti_tool.kernel.permissions import Right, Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.models import Context
from tests.factories.grading import NAME, SLUG, Place, Someone, make_person, publish, submit, work, work_in_groups
from tests.fakes.lms import FakeLms
from tests.functional.grading.conftest import counted

URL = f"/grading/{SLUG}/{NAME}/extension"
DAY = timedelta(days=1)


@pytest.fixture
def third(runtime: Runtime, place: Place) -> Someone:
    """Edsger, in the same LMS course and in no group."""
    with runtime.db.transaction() as tx:
        return make_person(tx, place, "Edsger D.")


@pytest.fixture
def due(runtime: Runtime, place: Place, learner: Someone, other: Someone, third: Someone) -> datetime:
    """An hour from now; a day late costs 10 %. Ada and Grace are Red, Edsger is Blue."""
    moment = clock.now().replace(second=0, microsecond=0) + timedelta(hours=1)
    with runtime.db.transaction() as tx:
        publish(tx, due_at=moment, late_per_day=10)
    work_in_groups(runtime, place, {"Red": [learner, other], "Blue": [third]})
    return moment


def form(runtime: Runtime, until: datetime | None, *groups: str, **said: str) -> dict[str, Any]:
    """The page's form with groups ticked by their names."""
    with runtime.db.reading() as tx:
        ids = {row.name: str(row.id) for row in tx.scalars(select(GroupRow))}
    date = f"{until:%Y-%m-%dT%H:%M}" if until else ""
    ticked = [ids.get(name, name) for name in groups]
    return {
        "group": ticked,
        "due": date,
        "closes": "",
        "attempts": "",
        "reason": "The lab was closed.",
        "tz": "UTC",
    } | said


def given(runtime: Runtime) -> dict[int, datetime | None]:
    """The due date of everybody who has an extension."""
    with runtime.db.reading() as tx:
        return {row.user_id: row.due_at for row in tx.scalars(select(ExtensionRow))}


def test_group_gets_it_in_one_step_and_its_scores_follow(
    runtime: Runtime, browse: Any, teacher: Someone, learner: Someone, other: Someone, due: datetime, lms: FakeLms
) -> None:
    until = due + 3 * DAY
    with clock.frozen(due + DAY):
        browser = browse(teacher)
        submit(runtime, learner, points=4)
        work(runtime)
        before = [posted.given for posted in lms.posted]
        lms.posted.clear()
        with counted(runtime) as statements:
            page = browser.get(URL).text
        saved = browser.post(URL, data=form(runtime, until, "Red"))
        work(runtime)
        told = browser.get(saved.headers["Location"]).text
        listed = browser.get(f"/grading/{SLUG}/{NAME}/submissions").text

    assert len(statements) <= 6, statements
    assert "Red (Teams)" in page and "Ada L., Grace H." in page and "Blue (Teams)" in page
    assert saved.status_code == 303
    assert "Granted to 2 learners." in told
    assert given(runtime) == {learner.user_id: until, other.user_id: until}
    assert set(before) == {Decimal("3.6")}
    assert {posted.user_id: posted.given for posted in lms.posted} == {
        learner.user_id: Decimal(4),
        other.user_id: Decimal(4),
    }
    with runtime.db.reading() as tx:
        acts = list(tx.scalars(select(AuditRow.action).where(AuditRow.action.startswith("extension."))))
    assert acts == ["extension.grant"] * 2
    assert f'{URL}"' in listed


def test_who_has_more_already_keeps_it(
    runtime: Runtime, browse: Any, teacher: Someone, learner: Someone, other: Someone, third: Someone, due: datetime
) -> None:
    with runtime.db.transaction() as tx:
        row = get_assignment(tx, SLUG, NAME)
        grant_extension(tx, row, learner.submitter, Grant(due + 9 * DAY, None, 0, "Ill."), OPERATOR)
        grant_extension(tx, row, other.submitter, Grant(due + DAY, None, 0, "Ill."), OPERATOR)
    browser = browse(teacher)
    saved = browser.post(URL, data=form(runtime, due + 2 * DAY, "Red", "Blue"))
    page = browser.get(saved.headers["Location"]).text

    assert "Granted to 2 learners. 1 learner had as much already and keeps it." in page
    assert given(runtime) == {
        learner.user_id: due + 9 * DAY,
        other.user_id: due + 2 * DAY,
        third.user_id: due + 2 * DAY,
    }


def test_what_makes_no_sense_is_refused_for_everybody(
    runtime: Runtime, browse: Any, teacher: Someone, due: datetime
) -> None:
    browser, until = browse(teacher), due + DAY
    wrong = [
        (form(runtime, until), "Choose at least one"),
        (form(runtime, until, "Red", "4711"), "Choose at least one of the groups on this page"),
        (form(runtime, until, "x"), "Choose at least one"),
        (form(runtime, due - DAY, "Red"), "Choose a time after the due date"),
        (form(runtime, None, "Red"), "Give a date or more attempts"),
        (form(runtime, until, "Red", reason=" "), "Write why"),
        (form(runtime, until, "Red", due="soon"), "This is not a date"),
    ]
    for data, message in wrong:
        answer = browser.post(URL, data=data)
        assert answer.status_code == 422, message
        assert message in answer.text
        assert "Not saved yet" in answer.text
    assert given(runtime) == {}
    assert browser.get(f"/grading/{SLUG}/nothing/extension").status_code == 404


@pytest.mark.parametrize(("right", "status"), [(Right.MARK, 403), (Right.GRANT_EXTENSIONS, 303)])
def test_assistants_need_the_right(
    runtime: Runtime, browse: Any, learner: Someone, due: datetime, right: Right, status: int
) -> None:
    with runtime.db.transaction() as tx:
        assistant = make_person(tx, learner.place, "Assistant", Role.ASSISTANT)
        tx.get_one(Context, learner.place.context_id).assistant_rights = [right.value]
    assert browse(assistant).post(URL, data=form(runtime, due + DAY, "Red")).status_code == status
    assert browse(learner).get(URL).status_code == 403


def test_without_groups_the_page_says_where_they_come_from(
    runtime: Runtime, browse: Any, teacher: Someone, place: Place
) -> None:
    assert "No groups yet" in browse(teacher).get(URL).text
