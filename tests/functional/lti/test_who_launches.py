"""Launches of people who are nobody's learner: observers, anonymous ones, and those whose data were erased."""

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from lti_tool.demo.model import Activity
from lti_tool.demo.testing import CampusServer
from lti_tool.kernel.audit import list_acts
from lti_tool.kernel.errors import Forbidden
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.claims import LTI
from lti_tool.lti.commands import platform
from lti_tool.lti.models import Context, Membership, User, Visit
from lti_tool.lti.personal_data import erase_personal_data, export_personal_data
from lti_tool.lti.public import Observed, find_person_by_hub_name, get_observed
from tests.fakes.launching import Launcher

canvas = pytest.mark.parametrize("campus", ["canvas"], indirect=True)


def observed_by(runtime: Runtime, campus: CampusServer, username: str) -> Observed:
    with runtime.db.reading() as tx:
        user_id = tx.scalars(select(User.id).where(User.sub == campus.person(username).sub)).one()
        context_id = tx.scalars(select(Context.id)).one()
        return get_observed(tx, user_id, context_id)


@canvas
def test_observer_follows_whom_the_claim_names(
    launcher: Launcher, quiz: Activity, campus: CampusServer, runtime: Runtime
) -> None:
    launcher.open("olga", quiz)
    with pytest.raises(Forbidden):
        observed_by(runtime, campus, "olga")  # Ada was never here
    launcher.open("ada", quiz)
    launcher.open("ben", quiz)
    assert observed_by(runtime, campus, "olga").name == "Ada Lopez"
    with pytest.raises(Forbidden):
        observed_by(runtime, campus, "ben")


@pytest.mark.parametrize("campus", ["moodle"], indirect=True)
def test_variable_of_canvas_names_them_too_and_its_bare_name_nobody(
    launcher: Launcher, quiz: Activity, campus: CampusServer, runtime: Runtime
) -> None:
    launcher.open("ada", quiz)
    mentor = {LTI + "roles": ["http://purl.imsglobal.org/vocab/lis/v2/membership#Mentor"]}
    custom = {"coursebridge_item": "courses/demo/quiz-1", "coursebridge_observees": f" {campus.person('ada').sub},x"}
    launcher.launch_changed("olga", quiz, claims={**mentor, LTI + "custom": custom})
    assert observed_by(runtime, campus, "olga").everybody == (
        (observed_by(runtime, campus, "olga").user_id, "Ada Lopez"),
    )
    custom["coursebridge_observees"] = "$com.instructure.User.observees"
    launcher.launch_changed("olga", quiz, claims={**mentor, LTI + "custom": custom})
    with pytest.raises(Forbidden):
        observed_by(runtime, campus, "olga")


@canvas
def test_teacher_with_observed_people_observes_nobody(
    launcher: Launcher, quiz: Activity, campus: CampusServer, runtime: Runtime
) -> None:
    launcher.open("ada", quiz)
    launcher.launch_changed("tess", quiz, claims={LTI + "role_scope_mentor": [campus.person("ada").sub]})
    with pytest.raises(Forbidden):
        observed_by(runtime, campus, "tess")


@canvas
def test_erased_learner_is_followed_by_nobody(
    launcher: Launcher, quiz: Activity, campus: CampusServer, runtime: Runtime
) -> None:
    launcher.open("olga", quiz)
    launcher.open("ada", quiz)
    with runtime.db.transaction() as tx:
        ids = {row.display_name: row.id for row in tx.scalars(select(User))}
        assert export_personal_data(tx, ids["Olga Lopez"])["follows"][0]["learner"] == campus.person("ada").sub
        erase_personal_data(tx, ids["Ada Lopez"])
    with runtime.db.reading() as tx:
        assert export_personal_data(tx, ids["Olga Lopez"])["follows"] == []


