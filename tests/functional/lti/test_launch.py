"""Launches as a browser goes through them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, select

from lti_tool.demo.model import Activity
from lti_tool.demo.testing import CampusServer
from lti_tool.kernel import clock
from lti_tool.kernel.db import Base
from lti_tool.kernel.jobs import JobRow
from lti_tool.kernel.messages import Handler, Router
from lti_tool.kernel.once import UsedOnce
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.claims import AGS, LTI
from lti_tool.lti.cleaning import clean
from lti_tool.lti.messages import LinkLaunched
from lti_tool.lti.models import Context, Link, User, Visit
from lti_tool.lti.public import find_placement_by_key, list_learners, list_placement_roles, list_placements
from lti_tool.web.session import SessionRow
from tests.fakes.launching import FRAME, Launcher

both = pytest.mark.parametrize("campus", ["moodle", "canvas"], indirect=True)


@both
def test_learner_lands_on_the_page_of_the_item(launcher: Launcher, quiz: Activity) -> None:
    path = launcher.open("ada", quiz)
    assert path.startswith("/s/")
    assert launcher.client.get(path).text == "courses/demo/quiz-1\nAda Lopez\nlearner\n"


def test_two_people_in_one_browser_do_not_mix(launcher: Launcher, quiz: Activity) -> None:
    ada, ben = launcher.open("ada", quiz), launcher.open("ben", quiz)
    assert "Ada Lopez" in launcher.client.get(ada).text
    assert "Ben Okafor" in launcher.client.get(ben).text


@both
def test_hub_name_is_stable_and_opaque(launcher: Launcher, quiz: Activity, runtime: Runtime) -> None:
    launcher.open("ada", quiz)
    launcher.open("ada", quiz)
    with runtime.db.reading() as tx:
        (ada,) = tx.scalars(select(User)).all()
    assert ada.hub_name.startswith("u-") and len(ada.hub_name) == 28
    assert "ada" not in ada.hub_name.lower() and ada.hub_name == ada.hub_name.lower()


def test_page_is_framed_by_the_lms_alone(launcher: Launcher, campus: CampusServer) -> None:
    page = launcher.client.get(launcher.open("ada", campus.add_activity("Empty")))
    assert f"frame-ancestors 'self' {campus.base_url};" in page.headers["Content-Security-Policy"] + ";"


def test_role_follows_the_last_launch(launcher: Launcher, quiz: Activity, runtime: Runtime) -> None:
    member = "http://purl.imsglobal.org/vocab/lis/v2/membership#"
    roles = LTI + "roles"
    for name, expected in (("Instructor", Role.TEACHER), ("Learner", Role.LEARNER)):
        assert launcher.launch_changed("ada", quiz, claims={roles: [member + name]}).status_code == 303
        with runtime.db.reading() as tx:
            (user_id,) = tx.scalars(select(User.id)).all()
            ((placement, role),) = list_placement_roles(tx, user_id)
            assert (placement.key, role) == (f"demo-{placement.id}", expected)


def test_session_is_for_the_course_as_this_lms_course_uses_it(
    launcher: Launcher, campus: CampusServer, quiz: Activity, runtime: Runtime
) -> None:
    """Whose learners a teacher sees is decided here: the same course in another LMS course is another placement."""
    again = {LTI + "context": {"id": "next-year", "title": "Next year"}}
    for username in ("ada", "tess"):
        launcher.open(username, quiz)
        assert launcher.launch_changed(username, quiz, claims=again).status_code == 303
    with runtime.db.reading() as tx:
        rows = tx.execute(select(SessionRow.placement_id, SessionRow.context_id).order_by(SessionRow.created_at)).all()
        placements = list_placements(tx, "demo")
        learners = [len(list_learners(tx, placement.id)) for placement in placements]
        keys = [find_placement_by_key(tx, placement.key) for placement in placements]
    assert rows == [(placement.id, placement.context_id) for placement in placements] * 2
    assert [placement.title for placement in placements][1] == "Next year" and learners == [1, 1] and keys == placements


@pytest.mark.parametrize(
    "key", ["demo", "demo-", "demo-2", "other-1", "demo-1-1", "1", "", "demo-²", "demo-" + "9" * 40]
)
def test_placement_answers_to_its_whole_key_only(
    key: str, launcher: Launcher, quiz: Activity, runtime: Runtime
) -> None:
    launcher.open("ada", quiz)
    with runtime.db.reading() as tx:
        assert [placement.key for placement in list_placements(tx, "demo")] == ["demo-1"]
        assert find_placement_by_key(tx, key) is None


def test_activity_outside_any_course_stands_for_a_course_of_its_own(
    launcher: Launcher, campus: CampusServer, quiz: Activity, runtime: Runtime
) -> None:
    """The context claim is optional. Two such activities share nothing, not even learners."""
    another = campus.add_activity("Second", custom={"coursebridge_item": "courses/demo/quiz-1"}, points=10)
    for username, activity in (("ada", quiz), ("tess", quiz), ("ada", another), ("ada", quiz)):
        answer = launcher.launch_changed(username, activity, claims={LTI + "context": None})
        assert answer.status_code == 303
    with runtime.db.reading() as tx:
        first, second = list_placements(tx, "demo")
        used = tx.scalars(select(SessionRow.placement_id).order_by(SessionRow.created_at)).all()
    assert used == [first.id, first.id, second.id, first.id]
    assert (first.title, second.title) == ("First quiz", "Second")


def test_launch_is_announced_once_and_again_when_the_line_item_changes(
    launcher: Launcher, quiz: Activity, runtime: Runtime, announced: list[LinkLaunched]
) -> None:
    launcher.open("ada", quiz)
    launcher.open("ada", quiz)
    assert len(announced) == 1
    endpoint = {"scope": [], "lineitem": launcher.campus.base_url + "/another"}
    assert launcher.launch_changed("ada", quiz, claims={AGS: endpoint}).status_code == 303
    assert [event.item_ref for event in announced] == ["courses/demo/quiz-1"] * 2


def test_later_launch_writes_what_is_new_in_it_and_nothing_else(
    launcher: Launcher, quiz: Activity, runtime: Runtime
) -> None:
    link = {"id": quiz.resource_link_id, "title": quiz.title}
    launcher.open("ada", quiz)
    changes: tuple[tuple[type[Base], str, dict[str, Any]], ...] = (
        (User, "display_name", {"name": "Ada Byron"}),
        (Context, "title", {LTI + "context": {"id": "2", "title": "Renamed"}}),
        (Link, "title", {LTI + "resource_link": {**link, "title": "Renamed"}}),
        (Link, "item_ref", {LTI + "custom": {"coursebridge_item": "courses/demo/quiz-2"}}),
        (Link, "lineitem_url", {AGS: {"scope": []}}),
    )
    for model, column, changed in changes:
        launcher.open("ada", quiz)
        before = _stored(runtime)
        if column == "title" and model is Context:
            changed[LTI + "context"]["id"] = before[Context]["context_id"]
        assert launcher.launch_changed("ada", quiz, claims=changed).status_code == 303
        after = _stored(runtime)
        assert after[model][column] != before[model][column], (model, column)
        assert {each for each in after if after[each] != before[each]} - {Visit} == {model}


def _stored(runtime: Runtime) -> dict[Any, dict[str, Any]]:
    """The columns of the one person, course, activity and visit."""
    with runtime.db.reading() as tx:
        tables = {model: model.__table__ for model in (User, Context, Link, Visit)}
        return {model: dict(tx.execute(select(table)).one()._mapping) for model, table in tables.items()}


@pytest.mark.parametrize("kind", ["learner", "teacher"])
def test_queries_of_a_second_launch(kind: str, launcher: Launcher, quiz: Activity, runtime: Runtime) -> None:
    username = {"learner": "ada", "teacher": "tess"}[kind]
    launcher.open(username, quiz)
    form = launcher.campus.start_launch(username, quiz)
    with counted(runtime) as login:
        url = launcher.client.post("/lti/login", data=dict(form.fields), headers=FRAME).headers["Location"]
    fields = dict(launcher.campus.authorize(username, url).fields)
    with counted(runtime) as launch:
        assert launcher.client.post("/lti/launch", data=fields, headers=FRAME).status_code == 303
    assert len(login) == 1, login
    # a teacher's launch asks for the list of participants
    assert len(launch) == {"learner": 5, "teacher": 6}[kind], launch


@contextmanager
def counted(runtime: Runtime) -> Iterator[list[str]]:
    """The statements that reach the database, without transaction control."""
    found: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if not statement.startswith(("BEGIN", "SAVEPOINT", "RELEASE")):
            found.append(statement)

    event.listen(runtime.db.engine, "before_cursor_execute", note)
    yield found
    event.remove(runtime.db.engine, "before_cursor_execute", note)


@pytest.fixture
def announced(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> list[LinkLaunched]:
    """What handlers are told."""
    found: list[LinkLaunched] = []
    router = Router([Handler("test.listen", LinkLaunched, lambda run, message: None)])
    router.publish = lambda queue: found.append(_newest_event(runtime))
    monkeypatch.setattr(runtime.db, "router", router)
    return found


def _newest_event(runtime: Runtime) -> LinkLaunched:
    with runtime.db.reading() as tx:
        return LinkLaunched(**tx.scalars(select(JobRow.payload).order_by(JobRow.id.desc()).limit(1)).one())


def test_session_that_is_over_says_so_in_the_frame_and_goes_after_a_week(
    launcher: Launcher, quiz: Activity, runtime: Runtime, campus: CampusServer
) -> None:
    with clock.frozen(clock.now()):
        path = launcher.open("ada", quiz)
        clock.advance(9 * 3600)
        clean(runtime)
        answer = launcher.client.get(path)
        assert answer.status_code == 401
        assert campus.base_url in answer.headers["Content-Security-Policy"]
        clock.advance(8 * 24 * 3600)
        clean(runtime)
    with runtime.db.reading() as tx:
        for model in (SessionRow, UsedOnce):
            assert tx.scalars(select(model)).all() == []
