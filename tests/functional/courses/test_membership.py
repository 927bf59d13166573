"""Enrolment follows membership of the LMS course; the teacher sees the class."""

from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select, update

from config.settings import DEFAULT_PLUGINS
from lti_tool.contract import Plugin, load_plugins
from lti_tool.demo.model import Activity
from lti_tool.demo.profiles import Role as CampusRole
from lti_tool.demo.testing import CampusServer
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti import public as lti
from lti_tool.lti.models import Context, Roster, User
from lti_tool.lti.roster import read_roster
from plugins.courses import public as courses
from plugins.courses.enrolling import enrol, make_invitation
from plugins.courses.models import Admission, Course, Enrolment, Standing, Via
from plugins.courses.service import find_course
from tests.factories.grading import work
from tests.fakes.fixtures import campus, launcher, registration_id, served, tool
from tests.fakes.launching import Launcher
from tests.functional.courses.conftest import SLUG, Import
from tests.functional.grading.conftest import counted

__all__ = ["campus", "launcher", "registration_id", "served", "tool"]
PEOPLE = f"/courses/{SLUG}/edit/people"
WAYS_IN = f"{PEOPLE}/ways"


@pytest.fixture
def plugins() -> list[Plugin]:
    return load_plugins(DEFAULT_PLUGINS)


@dataclass
class Class:
    """An LMS course whose teacher has placed the course."""

    runtime: Runtime
    launcher: Launcher
    activity: Activity
    home: str
    """Prefix of the teacher's session."""

    @property
    def campus(self) -> CampusServer:
        return self.launcher.campus

    def read(self) -> None:
        with self.runtime.db.reading() as tx:
            context_id = tx.scalars(select(Context.id)).one()
        read_roster(self.runtime, context_id)
        work(self.runtime)

    def standings(self) -> dict[str, tuple[Via, Standing]]:
        with self.runtime.db.reading() as tx:
            query = select(User.display_name, Enrolment).join(User, User.id == Enrolment.user_id)
            return {name.split()[0]: (row.via, row.standing) for name, row in tx.execute(query)}

    def user_id(self, name: str) -> int:
        with self.runtime.db.reading() as tx:
            return tx.scalars(select(User.id).where(User.display_name.startswith(name))).one()

    def page(self, query: str = "", path: str = PEOPLE) -> str:
        answer = self.launcher.client.get(self.home + path + query)
        assert answer.status_code == 200
        return str(answer.text)


@pytest.fixture
def group(
    runtime: Runtime, launcher: Launcher, campus: CampusServer, run_import: Import, registration_id: int
) -> Class:
    run_import(registration_id=registration_id)
    activity = campus.add_activity("Trees", custom={"coursebridge_item": f"courses/{SLUG}"})
    path = launcher.open("tess", activity)
    work(runtime)
    return Class(runtime, launcher, activity, "/".join(path.split("/")[:3]))


IN = (Via.LMS, Standing.ACTIVE)
OUT = (Via.LMS, Standing.ENDED)


def test_the_class_takes_the_course_before_anybody_else_launched(group: Class) -> None:
    assert group.standings() == dict.fromkeys(["Amir", "Ada", "Ben", "Chi", "Olga", "Test"], IN)


def test_who_left_is_out_and_back_when_the_list_or_a_launch_says_so(group: Class) -> None:
    for _ in range(2):
        ada = group.campus.remove_person("ada")
        group.read()
        assert group.standings()["Ada"] == OUT
        group.campus.campus.store.add_person(ada)
        group.read()
        assert group.standings()["Ada"] == IN
    ada = group.campus.remove_person("ada")
    group.read()
    group.campus.campus.store.add_person(ada)
    group.launcher.open("ada", group.activity)
    work(group.runtime)
    assert group.standings()["Ada"] == IN


def test_who_becomes_a_teacher_does_not_take_the_course(group: Class) -> None:
    group.campus.change_person("ada", role=CampusRole.TEACHER)
    group.read()
    assert group.standings()["Ada"] == OUT


def test_a_payment_or_a_code_outlives_the_lms_course(group: Class) -> None:
    with group.runtime.db.transaction() as tx:
        courses.grant(tx, group.user_id("Ada"), SLUG, "transfer", "1")
        tx.get_one(Enrolment, (group.user_id("Ben"), course_id(tx))).via = Via.INVITATION
        tx.get_one(Enrolment, (group.user_id("Chi"), course_id(tx))).via = Via.OPEN
    for username in ("ada", "ben", "chi"):
        group.campus.remove_person(username)
    group.read()
    found = group.standings()
    assert found["Ada"] == (Via.PAYMENT, Standing.ACTIVE)
    assert found["Ben"] == (Via.INVITATION, Standing.ACTIVE)
    assert found["Chi"] == (Via.OPEN, Standing.ENDED)


def course_id(tx: Any) -> int:
    course = find_course(tx, SLUG)
    assert course is not None
    return course.id


