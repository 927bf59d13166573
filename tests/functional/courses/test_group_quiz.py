"""Group work from the groups of an LMS to the grades in its gradebook, with the engine that marks."""

import io
import json
import re

import pytest

from config.settings import DEFAULT_PLUGINS
from lti_tool.contract import Plugin, load_plugins
from lti_tool.demo.model import Tool
from lti_tool.demo.profiles import supported_scopes
from lti_tool.demo.testing import CampusServer
from lti_tool.kernel.runtime import Runtime
from tests.conftest import BASE_URL
from tests.factories import notebooks as make
from tests.factories.grading import work
from tests.fakes.fixtures import campus, launcher, registration_id, served
from tests.fakes.launching import Launcher
from tests.functional.courses.conftest import SLUG, Import

__all__ = ["campus", "launcher", "registration_id", "served"]


@pytest.fixture
def plugins() -> list[Plugin]:
    return load_plugins(DEFAULT_PLUGINS)


@pytest.fixture
def tool(campus: CampusServer, served: str) -> Tool:
    """The tool as a campus knows it that lets it read groups."""
    return campus.add_tool(BASE_URL, jwks_url=f"{served}/lti/jwks", scopes=supported_scopes(campus.profile))


def test_one_of_a_group_hands_in_and_the_lms_has_the_mark_of_each(
    runtime: Runtime, launcher: Launcher, campus: CampusServer, run_import: Import
) -> None:
    run_import()
    campus.add_group("Red", "ada", "ben", set_name="Teams")
    campus.add_group("Blue", "chi", set_name="Teams")
    quiz = campus.add_activity("Sums", custom={"coursebridge_item": f"courses/{SLUG}/first-quiz"}, points=4)
    ada, ben, chi, tess = (launcher.open(who, quiz) for who in ("ada", "ben", "chi", "tess"))
    pages = f"{tess.rpartition('/grading/')[0]}/grading/{SLUG}/quiz-1"
    client = launcher.client

    assert client.post(f"{pages}/groups/read").status_code == 303
    page = client.get(f"{pages}/groups").text
    (teams,) = re.findall(r'name="set" value="(\d+)"', page)
    assert client.post(f"{pages}/groups", data={"set": teams}).status_code == 303
    assert "Members now: Ada" in client.get(ben).text
    released = (runtime.settings.course_dir(SLUG) / "release" / "quiz-1" / "quiz-1.ipynb").read_bytes()
    right = json.dumps(make.fill(released, {"sum": "total = 2"})).encode()
    sent = client.post(f"{ada}/upload", data={"notebook": (io.BytesIO(right), "quiz-1.ipynb")})
    assert sent.status_code == 303, sent.text
    work(runtime)

    grades = {who: campus.grade(who, quiz) for who in ("ada", "ben", "chi")}
    assert {who: grade and grade.final for who, grade in grades.items()} == {"ada": 4, "ben": 4, "chi": None}
    for member in (ada, ben):
        assert "Handed in by Ada" in client.get(member).text
    assert "Handed in by" not in client.get(chi).text
    assert client.post(f"{pages}/groups", data={"set": "alone"}).status_code == 409
