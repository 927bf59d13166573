"""A teacher picks content: the answer as the strict LMS takes it, and the picker of an empty activity."""

import re
from typing import Any

import jwt
import pytest

from config.settings import DEFAULT_PLUGINS
from lti_tool.contract import Plugin, load_plugins
from lti_tool.demo.testing import CampusServer
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.claims import DL, LTI
from lti_tool.lti.keys import get_signing_key
from tests.fakes.contents import stub_contents_plugin
from tests.fakes.launching import Launcher

both = pytest.mark.parametrize("campus", ["moodle", "canvas"], indirect=True)


def field(html: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found, html
    return found[1]


def form_action(html: str) -> str:
    found = re.search(r'<form method="post" action="([^"]*)"', html)
    assert found, html
    return found[1]


def pick(launcher: Launcher, *items: str) -> Any:
    path = launcher.open("tess", None)
    assert path.endswith("/lti/pick")
    return launcher.client.post(path, data={"item": list(items)})


def answer_of(runtime: Runtime, html: str, audience: str) -> dict[str, Any]:
    public = get_signing_key(runtime).private.public_key()
    found: dict[str, Any] = jwt.decode(field(html, "JWT"), public, algorithms=["RS256"], audience=audience)
    return found


@both
def test_picker_shows_the_course_and_the_modules(launcher: Launcher) -> None:
    page = launcher.client.get(launcher.open("tess", None)).text
    assert "First quiz" in page and "Hello" in page
    assert "Ninth quiz" not in page, "another course has its own tab"
    assert "Another course" in page


@both
def test_choice_becomes_a_signed_answer(launcher: Launcher, runtime: Runtime, campus: CampusServer) -> None:
    page = pick(launcher, "courses/demo/quiz-1")
    claims = answer_of(runtime, page.text, campus.issuer)
    (item,) = claims[DL + "content_items"]
    assert claims["iss"] == "coursebridge"
    assert claims[LTI + "message_type"] == "LtiDeepLinkingResponse"
    assert item["url"] == "https://localhost/lti/launch"
    assert item["custom"] == {"coursebridge_item": "courses/demo/quiz-1"}
    assert item["lineItem"] == {
        "scoreMaximum": 13,
        "label": "First quiz",
        "resourceId": "courses/demo/quiz-1",
        "tag": "coursebridge",
    }
    assert (DL + "data" in claims) == (campus.profile.name == "canvas"), "data is echoed only if it came"
    assert page.headers["Content-Security-Policy"].count(campus.base_url) == 2, "framed by, and posting to, the LMS"


def test_lesson_has_no_line_item(launcher: Launcher, runtime: Runtime, campus: CampusServer) -> None:
    page = pick(launcher, "courses/demo/hello")
    (item,) = answer_of(runtime, page.text, campus.issuer)[DL + "content_items"]
    assert "lineItem" not in item
    assert item["text"] == "Read this first."


def test_platform_without_line_items_gets_none(launcher: Launcher, runtime: Runtime, campus: CampusServer) -> None:
    settings = {
        "deep_link_return_url": campus.base_url + "/deep-link/x",
        "accept_types": ["ltiResourceLink"],
        "accept_presentation_document_targets": ["iframe"],
        "accept_lineitem": False,
    }
    path = launcher.launch_changed("tess", None, claims={DL + "deep_linking_settings": settings}).headers["Location"]
    page = launcher.client.post(path, data={"item": ["courses/demo/quiz-1"]})
    (item,) = answer_of(runtime, page.text, campus.issuer)[DL + "content_items"]
    assert "lineItem" not in item


def test_several_only_where_the_platform_takes_several(
    launcher: Launcher, runtime: Runtime, campus: CampusServer
) -> None:
    page = pick(launcher, "courses/demo/hello", "courses/demo/quiz-1")
    assert len(answer_of(runtime, page.text, campus.issuer)[DL + "content_items"]) == 2


@pytest.mark.parametrize("campus", ["canvas"], indirect=True)
def test_two_are_refused_where_one_is_asked_for(launcher: Launcher) -> None:
    page = pick(launcher, "courses/demo/hello", "courses/demo/quiz-1")
    assert page.status_code == 400
    assert "Choose at most 1" in page.text


def test_nothing_chosen_says_so_on_the_page(launcher: Launcher) -> None:
    page = pick(launcher)
    assert page.status_code == 400
    assert "Choose what to add" in page.text and "First quiz" in page.text


def test_answer_goes_out_once(launcher: Launcher) -> None:
    path = launcher.open("tess", None)
    first = launcher.client.post(path, data={"item": "courses/demo/hello"})
    again = launcher.client.post(path, data={"item": "courses/demo/hello"})
    assert (first.status_code, again.status_code) == (200, 410)


def test_cancel_sends_an_empty_answer(launcher: Launcher, runtime: Runtime, campus: CampusServer) -> None:
    path = launcher.open("tess", None)
    page = launcher.client.post(path + "/cancel")
    assert answer_of(runtime, page.text, campus.issuer)[DL + "content_items"] == []


def test_quotes_in_the_return_url_stay_in_the_attribute(launcher: Launcher, campus: CampusServer) -> None:
    settings = {
        "deep_link_return_url": campus.base_url + '/deep-link/"><script>alert(1)</script>',
        "accept_types": ["ltiResourceLink"],
        "accept_presentation_document_targets": ["iframe"],
    }
    path = launcher.launch_changed("tess", None, claims={DL + "deep_linking_settings": settings}).headers["Location"]
    page = launcher.client.post(path, data={"item": "courses/demo/hello"}).text
    assert "<script>alert" not in page


def test_teacher_fills_an_activity_that_shows_nothing(launcher: Launcher, campus: CampusServer) -> None:
    empty = campus.add_activity("Empty")
    path = launcher.open("tess", empty)
    assert path.endswith("/lti/pick")
    chosen = launcher.client.post(path, data={"item": "courses/demo/quiz-1"})
    assert chosen.status_code == 303
    assert launcher.client.get(chosen.headers["Location"]).text.startswith("courses/demo/quiz-1")
    assert launcher.open("ada", empty).endswith("/stub/courses/demo/quiz-1")


def test_learner_of_an_empty_activity_gets_a_friendly_page(launcher: Launcher, campus: CampusServer) -> None:
    path = launcher.open("ada", campus.add_activity("Empty"))
    page = launcher.client.get(path)
    assert page.status_code == 200
    assert "Nothing here yet" in page.text
    assert '<meta name="coursebridge-user" content="Ada Lopez">' in page.text
    assert launcher.client.get(path.replace("/lti/empty", "/lti/pick")).status_code == 403


class TestWithoutCourses:
    @pytest.fixture
    def plugins(self) -> list[Plugin]:
        return [*load_plugins(["lti_tool.lti"]), stub_contents_plugin([])]

    def test_teacher_sees_what_to_do(self, launcher: Launcher) -> None:
        page = launcher.client.get(launcher.open("tess", None))
        assert page.status_code == 200
        assert "course import" in page.text


class TestWithoutAnyCourseYet:
    @pytest.fixture
    def plugins(self) -> list[Plugin]:
        return load_plugins(DEFAULT_PLUGINS)

    def test_teacher_can_write_one(self, launcher: Launcher) -> None:
        path = launcher.open("tess", None)
        page = launcher.client.get(path)

        assert page.status_code == 200 and "Write a new course" in page.text
        catalogue = path.removesuffix("/lti/pick") + "/courses/"
        assert f'href="{catalogue}#new-title"' in page.text
        assert 'id="new-title"' in launcher.client.get(catalogue).text


@both
def test_the_lms_takes_the_answer(launcher: Launcher, campus: CampusServer) -> None:
    page = pick(launcher, "courses/demo/quiz-1")
    with campus.browser("tess") as browser:
        answer = browser.post(form_action(page.text), data={"JWT": field(page.text, "JWT")})
    assert answer.status_code < 400, answer.text
    (activity,) = campus.activities()
    assert dict(activity.custom)["coursebridge_item"] == "courses/demo/quiz-1"
    assert len(campus.line_items(activity)) == 1
