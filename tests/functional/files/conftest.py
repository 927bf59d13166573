"""The plugin on its own: a course, its staff and learners, and a worker that works when told to."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from PIL import Image

from lti_tool.contract import Plugin, load_plugins
from lti_tool.kernel import clock, jobs
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from tests.factories.grading import Place, make_person, make_place
from tests.functional.grading.conftest import Browser

SLUG = "trees"


@pytest.fixture
def plugins() -> list[Plugin]:
    """What files needs."""
    return load_plugins(["lti_tool.lti", "grading", "plugins.files"])


@pytest.fixture
def place(runtime: Runtime) -> Place:
    """An LMS course."""
    with runtime.db.transaction() as tx:
        return make_place(tx)


@pytest.fixture
def browse(app: Flask, runtime: Runtime, place: Place) -> Callable[..., Browser]:
    """`browse(role, course)` → the browser of somebody new."""

    def make(role: Role = Role.TEACHER, course_slug: str = SLUG) -> Browser:
        with runtime.db.transaction() as tx:
            who = make_person(tx, place, role.value, role)
        return Browser(app, who, course_slug)

    return make


@pytest.fixture
def teacher(browse: Callable[..., Browser]) -> Browser:
    """A teacher of the course."""
    return browse()


@pytest.fixture
def work(runtime: Runtime) -> Callable[[], None]:
    """Run every job that is due, as a worker would."""

    def run() -> None:
        while True:
            with runtime.db.reading() as tx:
                due = jobs.due_ids(tx)
            if not due:
                return
            for job_id in due:
                jobs.run_job(runtime, runtime.db.router, job_id)

    return run


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 30), **options: Any) -> bytes:
    """An image."""
    made = io.BytesIO()
    Image.effect_noise(size, 50).convert("RGB").save(made, kind, **options)
    return made.getvalue()


def now_ms() -> int:
    """The time, in milliseconds."""
    return int(clock.now().timestamp() * 1000)
