"""The plugin over progress: a course, learners who are far enough, and their browsers."""

from collections.abc import Callable

import pytest
from flask import Flask

from lti_tool.contract import Plugin, load_plugins
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from plugins.progress import public as progress
from plugins.reviews.eligibility import Who
from tests.factories.grading import SLUG, Place, Someone, make_person, make_place
from tests.functional.grading.conftest import Browser

REFS = [f"courses/{SLUG}/{name}" for name in ("one", "two", "three", "four")]


@pytest.fixture
def plugins() -> list[Plugin]:
    """What reviews need."""
    return load_plugins(["lti_tool.lti", "grading", "plugins.files", "plugins.progress", "plugins.reviews"])


@pytest.fixture
def place(runtime: Runtime) -> Place:
    """An LMS course whose course has four lessons."""
    with runtime.db.transaction() as tx:
        items = [progress.ItemDef(ref, "lesson") for ref in REFS]
        progress.publish_outline(tx, SLUG, progress.OutlineDef([progress.ModuleDef("m", "M", items)]))
        return make_place(tx)


def advance(runtime: Runtime, who: Someone, lessons: int) -> None:
    """Let somebody do so many of the four lessons."""
    with runtime.db.transaction() as tx:
        for ref in REFS[:lessons]:
            progress.mark_done(tx, progress.Learner(who.place.placement_id, who.user_id), ref)


@pytest.fixture
def someone(runtime: Runtime, place: Place) -> Callable[..., Someone]:
    """`someone(name, role, lessons)` → somebody new who has done so many lessons."""

    def make(name: str = "Ada Lovelace", role: Role = Role.LEARNER, lessons: int = 2, at: Place = place) -> Someone:
        with runtime.db.transaction() as tx:
            who = make_person(tx, at, name, role)
        if role.is_learner:
            advance(runtime, who, lessons)
        return who

    return make


@pytest.fixture
def browse(app: Flask) -> Callable[[Someone], Browser]:
    """`browse(person)` → their browser."""
    return lambda who: Browser(app, who, SLUG)


def who_of(person: Someone) -> Who:
    """The person as the service knows them."""
    return Who(person.user_id, person.place.registration_id, person.place.placement_id, person.role)