def test_who_is_in_another_lms_course_that_uses_it_stays(group: Class) -> None:
    other = {"https://purl.imsglobal.org/spec/lti/claim/context": {"id": "other", "title": "Other"}}
    assert group.launcher.launch_changed("ada", group.activity, claims=other).status_code == 303
    with group.runtime.db.reading() as tx:
        first = tx.scalars(select(Context.id).order_by(Context.id)).first() or 0
    group.campus.remove_person("ada")
    read_roster(group.runtime, first)
    work(group.runtime)
    assert group.standings()["Ada"] == IN


def test_who_dropped_it_is_not_enrolled_by_a_list(group: Class) -> None:
    path = group.launcher.open("ada", group.activity)
    group.launcher.client.post(path.split("#")[0] + "drop")
    group.read()
    assert group.standings()["Ada"] == (Via.LMS, Standing.DROPPED)


def test_a_course_that_one_learner_found_in_the_catalogue_is_not_for_the_class(group: Class) -> None:
    with group.runtime.db.transaction() as tx:
        lti.place_course(tx, tx.scalars(select(Context.id)).one(), "other")
        facts = {"slug": "other", "uid": "o", "title": "Other", "summary": "", "language": "en", "authors": []}
        course = find_course(tx, SLUG)
        assert course is not None
        tx.add(Course(**facts, licence="", imported_at=course.imported_at))
    group.campus.add_person("new", "New Person")
    group.read()
    with group.runtime.db.reading() as tx:
        assert courses.find_taking(tx, group.user_id("New"), "other") is None
        assert courses.find_taking(tx, group.user_id("New"), SLUG) is not None


def test_the_teachers_page_shows_the_class(group: Class) -> None:
    group.launcher.open("ada", group.activity)
    group.campus.remove_person("ben")
    group.read()
    page = group.page()
    for text in ("Ada Lopez", "Takes it", "Has left the LMS course", "Never"):
        assert text in page, text
    ways = group.page(path=WAYS_IN)
    assert "6 people on the list" in ways and "1 left" in ways
    assert "Tess Tanaka" not in page.partition('id="class"')[2].partition("<footer")[0]


def test_the_list_is_read_by_a_button_and_a_failure_is_told(group: Class) -> None:
    client = group.launcher.client
    assert client.post(f"{group.home}{PEOPLE}/read").status_code == 303
    asked = group.campus.hits("members")
    work(group.runtime)
    assert group.campus.hits("members") == asked  # the launch has just asked for it
    with group.runtime.db.transaction() as tx:
        tx.execute(update(Roster).values(requested_at=None))
    group.campus.set_fault("members", "status", value=503)
    assert client.post(f"{group.home}{PEOPLE}/read").status_code == 303
    assert "is being read" in group.page(path=WAYS_IN)
    work(group.runtime)
    assert "could not be read; nobody was added or removed" in group.page(path=WAYS_IN)
    assert "Ada Lopez" in group.page()


def test_pages_take_at_most_six_queries_whoever_came_in(group: Class) -> None:
    with group.runtime.db.transaction() as tx:
        platform = tx.get_one(User, group.user_id("Ada")).registration_id
        ways = {Via.INVITATION: "By Code", Via.OPEN: "By Catalogue", Via.LMS: "By Another"}
        for via, name in ways.items():
            known = {"sub": name, "hub_name": f"u-{via.value}", "display_name": name}
            who = User(registration_id=platform, **known)
            tx.add(who)
            tx.flush()
            enrol(tx, who.id, course_id(tx), via)
        assert make_invitation(tx, course_id(tx), 1, 1)
    for path in (PEOPLE, WAYS_IN):
        with counted(group.runtime) as statements:
            page = group.page(path=path)
        assert len(statements) <= 6, (path, statements)
        assert all(name in page for name in ways.values()) is (path == PEOPLE)


def test_learners_have_no_such_page(group: Class) -> None:
    home = "/".join(group.launcher.open("ada", group.activity).split("/")[:3])
    assert group.launcher.client.get(home + PEOPLE).status_code == 403
    assert group.launcher.client.get(home + WAYS_IN).status_code == 403
    assert group.launcher.client.post(f"{home}{PEOPLE}/read").status_code == 403


def test_a_large_class_comes_in_pages(group: Class) -> None:
    for number in range(60):
        group.campus.add_person(f"p{number}", f"Person {number:02}")
    group.read()
    first, second = group.page(), group.page("?page=2")
    assert "Person 30" in first and "Person 59" not in first and "Person 59" in second and "66 people" in second
    assert "Person 59" in group.page("?page=99") and "Person 00" in group.page("?page=-1")


def test_codes_are_made_beside_it(group: Class) -> None:
    with group.runtime.db.transaction() as tx:
        tx.get_one(Course, course_id(tx)).admission = Admission.INVITATION
    assert "New code" in group.launcher.client.post(group.home + WAYS_IN, data={"places": "3"}).text
    with group.runtime.db.transaction() as tx:
        assert make_invitation(tx, course_id(tx), 1, 1)
