"""The plugin over files and progress: a course, its people, and a worker that works when told to."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from lti_tool.contract import Plugin, load_plugins
from lti_tool.kernel import clock
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from plugins.files import public as files
from plugins.video import public as video
from plugins.video import service
from plugins.video.models import VideoRow, VideoState
from tests.factories.grading import SLUG, Place, Someone, make_person, make_place, work
from tests.factories.videos import make_video
from tests.functional.files.conftest import picture
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
def film(runtime: Runtime) -> video.Video:
    """A video of 20 s that is ready; what is in it was not looked into."""
    with runtime.db.transaction() as tx:
        file, poster = (
            files.store_bytes(tx, runtime, course_slug=SLUG, owner_id=None, name=name, content=content)
            for name, content in (("Trees.webm", make_video(20)), ("poster.png", picture()))
        )
        row = VideoRow(
            course_slug=SLUG,
            slug="trees",
            file_id=file.id,
            title="Trees",
            state=VideoState.READY,
            duration_ms=20_000,
            width=160,
            height=90,
            created_at=clock.now(),
        )
        tx.add(row)
        tx.flush()
        service.set_poster(tx, row, poster.id)
        return video.get_video(tx, SLUG, row.id)


@pytest.fixture
def read(runtime: Runtime) -> Callable[[int], video.Video]:
    """`read(id)` → the video as it is now."""

    def run(video_id: int) -> Any:
        with runtime.db.reading() as tx:
            return video.get_video(tx, SLUG, video_id)

    return run
