"""The list of participants: who joins, who leaves, who changes, and what a list may not do."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from lti_tool.demo.model import Activity
from lti_tool.demo.profiles import Role as CampusRole
from lti_tool.demo.testing import CampusServer
from lti_tool.kernel import clock, jobs
from lti_tool.kernel.errors import ExternalError
from lti_tool.kernel.messages import Event, Handler, Router
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.messages import MembersJoined, MembersLeft
from lti_tool.lti.models import Context, Membership, Roster, User
from lti_tool.lti.nrps import list_members as list_by_service
from lti_tool.lti.personal_data import erase_personal_data
from lti_tool.lti.public import (
    list_contacts,
    list_learners,
    list_members,
    list_placement_roles,
    list_placements,
    read_roster_state,
)
from lti_tool.lti.registrations import disable, trust_host
from lti_tool.lti.roster import read_due_rosters, read_roster
from tests.factories.grading import work
from tests.fakes.answering import Answer, AnsweringServer
from tests.fakes.launching import Launcher

both = pytest.mark.parametrize("campus", ["moodle", "canvas"], indirect=True)


@dataclass
class Class:
    """An LMS course with the quiz placed in it, and its list."""

    runtime: Runtime
    launcher: Launcher
    quiz: Activity

    @property
    def campus(self) -> CampusServer:
        return self.launcher.campus

    @property
    def context_id(self) -> int:
        with self.runtime.db.reading() as tx:
            return tx.scalars(select(Context.id)).one()

    def read(self) -> Any:
        return read_roster(self.runtime, self.context_id)

    def names(self, *, here: bool = True) -> set[str]:
        with self.runtime.db.reading() as tx:
            states = list_members(tx, self.context_id)
        return {each.person.display_name.split()[0] for each in states if (each.left_at is None) is here}

    def role(self, username: str) -> Role:
        with self.runtime.db.reading() as tx:
            query = select(Membership.role).join(User, User.id == Membership.user_id)
            return tx.scalars(query.where(User.sub == self.campus.person(username).sub)).one()

    def wait(self, seconds: float) -> None:
        """Let time pass for the tool, whose clock is frozen, and for the campus."""
        clock.advance(seconds)
        self.campus.clock.advance(seconds)

    def roster(self) -> Roster:
        with self.runtime.db.reading() as tx:
            return tx.scalars(select(Roster)).one()


@pytest.fixture
def group(runtime: Runtime, launcher: Launcher, quiz: Activity) -> Class:
    """A class whose teacher has opened the quiz."""
    launcher.open("tess", quiz)
    return Class(runtime, launcher, quiz)


@pytest.fixture
def announced(runtime: Runtime) -> list[Event]:
    """Events about members, as they are stated."""
    found: list[Event] = []

    def keep(event: Event) -> None:
        found.append(event)

    handlers = [
        Handler(f"test.{each.name}", each, lambda run, event: keep(event)) for each in (MembersJoined, MembersLeft)
    ]
    runtime.db.router = Router([*runtime.db.router.by_name.values(), *handlers])
    return found


@both
def test_teachers_launch_has_the_list_read_and_the_whole_class_is_there(group: Class) -> None:
    work(group.runtime)
    assert group.names() == {"Tess", "Amir", "Ada", "Ben", "Chi", "Olga", "Test"}
    with group.runtime.db.reading() as tx:
        (placement,) = list_placements(tx, "demo")
        learners = [person.display_name for person in list_learners(tx, placement.id)]
        state = read_roster_state(tx, group.context_id)
        ada = tx.scalars(select(User).where(User.display_name == "Ada Lopez")).one()
    assert "Ada Lopez" in learners and "Tess Tanaka" not in learners
    assert (state.is_offered, state.is_awaited, state.error, state.listed, state.joined) == (True, False, "", 7, 6)
    # the row that the list made is the row that a launch finds
    group.launcher.open("ada", group.quiz)
    with group.runtime.db.reading() as tx:
        assert tx.scalars(select(User.id).where(User.sub == ada.sub)).all() == [ada.id]


def test_second_launch_of_a_teacher_asks_for_nothing_more(group: Class) -> None:
    work(group.runtime)
    group.launcher.open("tess", group.quiz)
    with group.runtime.db.reading() as tx:
        assert jobs.due_ids(tx) == []


@both
def test_who_left_loses_every_access_and_comes_back_by_launching(group: Class) -> None:
    page = group.launcher.open("ada", group.quiz)
    group.read()
    assert group.launcher.client.get(page).status_code == 200
    ada = group.campus.remove_person("ada")
    outcome = group.read()
    assert len(outcome.left) == 1 and group.names(here=False) == {"Ada"}
    assert group.launcher.client.get(page).status_code == 401
    with group.runtime.db.reading() as tx:
        assert list_placement_roles(tx, outcome.left[0]) == []
        (placement,) = list_placements(tx, "demo")
        assert "Ada Lopez" not in [person.display_name for person in list_learners(tx, placement.id)]
    group.campus.campus.store.add_person(ada)
    page = group.launcher.open("ada", group.quiz)
    assert group.launcher.client.get(page).status_code == 200 and "Ada" in group.names()


def test_sessions_of_another_lms_course_go_on(group: Class, runtime: Runtime) -> None:
    other = {"https://purl.imsglobal.org/spec/lti/claim/context": {"id": "other", "title": "Other"}}
    page = group.launcher.launch_changed("ada", group.quiz, claims=other).headers["Location"]
    with runtime.db.reading() as tx:
        first = tx.scalars(select(Context.id).order_by(Context.id)).first() or 0
    group.launcher.open("ada", group.quiz)
    group.campus.remove_person("ada")
    assert len(read_roster(runtime, first).left) == 1  # it was read
    assert group.launcher.client.get(page).status_code == 200


def test_comes_back_by_the_list_too(group: Class) -> None:
    group.read()
    ada = group.campus.remove_person("ada")
    group.read()
    group.campus.campus.store.add_person(ada)
    assert len(group.read().joined) == 1 and "Ada" in group.names()


def test_role_that_changes_in_the_lms_changes_here_and_ends_sessions(group: Class) -> None:
    page = group.launcher.open("ada", group.quiz)
    group.read()
    group.campus.change_person("ada", role=CampusRole.TEACHER)
    assert len(group.read().changed) == 1
    assert group.role("ada") is Role.TEACHER
    assert group.launcher.client.get(page).status_code == 401


def test_role_of_a_launch_stays_where_the_list_never_agreed(group: Class) -> None:
    """Moodle's teacher without editing rights launches as Instructor and is listed as Learner."""
    group.launcher.open("amir", group.quiz)
    before = group.role("amir")
    group.read()
    group.read()
    assert before is Role.TEACHER and group.role("amir") is Role.TEACHER


