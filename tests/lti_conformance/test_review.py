"""Submission review: one learner's work, for staff of their LMS course and for themselves."""

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select, update

from lti_tool.demo.claims import FOR_USER, REVIEW_LAUNCH
from lti_tool.demo.model import Activity
from lti_tool.demo.testing import CampusServer
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.claims import AGS, LTI
from lti_tool.lti.models import Context, Link, User, Visit
from lti_tool.lti.reviewing import review_url
from tests.conftest import BASE_URL
from tests.fakes.launching import Launcher
from tests.lti_conformance.refusals import Refusals

both = pytest.mark.parametrize("campus", ["moodle", "canvas"], indirect=True)
QUIZ = "courses/demo/quiz-1"


def known(runtime: Runtime, campus: CampusServer, username: str) -> User:
    with runtime.db.reading() as tx:
        return tx.scalars(select(User).where(User.sub == campus.person(username).sub).order_by(User.id.desc())).first()  # type: ignore[return-value]


def work_url(runtime: Runtime, campus: CampusServer, username: str, activity: Activity) -> str:
    with runtime.db.reading() as tx:
        query = (
            select(Link.id)
            .join(Context, Context.id == Link.context_id)
            .join(User, User.registration_id == Context.registration_id)
            .where(User.sub == campus.person(username).sub, Link.resource_link_id == activity.resource_link_id)
        )
        link_id = tx.scalars(query).one()
    return review_url(BASE_URL, link_id, known(runtime, campus, username).hub_name)


def test_teacher_opens_the_work_of_a_learner(
    launcher: Launcher, quiz: Activity, campus: CampusServer, runtime: Runtime
) -> None:
    launcher.open("ada", quiz)
    path = launcher.open("tess", quiz, for_user="ada")
    assert path.endswith(f"/stub/review/{known(runtime, campus, 'ada').id}/{QUIZ}")


def test_review_leaves_the_activity_and_the_visits_as_they_were(
    launcher: Launcher, quiz: Activity, runtime: Runtime
) -> None:
    launcher.open("ada", quiz)

    def count() -> Any:
        with runtime.db.reading() as tx:
            return [tx.scalar(select(func.count()).select_from(model)) for model in (Link, Visit)]

    before = count()
    launcher.open("tess", quiz, for_user="ada")
    assert count() == before


def test_learner_sees_their_own_and_nobody_elses(launcher: Launcher, quiz: Activity, refused: Refusals) -> None:
    launcher.open("ada", quiz)
    launcher.open("ben", quiz)
    assert launcher.open("ada", quiz, for_user="ada").endswith("/stub/" + QUIZ)
    refused = Refusals(refused.runtime)
    refused(launcher.launch("ben", quiz, for_user="ada"))


@pytest.mark.parametrize("campus", ["canvas"], indirect=True)
def test_assistant_sees_it_only_while_the_teacher_lets_assistants_mark(
    launcher: Launcher, quiz: Activity, campus: CampusServer, runtime: Runtime
) -> None:
    launcher.open("ada", quiz)
    graded = campus.add_activity("Marking page", url=work_url(runtime, campus, "ada", quiz))
    assert "/stub/review/" in launcher.open("amir", graded)
    with runtime.db.transaction() as tx:
        tx.execute(update(Context).values(assistant_rights=["see_people", "edit_course"]))
    refused = Refusals(runtime)
    refused(launcher.launch("amir", graded))


def test_line_item_finds_the_activity_where_no_link_is_named(
    launcher: Launcher, quiz: Activity, campus: CampusServer, runtime: Runtime
) -> None:
    launcher.open("ada", quiz)
    launcher.open("tess", quiz)
    ada = {"user_id": campus.person("ada").sub}
    review = {LTI + "message_type": REVIEW_LAUNCH, FOR_USER: ada}
    answer = launcher.launch_changed("tess", quiz, claims=review, drop=[LTI + "resource_link"])
    assert answer.headers["Location"].endswith(QUIZ) and "/review/" in answer.headers["Location"]
    refused = Refusals(runtime)
    refused(launcher.launch_changed("tess", quiz, claims=review, drop=[LTI + "resource_link", AGS]))


