"""Groups of the LMS: all pages, who is in them, and what happens when the platform does not answer."""

import pytest
from sqlalchemy import select

from lti_tool.demo.model import Activity, Tool
from lti_tool.demo.profiles import supported_scopes
from lti_tool.demo.testing import CampusServer
from lti_tool.kernel import clock
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.models import User
from lti_tool.lti.models_services import GroupMember
from lti_tool.lti.personal_data import erase_personal_data, export_personal_data
from lti_tool.lti.public import find_groups, list_groups
from tests.conftest import BASE_URL
from tests.factories.grading import make_person, make_place
from tests.fakes.launching import Launcher


@pytest.fixture
def tool(campus: CampusServer, served: str) -> Tool:
    return campus.add_tool(BASE_URL, jwks_url=f"{served}/lti/jwks", scopes=supported_scopes(campus.profile))


@pytest.fixture
def groups(campus: CampusServer) -> None:
    """Three pages of them."""
    campus.add_group("Lab A", "ada", "ben", set_name="Labs", tag="lab")
    campus.add_group("Lab B", "chi", "tess", set_name="Labs")
    campus.add_group("At risk", "ben", hidden=True)
    for number in range(3):
        campus.add_group(f"Team {number}", set_name="Teams")


@pytest.mark.usefixtures("groups")
def test_groups_are_read_with_their_learners(launcher: Launcher, quiz: Activity, runtime: Runtime) -> None:
    launcher.open("ada", quiz)
    found = {group.name: group for group in list_groups(runtime, 1)}
    assert list(found) == ["At risk", "Lab A", "Lab B", "Team 0", "Team 1", "Team 2"]
    lab = found["Lab A"]
    assert (lab.set_name, lab.tag, lab.is_hidden, lab.learner_ids, lab.waiting) == ("Labs", "lab", False, (1,), 1)
    assert (found["At risk"].is_hidden, found["At risk"].set_name) == (True, "")
    assert (found["Lab B"].learner_ids, found["Lab B"].waiting) == ((), 1), "a teacher in a group learns nothing there"
    launcher.open("ben", quiz)
    with runtime.db.reading() as tx:
        assert {group.name: group for group in find_groups(tx, 1)}["Lab A"].learner_ids == (1, 2)


@pytest.mark.usefixtures("groups")
def test_they_are_read_again_after_a_while_and_changes_are_taken_over(
    launcher: Launcher, quiz: Activity, runtime: Runtime, campus: CampusServer
) -> None:
    with clock.frozen(clock.now()):
        launcher.open("ada", quiz)
        before = {group.name: group.id for group in list_groups(runtime, 1)}
        hits = campus.hits("groups")
        changed = campus.campus.store.list_groups()[:2]
        changed[0]["members"] = ["chi"]
        campus.campus.store.set_groups(changed)
        list_groups(runtime, 1)
        assert campus.hits("groups") == hits, "fresh"
        clock.advance(601)
        after = {group.name: group for group in list_groups(runtime, 1)}
    assert list(after) == ["Lab A", "Lab B"]
    assert after["Lab A"].id == before["Lab A"]
    assert after["Lab A"].learner_ids == ()


@pytest.mark.usefixtures("groups")
def test_same_id_at_another_platform_is_somebody_else(
    launcher: Launcher, quiz: Activity, runtime: Runtime, campus: CampusServer
) -> None:
    """Platforms number their people alike: nobody comes into a group by a number that two schools gave."""
    launcher.open("ada", quiz)
    with runtime.db.transaction() as tx:
        stranger = make_person(tx, make_place(tx, "other"))
        tx.get_one(User, stranger.user_id).sub = campus.person("ben").sub
    lab = {group.name: group for group in list_groups(runtime, 1)}["Lab A"]
    assert (lab.learner_ids, lab.waiting) == ((1,), 1)


@pytest.mark.usefixtures("groups")
def test_suspended_learner_is_in_no_group(
    launcher: Launcher, quiz: Activity, runtime: Runtime, campus: CampusServer
) -> None:
    launcher.open("ada", quiz)
    campus.campus.tells_differences = True  # then it lists people who are suspended, and says so
    campus.change_person("ada", suspended=True)
    lab = {group.name: group for group in list_groups(runtime, 1)}["Lab A"]
    assert (lab.learner_ids, lab.waiting) == ((), 1), "ben alone, who has not launched"


@pytest.mark.usefixtures("groups")
@pytest.mark.parametrize(("kind", "value"), [("status", 500), ("html", None), ("status", 404)])
def test_platform_that_fails_changes_nothing(
    kind: str, value: int | None, launcher: Launcher, quiz: Activity, runtime: Runtime, campus: CampusServer
) -> None:
    with clock.frozen(clock.now()):
        launcher.open("ada", quiz)
        before = list_groups(runtime, 1)
        clock.advance(601)
        campus.set_fault("groups", kind, value=value)
        assert list_groups(runtime, 1) == before != []


@pytest.mark.usefixtures("groups")
@pytest.mark.parametrize("campus", ["canvas"], indirect=True)
def test_platform_without_groups_has_none(
    launcher: Launcher, quiz: Activity, runtime: Runtime, campus: CampusServer
) -> None:
    launcher.open("ada", quiz)
    assert list_groups(runtime, 1) == []
    assert campus.hits("groups") == 0


@pytest.mark.usefixtures("groups")
def test_who_is_erased_is_in_no_group(launcher: Launcher, quiz: Activity, runtime: Runtime) -> None:
    launcher.open("ada", quiz)
    list_groups(runtime, 1)
    with runtime.db.transaction() as tx:
        user_id = tx.scalars(select(User.id)).one()
        sub = tx.get_one(User, user_id).sub
        assert export_personal_data(tx, user_id)["groups"] == [{"name": "Lab A", "set": "Labs"}]
        erase_personal_data(tx, user_id)
        assert tx.scalar(select(GroupMember.sub).where(GroupMember.sub == sub)) is None
