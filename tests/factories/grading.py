"""People, courses and submissions for tests."""

import json
import logging
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import select

from grading.assignments import Rules, get_assignment, publish_assignment, publish_course
from grading.gradebooks import record_prepared
from grading.group_sets import choose_set, load_group_work, save_own_set
from grading.models import SubmissionRow
from grading.submissions import Submitter, make_snapshot, store_submission
from lti_tool.kernel import audit, clock, jobs
from lti_tool.kernel.db import Tx
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti import public as lti
from lti_tool.lti.granting import find_assistant_rights
from lti_tool.lti.models import Context, Deployment, Link, Membership, Placement, Registration, User, Visit
from lti_tool.web.session import SignedIn, session_path, start_session
from tests.fakes.engine import fake_release

SLUG, NAME = "notebooks-101", "quiz-1"
KEY = f"{SLUG}-1"
"""Of the placement that is made first."""
ITEM_REF = f"courses/{SLUG}/quiz-1"
LIMIT = 1_000_000


@dataclass(frozen=True)
class Place:
    """One activity in one LMS course."""

    registration_id: int
    context_id: int
    link_id: int
    placement_id: int


@dataclass(frozen=True)
class Someone:
    """A person who has launched."""

    user_id: int
    hub_name: str
    role: Role
    place: Place

    @property
    def key(self) -> str:
        """Of the placement that they are in."""
        return f"{SLUG}-{self.place.placement_id}"

    @property
    def submitter(self) -> Submitter:
        return Submitter(self.place.placement_id, self.user_id, self.hub_name)


def publish(tx: Tx, **changes: Any) -> int:
    """The course and its quiz."""
    publish_course(tx, SLUG, "Notebooks 101")
    release, rules = fake_release(), Rules(**changes)
    return publish_assignment(tx, SLUG, NAME, title="Quiz 1", item_ref=ITEM_REF, release=release, rules=rules)


def make_place(tx: Tx, name: str = "moodle", slug: str = SLUG) -> Place:
    """A platform with a course and an activity in it."""
    registration = Registration(
        name=name,
        issuer=f"https://{name}.example",
        client_id="client",
        auth_url=f"https://{name}.example/auth",
        token_url=f"https://{name}.example/token",
        jwks_url=f"https://{name}.example/jwks",
        dialect="moodle",
        created_at=clock.now(),
    )
    tx.add(registration)
    tx.flush()
    deployment = Deployment(registration_id=registration.id, deployment_id="1", created_at=clock.now())
    tx.add(deployment)
    tx.flush()
    context = Context(registration_id=registration.id, deployment_row_id=deployment.id, context_id="c1")
    tx.add(context)
    tx.flush()
    return _placed(tx, registration.id, context.id, slug)


def make_context(tx: Tx, place: Place, slug: str = SLUG, title: str = "") -> Place:
    """One more LMS course of the same platform that uses the course, with an activity in it."""
    deployment_id = tx.get_one(Context, place.context_id).deployment_row_id
    context = Context(registration_id=place.registration_id, deployment_row_id=deployment_id, context_id=uuid4().hex)
    context.title = title
    tx.add(context)
    tx.flush()
    return _placed(tx, place.registration_id, context.id, slug)


def _placed(tx: Tx, registration_id: int, context_id: int, slug: str) -> Place:
    placement = Placement(context_id=context_id, course_slug=slug, is_assigned=True)
    tx.add(placement)
    tx.flush()
    record_prepared(tx, [placement.id], "")
    place = Place(registration_id, context_id, 0, placement.id)
    return replace(place, link_id=make_link(tx, place, f"activity-{context_id}"))


def placement_at(runtime: Runtime, place: Place) -> lti.Placement:
    """The placement of a place."""
    with runtime.db.reading() as tx:
        found = lti.find_placement(tx, place.placement_id)
    assert found is not None
    return found


def make_link(tx: Tx, place: Place, resource_link_id: str) -> int:
    """One more activity in the same LMS course."""
    deployment_id = tx.get_one(Context, place.context_id).deployment_row_id
    link = Link(
        registration_id=place.registration_id,
        deployment_row_id=deployment_id,
        context_id=place.context_id,
        resource_link_id=resource_link_id,
        item_ref=ITEM_REF,
        lineitem_url=f"https://moodle.example/lineitems/{resource_link_id}?type_id=1",
    )
    tx.add(link)
    tx.flush()
    return link.id