class TestErased:
    """Whoever launches after their data were erased is somebody new."""

    def people(self, runtime: Runtime) -> list[User]:
        with runtime.db.reading() as tx:
            return list(tx.scalars(select(User).order_by(User.id)))

    def erase(self, runtime: Runtime, user_id: int) -> None:
        with runtime.db.transaction() as tx:
            erase_personal_data(tx, user_id)

    def test_is_let_in_as_somebody_new_each_time(self, launcher: Launcher, quiz: Activity, runtime: Runtime) -> None:
        for life in (1, 2, 3):
            page = launcher.client.get(launcher.open("ada", quiz))
            assert page.text == "courses/demo/quiz-1\nAda Lopez\nlearner\n"
            assert launcher.open("ada", quiz), "and is known from then on"
            people = self.people(runtime)
            assert len({person.hub_name for person in people}) == len(people) == life
            assert [person.display_name for person in people] == ["Erased"] * (life - 1) + ["Ada Lopez"]
            self.erase(runtime, people[-1].id)

    def test_has_nothing_of_the_one_before(self, launcher: Launcher, quiz: Activity, runtime: Runtime) -> None:
        launcher.open("ada", quiz)
        self.erase(runtime, 1)
        launcher.open("ada", quiz)
        before, after = self.people(runtime)
        with runtime.db.reading() as tx:
            assert set(tx.scalars(select(Visit.user_id))) == set(tx.scalars(select(Membership.user_id))) == {after.id}
            assert export_personal_data(tx, before.id)["courses"] == []
            found = find_person_by_hub_name(tx, before.hub_name)
        assert found is not None and found.id == before.id, "what is kept by the old name stays the erased person's"

    def test_is_not_reached_by_a_sub_that_is_like_an_erased_one(
        self, launcher: Launcher, quiz: Activity, runtime: Runtime
    ) -> None:
        launcher.open("ada", quiz)
        self.erase(runtime, 1)
        (erased,) = self.people(runtime)
        assert launcher.launch_changed("ben", quiz, claims={"sub": erased.sub}).status_code == 400
        assert launcher.launch_changed("ben", quiz, claims={"sub": "erased:1"}).status_code == 303
        assert [person.display_name for person in self.people(runtime)] == ["Erased", "Ben Okafor"]


class TestAnonymous:
    def accept(self, runtime: Runtime, number: int, word: str = "--accept") -> str:
        done = CliRunner().invoke(platform, ["anonymous", str(number), word], obj=runtime, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    def test_refused_until_the_operator_lets_them_in(
        self, launcher: Launcher, quiz: Activity, runtime: Runtime, registration_id: int
    ) -> None:
        assert launcher.launch_changed("ada", quiz, drop=["sub"]).status_code == 400
        assert "let in as guests" in self.accept(runtime, registration_id)
        assert launcher.launch_changed("ada", quiz, drop=["sub"]).status_code == 303
        self.accept(runtime, registration_id, "--refuse")
        assert launcher.launch_changed("ada", quiz, drop=["sub"]).status_code == 400
        with runtime.db.reading() as tx:
            told = [act.after for act in list_acts(tx, action="platform.accept_anonymous")]
        assert told == [{"accepts_anonymous": False}, {"accepts_anonymous": True}]

    def test_guest_is_nobody_whatever_the_roles_say(
        self, launcher: Launcher, quiz: Activity, runtime: Runtime, registration_id: int
    ) -> None:
        self.accept(runtime, registration_id)
        for username in ("tess", "ada"):
            answer = launcher.launch_changed(username, quiz, drop=["sub"])
            page = launcher.client.get(answer.headers["Location"]).text
            assert page == "courses/demo/quiz-1\nGuest\nobserver\n"
        with runtime.db.reading() as tx:
            assert len(tx.scalars(select(User)).all()) == 1, "one guest for all"
            assert set(tx.scalars(select(Membership.role))) == set(tx.scalars(select(Visit.role))) == {Role.OBSERVER}

    def test_content_is_chosen_by_somebody(
        self, launcher: Launcher, quiz: Activity, runtime: Runtime, registration_id: int
    ) -> None:
        self.accept(runtime, registration_id)
        assert launcher.launch_changed("tess", None, drop=["sub"]).status_code == 400

    @pytest.mark.parametrize("sub", ["", " ", "\N{EMPTY SET}"])
    def test_sub_that_is_there_has_to_be_one(
        self, sub: str, launcher: Launcher, quiz: Activity, runtime: Runtime, registration_id: int
    ) -> None:
        self.accept(runtime, registration_id)
        assert launcher.launch_changed("ada", quiz, claims={"sub": sub}).status_code == 400