def test_administrator_who_is_no_participant_keeps_the_life_of_a_session(group: Class) -> None:
    with clock.frozen(clock.now()):
        page = group.launcher.open("root", group.quiz)
        assert group.read().left == []
        assert group.launcher.client.get(page).status_code == 200
        group.wait(group.runtime.settings.web.session_hours * 3600 + 1)
        assert len(group.read().left) == 1 and group.names(here=False) == {"Robin"}


def test_learner_whom_no_list_names_has_left(group: Class) -> None:
    group.launcher.open("ada", group.quiz)
    group.campus.remove_person("ada")
    assert len(group.read().left) == 1


@both
def test_suspended_person_has_no_access(group: Class) -> None:
    group.read()
    group.campus.change_person("ada", suspended=True)
    assert len(group.read().left) == 1 and "Ada" not in group.names()


@both
def test_people_without_names_are_told_apart_and_named_by_a_launch(group: Class) -> None:
    group.campus.campus.store.save_tool(replace_tool(group, shares_name=False))
    group.read()
    with group.runtime.db.reading() as tx:
        states = list_members(tx, group.context_id)
    unnamed = [each.person.display_name for each in states if each.launched_at is None]
    assert len(set(unnamed)) == 6 and all(name.startswith("User ") for name in unnamed)
    group.campus.campus.store.save_tool(replace_tool(group, shares_name=True))
    group.launcher.open("ada", group.quiz)
    group.campus.campus.store.save_tool(replace_tool(group, shares_name=False))
    group.read()
    assert "Ada" in group.names()


