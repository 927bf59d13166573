"""A course copied in the LMS finds its content again; what learners did stays where it was."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from lti_tool.contract import Plugin, load_plugins
from lti_tool.demo.model import Activity, Tool
from lti_tool.demo.notices import CONTEXT_COPY
from lti_tool.demo.profiles import supported_scopes
from lti_tool.demo.testing import CampusServer
from lti_tool.kernel.messages import Handler
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.claims import LTI
from lti_tool.lti.claims_more import read_ids
from lti_tool.lti.dialects import get_dialect
from lti_tool.lti.messages import ContextLinked
from lti_tool.lti.models import Context, Placement
from lti_tool.lti.models_services import ContextCopy, CopyState
from tests.factories.grading import make_place, work
from tests.fakes.contents import stub_contents_plugin
from tests.fakes.launching import Launcher

both = pytest.mark.parametrize("campus", ["moodle", "canvas"], indirect=True)
QUIZ = "courses/demo/quiz-1"
ITEM = {"coursebridge_item": QUIZ}


@pytest.fixture
def linked() -> list[ContextLinked]:
    """What others were told."""
    return []


@pytest.fixture
def plugins(linked: list[ContextLinked]) -> list[Plugin]:
    listening = Handler("stub.listen", ContextLinked, lambda run, fact: linked.append(fact))
    return [*load_plugins(["lti_tool.lti"]), replace(stub_contents_plugin(), handlers=(listening,))]


@pytest.fixture
def asking(campus: CampusServer, tool: Tool, registration_id: int) -> Tool:
    """The tool with the custom parameters that registration asks for."""
    changed = replace(tool, custom=dict(get_dialect(campus.profile.name).custom))
    campus.campus.store.save_tool(changed)
    return changed


def copied(campus: CampusServer) -> Activity:
    campus.copy_course()
    return campus.activities()[0]


def state_of(runtime: Runtime) -> list[CopyState]:
    with runtime.db.reading() as tx:
        return list(tx.scalars(select(ContextCopy.state)))


def placements(runtime: Runtime) -> list[tuple[int, str]]:
    with runtime.db.reading() as tx:
        return [(row.context_id, row.course_slug) for row in tx.scalars(select(Placement).order_by(Placement.id))]


@both
def test_teacher_of_the_copy_is_asked_and_links_it(
    launcher: Launcher,
    quiz: Activity,
    campus: CampusServer,
    asking: Tool,
    runtime: Runtime,
    linked: list[ContextLinked],
) -> None:
    launcher.open("tess", quiz)
    copy = copied(campus)
    path = launcher.open("tess", copy)
    assert path.endswith("/lti/copied")
    page = launcher.client.get(path)
    assert "This course was copied from Notebooks 101" in page.text
    done = launcher.client.post(path, data={"do": "link"})
    assert done.headers["Location"].endswith("/stub/" + QUIZ)
    assert state_of(runtime) == [CopyState.LINKED]
    work(runtime)
    assert [(fact.context_id, fact.origin_id) for fact in linked] == [(2, 1)]
    assert launcher.open("tess", copy).endswith("/stub/" + QUIZ), "asked once"
    assert placements(runtime) == [(1, "demo"), (2, "demo")]


@both
def test_learner_of_the_copy_finds_the_content_before_anybody_was_asked(
    launcher: Launcher, quiz: Activity, campus: CampusServer, asking: Tool, runtime: Runtime
) -> None:
    launcher.open("tess", quiz)
    assert launcher.open("ada", copied(campus)).endswith("/stub/" + QUIZ)
    assert state_of(runtime) == [CopyState.OFFERED]
    assert (
        launcher.client.get(launcher.open("ada", campus.activities()[0]).split("/stub")[0] + "/lti/copied").status_code
        == 403
    )


def test_learner_of_the_copy_decides_nothing(
    launcher: Launcher, quiz: Activity, campus: CampusServer, asking: Tool, runtime: Runtime
) -> None:
    launcher.open("tess", quiz)
    session = launcher.open("ada", copied(campus)).split("/stub")[0]
    for do in ("link", "separate"):
        assert launcher.client.post(f"{session}/lti/copied", data={"do": do}).status_code == 403
    assert state_of(runtime) == [CopyState.OFFERED]


def test_history_names_no_course_of_another_platform(
    launcher: Launcher, quiz: Activity, campus: CampusServer, asking: Tool, runtime: Runtime
) -> None:
    """Platforms number their courses alike, and what another school does is nobody's business here."""
    with runtime.db.transaction() as tx:
        other = make_place(tx, "other")
        theirs = tx.get_one(Context, other.context_id)
        theirs.context_id, theirs.lms_course, theirs.title = "7001", "7001", "Of another school"
    custom = {**ITEM, "coursebridge_history": "7001", "coursebridge_previous": "7001"}
    answer = launcher.launch_changed("tess", quiz, claims={LTI + "custom": custom})
    assert answer.headers["Location"].endswith("/stub/" + QUIZ)
    assert state_of(runtime) == []