@pytest.mark.parametrize(
    "changes",
    [
        {"claims": {FOR_USER: {"user_id": "999"}}},
        {"claims": {FOR_USER: {"user_id": ""}}},
        {"claims": {FOR_USER: {"user_id": 5}}},
        {"claims": {FOR_USER: {}}},
        {"claims": {FOR_USER: "5"}},
        {"drop": [FOR_USER]},
        {"drop": ["sub"]},
        {"drop": [LTI + "target_link_uri"]},
        {"claims": {LTI + "context": {"id": "another course"}}},
        {"claims": {LTI + "resource_link": {"id": "another"}}},
        {"claims": {LTI + "roles": ["http://purl.imsglobal.org/vocab/lis/v2/institution/person#Instructor"]}},
        {"claims": {LTI + "roles": ["http://purl.imsglobal.org/vocab/lis/v2/membership#Mentor"]}},
        {"claims": {LTI + "deployment_id": "999"}},
    ],
    ids=str,
)
def test_review_that_does_not_hold(
    changes: dict[str, Any], launcher: Launcher, quiz: Activity, campus: CampusServer, runtime: Runtime
) -> None:
    launcher.open("ada", quiz)
    launcher.open("tess", quiz)
    base = {LTI + "message_type": REVIEW_LAUNCH, FOR_USER: {"user_id": campus.person("ada").sub}}
    refused = Refusals(runtime)
    claims = {**base, **changes.get("claims", {})}
    refused(launcher.launch_changed("tess", quiz, **{**changes, "claims": claims}))


@both
def test_address_of_a_score_opens_the_work(
    launcher: Launcher, quiz: Activity, campus: CampusServer, runtime: Runtime
) -> None:
    launcher.open("ada", quiz)
    graded = campus.add_activity("As the marking page opens it", url=work_url(runtime, campus, "ada", quiz))
    assert "/stub/review/" in launcher.open("tess", graded)
    assert launcher.open("ada", graded).endswith("/stub/" + QUIZ)
    refused = Refusals(runtime)
    refused(launcher.launch("ben", graded))


def test_address_is_no_key_to_another_course(
    launcher: Launcher, quiz: Activity, campus: CampusServer, runtime: Runtime
) -> None:
    launcher.open("ada", quiz)
    graded = campus.add_activity("Marking page", url=work_url(runtime, campus, "ada", quiz))
    launcher.open("tess", quiz)
    refused = Refusals(runtime)
    refused(launcher.launch_changed("tess", graded, claims={LTI + "context": {"id": "course of another teacher"}}))


def course() -> dict[str, Any]:
    """Claims of a course that no other test has."""
    return {LTI + "context": {"id": uuid4().hex}}


def test_learner_of_another_course_is_no_learner_of_this_one(
    launcher: Launcher, quiz: Activity, campus: CampusServer, runtime: Runtime
) -> None:
    here, there, other = course(), course(), campus.add_activity("Elsewhere")
    review = {LTI + "message_type": REVIEW_LAUNCH, FOR_USER: {"user_id": campus.person("ben").sub}, **here}
    launcher.launch_changed("tess", quiz, claims=here)
    launcher.launch_changed("ben", other, claims=there)
    refused = Refusals(runtime)
    refused(launcher.launch_changed("tess", quiz, claims=review))
    launcher.launch_changed("ben", quiz, claims=here)
    assert "/review/" in launcher.launch_changed("tess", quiz, claims=review).headers["Location"]


def test_address_of_one_course_opens_nothing_in_another_that_the_learner_is_in(
    launcher: Launcher, quiz: Activity, campus: CampusServer, runtime: Runtime
) -> None:
    here, there = course(), course()
    other = campus.add_activity("Elsewhere", custom={"coursebridge_item": QUIZ})
    for activity, claims in ((quiz, here), (other, there)):
        launcher.launch_changed("ada", activity, claims=claims)
        launcher.launch_changed("tess", activity, claims=claims)
    graded = campus.add_activity("Marking page", url=work_url(runtime, campus, "ada", other))
    refused = Refusals(runtime)
    refused(launcher.launch_changed("tess", graded, claims=here))
    assert "/review/" in launcher.launch_changed("tess", graded, claims=there).headers["Location"]


def test_teachers_and_assistants_have_no_work_to_review(launcher: Launcher, quiz: Activity, runtime: Runtime) -> None:
    launcher.open("tess", quiz)
    launcher.open("amir", quiz)
    refused = Refusals(runtime)
    refused(launcher.launch("tess", quiz, for_user="amir"))
