"""A quiz that is closed to a learner is closed to their single-user server too, whichever way it asks."""

import base64
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from lti_tool.kernel import clock
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from plugins.courses.guarding import KEPT_S
from plugins.courses.models import Item, PartState
from tests.factories import notebooks as make
from tests.factories.course_folders import TOML
from tests.factories.grading import Place, Someone
from tests.fakes.hub import FakeHub
from tests.functional.courses.conftest import SLUG, Import
from tests.functional.grading.conftest import hub, settings

__all__ = ["hub", "settings"]


def change(runtime: Runtime, **values: Any) -> None:
    with runtime.db.transaction() as tx:
        tx.execute(update(Item).where(Item.assignment == "quiz-1").values(**values))
    clock.advance(KEPT_S)


@pytest.mark.parametrize("role", [Role.LEARNER, Role.TEACHER])
def test_closed_quiz_is_neither_given_nor_taken(
    client: FlaskClient,
    runtime: Runtime,
    hub: FakeHub,
    run_import: Import,
    place: Place,
    someone: Callable[[Role], Someone],
    role: Role,
) -> None:
    run_import()
    headers = {"Authorization": f"Bearer {hub.token_of(someone(role).hub_name)}"}
    course = f"/api/v1/courses/{SLUG}-{place.placement_id}/assignments"

    def ask() -> tuple[int, bool]:
        answer = client.get(course, headers=headers)
        assert answer.json is not None
        listed = any(quiz["name"] == "quiz-1" for quiz in answer.json["assignments"])
        return client.get(f"{course}/quiz-1/release", headers=headers).status_code, listed

    closed = (200, True) if role.is_staff else (403, False)
    with clock.frozen(clock.now()):
        assert ask() == (200, True)
        change(runtime, release_at=clock.now() + timedelta(days=1))
        assert ask() == closed
        files = [{"path": "quiz-1.ipynb", "content_b64": base64.b64encode(b"{}").decode()}]
        body = {"files": files, "via": "assignment_list", "request_id": str(uuid4())}
        assert client.post(f"{course}/quiz-1/submissions", json=body, headers=headers).status_code == 403
        change(runtime, release_at=None, state=PartState.DRAFT)
        assert ask() == closed
        change(runtime, state=PartState.PUBLISHED)
        assert ask() == (200, True)
        assert client.post(f"{course}/quiz-1/submissions", json=body, headers=headers).status_code == (
            403 if role.is_staff else 201
        )


NOTEBOOK = (
    TOML
    + """
[[module.item]]
type = "notebook"
slug = "growth"
title = "Growth"
file = "media/read/growth.ipynb"
"""
)


@pytest.mark.parametrize("role", [Role.LEARNER, Role.TEACHER])
def test_notebook_lesson_is_given_with_the_files_that_it_names(
    client: FlaskClient,
    runtime: Runtime,
    hub: FakeHub,
    run_import: Import,
    place: Place,
    someone: Callable[[Role], Someone],
    browse: Callable[..., Any],
    role: Role,
) -> None:
    growth = make.notebook(make.code("open('rain.csv'); open('more/sun%20data.csv')"))
    media = {"read/growth.ipynb": growth, "read/rain.csv": b"1", "read/other.csv": b"2", "rain.csv": b"3"}
    run_import({"course.toml": NOTEBOOK} | {f"media/{name}": body for name, body in media.items()})
    who = someone(role)
    headers = {"Authorization": f"Bearer {hub.token_of(who.hub_name)}"}
    url = f"/api/v1/courses/{SLUG}-{place.placement_id}/readings/growth"

    answer = client.get(url, headers=headers)
    assert answer.json is not None and answer.status_code == 200
    files = {each["path"]: base64.b64decode(each["content_b64"]) for each in answer.json["files"]}
    assert files == {"growth.ipynb": growth, "rain.csv": b"1"}

    browser = browse(who)
    assert "Open in JupyterHub" in browser.get(f"/courses/{SLUG}/growth").text
    there = browser.post(f"/courses/{SLUG}/growth/open")
    assert there.status_code == 303 and "ticket=" in there.headers["Location"]
    assert client.get(url.replace("growth", "sowing"), headers=headers).status_code == 404
    assert browser.post(f"/courses/{SLUG}/sowing/open").status_code == 404

    with runtime.db.transaction() as tx:
        tx.execute(update(Item).where(Item.slug == "growth").values(release_at=clock.now() + timedelta(days=1)))
    closed = 200 if role.is_staff else 403
    assert client.get(url, headers=headers).status_code == closed
    assert browser.post(f"/courses/{SLUG}/growth/open").status_code == (303 if role.is_staff else 403)


def test_observer_opens_no_notebook_in_jupyter(run_import: Import, browse: Callable[..., Any]) -> None:
    growth = make.notebook(make.code("1"))
    run_import({"course.toml": NOTEBOOK, "media/read/growth.ipynb": growth})
    assert browse(Role.OBSERVER).post(f"/courses/{SLUG}/growth/open").status_code == 403