@both
def test_activity_that_was_filled_here_keeps_its_content_in_the_copy(
    launcher: Launcher, campus: CampusServer, asking: Tool, runtime: Runtime
) -> None:
    empty = campus.add_activity("Filled here")
    launcher.client.post(launcher.open("tess", empty), data={"item": QUIZ})
    copy = copied(campus)
    assert launcher.open("ada", copy).endswith("/stub/" + QUIZ)
    launcher.client.post(launcher.open("tess", copy), data={"do": "separate"})
    assert launcher.open("ada", copy).endswith("/lti/empty"), "taken over, so forgotten"
    assert launcher.open("tess", copy).endswith("/lti/pick")


def test_two_of_one_title_are_not_guessed_at(launcher: Launcher, campus: CampusServer, asking: Tool) -> None:
    for item in (QUIZ, "courses/demo/hello"):
        twin = campus.add_activity("Twin")
        launcher.client.post(launcher.open("tess", twin), data={"item": item})
    assert launcher.open("ada", copied(campus)).endswith("/lti/empty")


def test_history_of_the_activity_tells_twins_apart(
    launcher: Launcher, campus: CampusServer, asking: Tool, runtime: Runtime
) -> None:
    twins = [campus.add_activity("Twin") for _ in range(2)]
    for twin, item in zip(twins, (QUIZ, "courses/demo/hello"), strict=True):
        launcher.client.post(launcher.open("tess", twin), data={"item": item})
    copy = copied(campus)
    custom = {"coursebridge_history": "2", "coursebridge_link_history": f"unknown,{twins[1].resource_link_id}"}
    answer = launcher.launch_changed("ada", copy, claims={LTI + "custom": custom})
    assert answer.headers["Location"].endswith("/stub/courses/demo/hello")


def test_beginning_anew_copies_nothing_and_chooses(
    launcher: Launcher,
    quiz: Activity,
    campus: CampusServer,
    asking: Tool,
    runtime: Runtime,
    linked: list[ContextLinked],
) -> None:
    launcher.open("tess", quiz)
    copy = copied(campus)
    path = launcher.open("tess", copy)
    done = launcher.client.post(path, data={"do": "separate"})
    assert done.headers["Location"].endswith("/lti/pick")
    launcher.client.post(done.headers["Location"], data={"item": "courses/demo/hello"})
    assert launcher.open("ada", copy).endswith("/stub/courses/demo/hello"), "the choice holds against the old name"
    assert launcher.client.post(path, data={"do": "link"}).status_code == 409
    work(runtime)
    assert linked == []


def test_course_that_uses_nothing_of_ours_is_no_origin(
    launcher: Launcher, campus: CampusServer, asking: Tool, runtime: Runtime
) -> None:
    launcher.open("tess", campus.add_activity("Shows nothing"))
    assert launcher.open("tess", copied(campus)).endswith("/lti/pick")
    assert state_of(runtime) == []


def test_beginning_anew_leaves_what_the_lms_names_itself(
    launcher: Launcher, quiz: Activity, campus: CampusServer, asking: Tool
) -> None:
    launcher.open("tess", quiz)
    copy = copied(campus)
    launcher.client.post(launcher.open("tess", copy), data={"do": "separate"})
    assert launcher.open("ada", copy).endswith("/stub/" + QUIZ)


