"""The plugin over files and progress: a course, its people, and a worker that works when told to."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from lti_tool.contract import Plugin, load_plugins
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from plugins.files import public as files
from plugins.video import public as video
from tests.factories.grading import SLUG, Place, Someone, make_person, make_place, work
from tests.functional.grading.conftest import Browser

Upload = Callable[..., video.Video]


@pytest.fixture
def plugins() -> list[Plugin]:
    """What video needs."""
    names = ("plugins.files", "plugins.progress", "plugins.video")
    return load_plugins(["lti_tool.lti", "grading", *names])


@pytest.fixture
def place(runtime: Runtime) -> Place:
    """An LMS course."""
    with runtime.db.transaction() as tx:
        return make_place(tx)


@pytest.fixture
def someone(runtime: Runtime, place: Place) -> Callable[..., Someone]:
    """`someone(role)` → somebody new."""

    def make(role: Role = Role.LEARNER) -> Someone:
        with runtime.db.transaction() as tx:
            return make_person(tx, place, role.value, role)

    return make


@pytest.fixture
def browse(app: Flask, someone: Callable[..., Someone]) -> Callable[..., Browser]:
    """`browse(role or person)` → their browser."""
    return lambda who=Role.TEACHER: Browser(app, someone(who) if isinstance(who, Role) else who, SLUG)


@pytest.fixture
def teacher(browse: Callable[..., Browser]) -> Browser:
    """A teacher's browser."""
    return browse()


@pytest.fixture
def upload(runtime: Runtime) -> Upload:
    """`upload(content, name)` → the video once everything has been done about it."""

    def run(content: bytes, name: str = "Trees.webm") -> video.Video:
        with runtime.db.transaction() as tx:
            file = files.store_bytes(tx, runtime, course_slug=SLUG, owner_id=None, name=name, content=content)
        work(runtime)
        with runtime.db.reading() as tx:
            found = video.find_video(tx, file.id)
        assert found is not None
        return found

    return run


@pytest.fixture
def read(runtime: Runtime) -> Callable[[int], video.Video]:
    """`read(id)` → the video as it is now."""

    def run(video_id: int) -> Any:
        with runtime.db.reading() as tx:
            return video.get_video(tx, SLUG, video_id)

    return run