def replace_tool(group: Class, **changes: Any) -> Any:
    return replace(group.campus.campus.get_tool(), **changes)


@both
def test_nobody_is_thrown_out_by_a_reading_that_fails(group: Class) -> None:
    for number in range(60):
        group.campus.add_person(f"p{number}", f"Person {number}")
    group.read()
    everybody = group.names()
    group.campus.remove_person("ada")
    group.campus.set_fault("members", "status", value=503)
    with pytest.raises(ExternalError):
        group.read()
    assert group.names() == everybody and group.roster().error
    group.campus.clear_faults()
    with clock.frozen(clock.now() + timedelta(minutes=2)):  # a platform that did not answer is left alone for a while
        group.read()
    assert "Ada" not in group.names() and group.roster().error == "" and group.roster().failures == 0


def test_failures_are_tried_again_ever_later(group: Class) -> None:
    work(group.runtime)
    group.campus.set_fault("members", "status", value=500)
    waits = []
    with clock.frozen(clock.now()):
        for _ in range(5):
            with pytest.raises(ExternalError):
                group.read()
            waits.append((group.roster().next_at - clock.now()).total_seconds())
    assert waits == sorted(waits) and 240 <= waits[0] <= 300 and 2400 <= waits[4] <= 3600


def test_platform_that_does_not_answer_is_asked_for_one_list_and_hurts_no_other(group: Class, runtime: Runtime) -> None:
    others = [{"https://purl.imsglobal.org/spec/lti/claim/context": {"id": f"c{n}", "title": "C"}} for n in range(3)]
    for claims in others:
        group.launcher.launch_changed("ada", group.quiz, claims=claims)
    work(runtime)
    with runtime.db.transaction() as tx:
        tx.execute(update(Context).values(memberships_url=group.campus.campus.memberships_url))
        tx.execute(update(Roster).values(next_at=clock.now()))
    group.campus.set_fault("members", "status", value=503)
    asked = group.campus.hits("members")
    read_due_rosters(runtime)
    work(runtime)
    assert group.campus.hits("members") - asked == 1
    with runtime.db.reading() as tx:
        rosters = tx.scalars(select(Roster)).all()
    assert len(rosters) == 4 and all(row.next_at > clock.now() for row in rosters)
    assert [bool(row.error) for row in rosters].count(True) == 1


def test_recurring_job_reads_what_is_due_once_an_interval(group: Class) -> None:
    work(group.runtime)
    asked = group.campus.hits("members")
    read_due_rosters(group.runtime)
    work(group.runtime)
    assert group.campus.hits("members") == asked
    with clock.frozen(clock.now()):
        group.wait(3660)
        read_due_rosters(group.runtime)
        read_due_rosters(group.runtime)
        work(group.runtime)
        assert group.campus.hits("members") == asked + 1
        assert clock.now() < group.roster().next_at <= clock.now() + timedelta(hours=1)


def test_lms_course_that_uses_nothing_is_not_read(
    runtime: Runtime, launcher: Launcher, campus: CampusServer, registration_id: int
) -> None:
    launcher.open("tess", campus.add_activity("Empty"))
    work(runtime)
    read_due_rosters(runtime)
    work(runtime)
    assert campus.hits("members") == 0


def test_platform_that_is_switched_off_is_not_read(group: Class, registration_id: int) -> None:
    with group.runtime.db.transaction() as tx:
        disable(tx, registration_id)
    work(group.runtime)
    assert group.campus.hits("members") == 0


# ---- differences ----


@both
def test_differences_are_followed_after_a_whole_list(group: Class) -> None:
    group.campus.campus.tells_differences = True
    group.read()
    for number in range(120):
        group.campus.add_person(f"p{number}", f"Person {number}")
    group.campus.remove_person("ada")
    group.campus.change_person("ben", suspended=True)
    group.campus.change_person("chi", role=CampusRole.TEACHER)
    url = group.roster().differences_url
    outcome = group.read()
    assert (len(outcome.joined), len(outcome.left), len(outcome.changed)) == (120, 2, 1)
    assert group.names(here=False) == {"Ada", "Ben"} and group.role("chi") is Role.TEACHER
    assert group.roster().differences_url not in (None, url)
    assert group.read().joined == []