def test_copy_of_a_copy_follows_the_nearest_that_is_known(
    launcher: Launcher, quiz: Activity, campus: CampusServer, asking: Tool, runtime: Runtime
) -> None:
    launcher.open("tess", quiz)
    campus.copy_course()
    launcher.open("ada", campus.activities()[0])
    copy = copied(campus)
    launcher.open("ada", copy)
    with runtime.db.reading() as tx:
        assert tx.scalars(select(ContextCopy.origin_id).order_by(ContextCopy.context_id)).all() == [1, 2]


@pytest.mark.parametrize(
    "history", ["$Context.id.history", "", ",,", "truncated", "unknown,timed out", "2" * 300, "102"], ids=str
)
def test_history_that_says_nothing_known(
    history: str, launcher: Launcher, quiz: Activity, campus: CampusServer, asking: Tool, runtime: Runtime
) -> None:
    launcher.open("tess", quiz)
    copy = copied(campus)
    answer = launcher.launch_changed("tess", copy, claims={LTI + "custom": {**ITEM, "coursebridge_history": history}})
    assert answer.headers["Location"].endswith("/stub/" + QUIZ)
    assert state_of(runtime) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a, b ,c", ("a", "b", "c")),
        ("a,b,truncated", ("a", "b")),
        ("a,Timed out,b", ("a",)),
        ("$Canvas.course.previousCourseIds", ()),
        (None, ()),
        ("x\0y,b", ("b",)),
    ],
)
def test_lists_of_ids(text: str | None, found: Sequence[str]) -> None:
    assert read_ids(text) == found


def test_course_that_is_in_use_is_no_copy(
    launcher: Launcher, quiz: Activity, campus: CampusServer, asking: Tool, runtime: Runtime
) -> None:
    launcher.open("tess", quiz)
    copy = copied(campus)
    launcher.launch_changed("tess", copy, claims={LTI + "custom": ITEM})
    assert launcher.open("tess", copy).endswith("/stub/" + QUIZ)
    assert state_of(runtime) == []


@pytest.mark.parametrize("campus", ["canvas"], indirect=True)
def test_canvas_names_the_courses_before_by_its_own_numbers(
    launcher: Launcher, quiz: Activity, campus: CampusServer, asking: Tool, runtime: Runtime
) -> None:
    launcher.launch_changed("tess", quiz, claims={LTI + "custom": {**ITEM, "coursebridge_course": "7001"}})
    custom: dict[str, Any] = {**ITEM, "coursebridge_history": "elsewhere", "coursebridge_previous": "6000,7001"}
    answer = launcher.launch_changed("tess", copied(campus), claims={LTI + "custom": custom})
    assert answer.headers["Location"].endswith("/lti/copied")


@pytest.mark.parametrize("campus", ["canvas"], indirect=True)
def test_notice_offers_the_copy_before_anybody_came(
    launcher: Launcher, quiz: Activity, campus: CampusServer, tool: Tool, runtime: Runtime, client: FlaskClient
) -> None:
    campus.campus.store.save_tool(replace(tool, scopes=supported_scopes(campus.profile)))
    launcher.open("tess", quiz)
    copy = copied(campus)
    token = campus.mint_notice(CONTEXT_COPY, origins=["unknown", "2"])
    assert client.post("/lti/notices", json={"notices": [{"jwt": token}]}).status_code == 200
    work(runtime)
    with runtime.db.reading() as tx:
        assert tx.scalars(select(Context.title).order_by(Context.id)).all() == ["Notebooks 101", "Notebooks 101 again"]
    assert launcher.open("tess", copy).endswith("/lti/copied")


def test_notice_of_a_copy_into_a_course_in_use_offers_nothing(
    launcher: Launcher, quiz: Activity, campus: CampusServer, tool: Tool, runtime: Runtime, client: FlaskClient
) -> None:
    launcher.open("tess", quiz)
    launcher.open("tess", copied(campus))
    token = campus.mint_notice(CONTEXT_COPY, origins=["2"])
    client.post("/lti/notices", json={"notices": [{"jwt": token}]})
    work(runtime)
    assert state_of(runtime) == []