def make_person(tx: Tx, place: Place, name: str = "Ada L.", role: Role = Role.LEARNER) -> Someone:
    """Somebody who has launched the activity."""
    user = User(
        registration_id=place.registration_id, sub=uuid4().hex, hub_name=f"u-{uuid4().hex[:26]}", display_name=name
    )
    tx.add(user)
    tx.flush()
    tx.add(Membership(user_id=user.id, context_id=place.context_id, role=role))
    visit(tx, user.id, place.link_id, role)
    return Someone(user.id, user.hub_name, role, place)


def visit(tx: Tx, user_id: int, link_id: int, role: Role = Role.LEARNER) -> None:
    """A launch."""
    tx.add(Visit(user_id=user_id, link_id=link_id, role=role, item_ref=ITEM_REF))
    tx.flush()


def notebook(**said: Any) -> dict[str, bytes]:
    """The files of a submission that the fake engine marks as it says."""
    return {f"{NAME}.ipynb": json.dumps({"cells": [], **said}).encode()}


def submit(runtime: Runtime, who: Someone, request_id: str = "", **said: Any) -> int:
    """Hand in; returns the id of the submission."""
    with runtime.db.transaction() as tx:
        row, _new = store_submission(
            tx,
            get_assignment(tx, SLUG, NAME),
            who.submitter,
            make_snapshot(notebook(**said), LIMIT),
            via="page",
            request_id=request_id or uuid4().hex,
        )
    return row.id


def get_submission(runtime: Runtime, submission_id: int) -> SubmissionRow:
    """As it is now."""
    with runtime.db.reading() as tx:
        return tx.get_one(SubmissionRow, submission_id)


def work(runtime: Runtime, *, rounds: int = 50) -> None:
    """Run everything that is due, as a worker would, until nothing is left."""
    for _ in range(rounds):
        with runtime.db.reading() as tx:
            due = jobs.due_ids(tx)
        if not due:
            return
        for job_id in due:
            jobs.run_job(runtime, runtime.db.router, job_id)
    raise AssertionError("There is always more to do.")


def work_without_failures(runtime: Runtime, caplog: pytest.LogCaptureFixture) -> None:
    """The same; what a job raises is an error of the test, where a worker would only log it and try again."""
    caplog.set_level(logging.WARNING)
    work(runtime)
    assert caplog.messages == []
    with runtime.db.reading() as tx:
        assert set(tx.scalars(select(jobs.JobRow.state))) == {jobs.JobState.DONE}


def sign_in(app: Flask, who: Someone, course_slug: str = SLUG, **facts: Any) -> str:
    """Path of a session of this person; `facts` are fields of it."""
    runtime: Runtime = app.extensions["coursebridge.runtime"]
    with runtime.db.reading() as tx:
        granted = find_assistant_rights(tx, who.place.context_id, who.role)
    signed_in = SignedIn(
        user_id=who.user_id,
        registration_id=who.place.registration_id,
        context_id=who.place.context_id,
        link_id=who.place.link_id,
        course_slug=course_slug,
        role=who.role,
        display_name="Ada L.",
        hub_name=who.hub_name,
        course_title="Notebooks 101",
        platform_name="Moodle",
        frame_origin="",
        return_url="",
        locale="en",
        placement_id=who.place.placement_id,
        granted=granted,
    )
    with app.test_request_context(), runtime.db.transaction() as tx:
        token = start_session(tx, replace(signed_in, **facts), None)
    return session_path(token, "")


def moment(text: str) -> datetime:
    """An aware time."""
    return datetime.fromisoformat(text)


def work_in_groups(runtime: Runtime, place: Place, groups: dict[str, list[Someone]]) -> int:
    """Have the quiz done in groups of this set; returns its id. They may be others later: call it again."""
    by = audit.Actor("Teacher", audit.Via.COURSE)
    wanted = {who.user_id: name for name, members in groups.items() for who in members}
    with runtime.db.transaction() as tx:
        task = load_group_work(tx, SLUG, NAME, place.placement_id)
        set_id = save_own_set(tx, place.placement_id, task.set_id, "Teams", wanted)
        choose_set(tx, task, place.placement_id, set_id, by)
    return set_id