def test_whole_list_is_read_daily_all_the_same(group: Class) -> None:
    group.campus.campus.tells_differences = True
    with clock.frozen(clock.now()):
        group.read()
        first = group.roster().full_at
        group.wait(3600)
        group.read()
        assert group.roster().full_at == first
        group.wait(24 * 3600)
        group.read()
        assert group.roster().full_at == clock.now()


def test_differences_that_are_refused_lead_to_the_whole_list(group: Class) -> None:
    group.campus.campus.tells_differences = True
    group.read()
    group.campus.campus.tells_differences = False
    group.campus.remove_person("ada")
    assert len(group.read().left) == 1 and group.roster().differences_url is None


def test_launch_is_newer_than_a_list_that_was_asked_for_before(group: Class, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list is on its way while Ada, who stands on it as deleted, launches again."""
    group.campus.campus.tells_differences = True
    group.launcher.open("ada", group.quiz)
    group.read()
    ada = group.campus.remove_person("ada")
    request = group.runtime.http.request

    def slow(method: str, url: str, **more: Any) -> Any:
        answer = request(method, url, **more)
        if "since=" in url:
            group.campus.campus.store.add_person(ada)
            group.launcher.open("ada", group.quiz)
        return answer

    monkeypatch.setattr(group.runtime.http, "request", slow)
    outcome = group.read()
    assert (outcome.left, outcome.skipped) == ([], 1) and "Ada" in group.names()
    assert group.roster().differences_url is None  # what was passed over is not told again
    monkeypatch.undo()
    assert group.read().left == [] and "Ada" in group.names()


# ---- what platforms answer ----


@pytest.fixture
def answers(group: Class, registration_id: int) -> Iterator[Callable[..., None]]:
    """`answers(members, …)`: what the platform's roster service says from now on, one page each."""
    with AnsweringServer() as server:
        url = f"{server.url}/members"
        with group.runtime.db.transaction() as tx:
            trust_host(tx, registration_id, url.split("/")[2])
            tx.execute(update(Context).values(memberships_url=url))

        def lay_out(*pages: Any) -> None:
            given = []
            for number, page in enumerate(pages):
                more = {"Link": f"<{url}?p={number}>; rel=next"} if number + 1 < len(pages) else {}
                given.append(Answer(json.dumps(page).encode(), headers=more))
            server.answers["/members"] = given

        yield lay_out


def entry(group: Class, username: str, **changes: Any) -> dict[str, Any]:
    return {"user_id": group.campus.person(username).sub, "roles": ["Learner"], **changes}


def test_list_that_was_asked_for_before_the_one_that_is_known_changes_nothing(group: Class) -> None:
    group.read()
    with group.runtime.db.transaction() as tx:
        tx.scalars(select(Roster)).one().began_at = clock.now() + timedelta(seconds=60)
    group.campus.change_person("ada", enrolled=False)
    assert read_roster(group.runtime, group.context_id) is None
    assert "Ada" in group.names()


def test_list_without_anybody_is_an_error_and_no_mass_removal(group: Class, answers: Callable[..., None]) -> None:
    before = group.names()
    for members in ([], [entry(group, "ada", status="Deleted")]):
        answers({"members": members})
        with pytest.raises(ExternalError, match="nobody"):
            group.read()
    assert group.names() == before and "nobody" in group.roster().error


@pytest.mark.parametrize("body", ["<html>", [], {}, {"members": None}, {"members": {}}])
def test_what_is_no_list_changes_nothing(group: Class, answers: Callable[..., None], body: Any) -> None:
    before = group.names()
    answers({"members": [entry(group, "tess", roles=["Instructor"])]}, body)
    with pytest.raises(ExternalError):
        group.read()
    assert group.names() == before


@pytest.mark.parametrize(
    "odd",
    [
        None,
        3,
        {},
        {"user_id": ""},
        {"user_id": 5},
        {"user_id": "a\0b"},
        {"user_id": "x" * 256},
        {"user_id": "y", "status": "?"},
    ],
)
def test_list_with_an_entry_that_cannot_be_read_removes_nobody(
    group: Class, answers: Callable[..., None], odd: Any
) -> None:
    answers({"members": [entry(group, "ada", name="Ada Lopez"), odd]})
    outcome = group.read()
    assert len(outcome.joined) == 1 and outcome.left == [] and group.names() == {"Tess", "Ada"}


def test_learner_whom_a_list_names_no_more_stays_until_a_list_could_be_read_whole(
    group: Class, answers: Callable[..., None]
) -> None:
    ada, ben = entry(group, "ada"), entry(group, "ben")
    answers({"members": [ada, ben]})
    assert len(group.read().joined) == 2
    answers({"members": [ada, {"user_id": 5}]})
    assert group.read().left == []
    answers({"members": [ada]})
    assert len(group.read().left) == 1


def test_odd_members_are_understood(group: Class, answers: Callable[..., None]) -> None:
    """No message section, no status, roles that are no list, names with what no row can hold, one person twice."""
    answers(
        {
            "members": [
                entry(group, "tess", roles=["http://purl.imsglobal.org/vocab/lis/v2/membership#Instructor"]),
                entry(group, "ada", name="Ada\0 \n Lopez"),
                entry(group, "ben", roles="Learner", given_name="Ben", family_name=7),
                entry(group, "chi", name=None, status="Inactive"),
                entry(group, "chi", name="Chi " + "N" * 300, roles=["Instructor"]),
            ]
        }
    )
    group.read()
    assert group.names() == {"Tess", "Ada", "Ben", "Chi"}
    assert (group.role("ada"), group.role("ben"), group.role("chi")) == (Role.LEARNER, Role.OBSERVER, Role.TEACHER)


def test_addresses_and_usernames_are_told_for_the_moment(group: Class, answers: Callable[..., None]) -> None:
    ada = entry(group, "ada", email="Ada@uni.example", lis_person_sourcedid="s-17")
    answers({"members": [ada, entry(group, "ben", email=7), entry(group, "chi", email="c@e.org", status="Inactive")]})
    found = list_contacts(group.runtime, group.context_id)

    known = [(each.sub, each.email, each.username) for each in found]
    subs = [group.campus.person(name).sub for name in ("ada", "ben")]
    assert known == [(subs[0], "Ada@uni.example", "s-17"), (subs[1], "", "")]


def test_who_was_erased_is_not_listed_again(group: Class) -> None:
    group.read()
    with group.runtime.db.transaction() as tx:
        user_id = tx.scalars(select(User.id).where(User.display_name == "Ada Lopez")).one()
        erase_personal_data(tx, user_id)
    assert group.read().joined == [] and "Ada" not in group.names()


@both
def test_list_is_filtered_by_role_and_link(group: Class) -> None:
    """Moodle's link to the next page loses the filter."""
    for number in range(70):
        group.campus.add_person(f"p{number}", f"Person {number}")
    learners = list_by_service(group.runtime, group.context_id, role="Learner", limit=20)
    names = [member.name for member in learners]
    assert "Ada Lopez" in names and "Tess Tanaka" not in names and len(set(names)) == len(names) >= 73
    linked = list_by_service(group.runtime, group.context_id, rlid=group.quiz.resource_link_id)
    assert len(linked) == 77
    with pytest.raises(ExternalError):
        list_by_service(group.runtime, group.context_id, rlid="none")


def test_large_class_is_one_reading_and_a_handful_of_events(group: Class, announced: list[Event]) -> None:
    for number in range(1200):
        group.campus.add_person(f"p{number}", f"Person {number}")
    assert len(group.read().joined) == 1206
    work(group.runtime)
    joined = [event for event in announced if isinstance(event, MembersJoined)]
    assert sorted(len(event.user_ids) for event in joined)[-3:] == [206, 500, 500]
    group.launcher.campus.campus.store.delete_person(group.campus.person("p7").id)
    assert len(group.read().left) == 1
    work(group.runtime)
    assert [len(event.user_ids) for event in announced if isinstance(event, MembersLeft)] == [1]
