"""A teacher picks content: the answer as the strict LMS takes it, and the picker of an empty activity."""

import re
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import jwt
import pytest
from sqlalchemy import select

from config.settings import DEFAULT_PLUGINS
from lti_tool.contract import Choice, Contents, Plugin, load_plugins
from lti_tool.demo.model import Activity
from lti_tool.demo.testing import CampusServer
from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import ExternalError
from lti_tool.kernel.jobs import JobRow, JobState, list_jobs
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.claims import DL, LTI
from lti_tool.lti.keys import get_signing_key
from lti_tool.lti.models import Registration, ToolKey
from lti_tool.lti.reach import calling
from lti_tool.lti.registrations import approve, disable
from tests.factories.grading import work
from tests.fakes.contents import LESSON, stub_contents_plugin
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
    is_moodle = campus.profile.name == "moodle"
    (item,) = claims[DL + "content_items"]
    assert claims["iss"] == "coursebridge"
    assert claims["iat"] <= clock.now().timestamp() - 10, "Moodle forgives no second"
    assert claims[LTI + "message_type"] == "LtiDeepLinkingResponse"
    assert item["url"] == "https://localhost/lti/launch"
    assert item["custom"] == {"coursebridge_item": "courses/demo/quiz-1"}
    assert item["lineItem"] == {
        "scoreMaximum": 13,
        "label": "First quiz",
        "resourceId": "courses/demo/quiz-1",
        "tag": "coursebridge",
        "gradesReleased": True,
        **({"submissionReview": {"reviewableStatus": ["InProgress", "Submitted", "Completed"]}} if is_moodle else {}),
    }
    assert item["iframe"] == {"width": 885, "height": 650}
    assert "First quiz" in claims[DL + "msg"] and claims[DL + "log"] == "1 items: courses/demo/quiz-1"
    assert not {"available", "submission"} & set(item), "a quiz without dates"
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


class ContentsThatFail:
    """Of a plugin from elsewhere: lists, and breaks down when something is chosen."""

    def __init__(self, shown: Contents | None) -> None:
        assert shown
        self._shown = shown

    def list_choices(self, tx: Tx, registration_id: int) -> list[Choice]:
        return self._shown.list_choices(tx, registration_id)

    def find_choice(self, tx: Tx, registration_id: int, ref: str) -> Choice | None:
        raise ZeroDivisionError(ref)

    def list_titles(self, tx: Tx, refs: Collection[str]) -> dict[str, str]:
        raise NotImplementedError

    def begin_path(self, role: Role) -> str | None:
        return None

    def review_path_of(self, tx: Tx, ref: str, user_id: int) -> str:
        raise NotImplementedError


def go_back(launcher: Launcher, page: str, more: dict[str, str] | None = None) -> Any:
    """Press the button that leads back to the LMS."""
    found = re.search(r'name="problem" value="([^"]*)"', page)
    action = re.search(r'(?:form)?action="([^"]*/lti/pick/cancel)"', page)
    assert found and action, page
    return launcher.client.post(action[1], data={"problem": found[1], **(more or {})})


def take_back(campus: CampusServer, page: str) -> str:
    """Hand the answer to the LMS; returns what its page says."""
    with campus.browser("tess") as browser:
        return str(browser.post(form_action(page), data={"JWT": field(page, "JWT")}).text)


def empty_answer(runtime: Runtime, page: str, campus: CampusServer) -> dict[str, Any]:
    """The answer, which brings nothing and says why."""
    claims = answer_of(runtime, page, campus.issuer)
    assert claims[DL + "content_items"] == []
    assert not {DL + "msg", DL + "log"} & set(claims)
    assert claims[DL + "errorlog"].endswith(claims[DL + "errormsg"])
    assert (DL + "data" in claims) == campus.profile.deep_link_data
    return claims


@both
def test_platform_that_takes_no_activities_is_told_so(
    launcher: Launcher, runtime: Runtime, campus: CampusServer
) -> None:
    url, name = launcher.login("tess", None), DL + "deep_linking_settings"
    honest = campus.authorize("tess", url).fields["id_token"]
    settings = {**jwt.decode(honest, options={"verify_signature": False})[name], "accept_types": ["file", "html"]}
    path = launcher.launch_changed("tess", None, auth_url=url, claims={name: settings}).headers["Location"]

    page = launcher.client.get(path)
    assert page.status_code == 422 and "asked for content of another kind" in page.text
    assert launcher.client.post(path, data={"item": "courses/demo/hello"}).status_code == 422, "by no other way"

    back = go_back(launcher, page.text)
    claims = empty_answer(runtime, back.text, campus)
    assert claims[DL + "errorlog"].startswith("not_taken: ")
    assert "takes no activities here" in take_back(campus, back.text)


@both
def test_choice_that_is_gone_is_told_when_the_teacher_goes_back(
    launcher: Launcher, runtime: Runtime, campus: CampusServer
) -> None:
    page = pick(launcher, "courses/demo/gone")
    assert page.status_code == 404 and "no longer there" in page.text and "First quiz" in page.text

    back = go_back(launcher, page.text)
    assert empty_answer(runtime, back.text, campus)[DL + "errorlog"].startswith("item_not_found: ")
    assert "What was chosen is no longer there" in take_back(campus, back.text)
    assert campus.activities() == []
    again = go_back(launcher, page.text)
    assert again.status_code == 410, "one launch, one answer"


def test_teacher_who_cancels_tells_of_no_error(launcher: Launcher, runtime: Runtime, campus: CampusServer) -> None:
    path = launcher.open("tess", None)
    assert 'name="problem"' not in launcher.client.get(path).text
    for_sale = launcher.client.post(path + "/cancel", data={"problem": "<b>Send money</b>"})
    claims = answer_of(runtime, for_sale.text, campus.issuer)
    assert not {DL + "errormsg", DL + "errorlog"} & set(claims), "nobody's words but ours"


class TestWithAPluginThatFails:
    @pytest.fixture
    def plugins(self) -> list[Plugin]:
        stub = stub_contents_plugin()
        return [*load_plugins(["lti_tool.lti"]), replace(stub, contents=ContentsThatFail(stub.contents))]

    @both
    def test_unforeseen_error_leads_back_and_the_lms_is_told(
        self, launcher: Launcher, runtime: Runtime, campus: CampusServer
    ) -> None:
        page = pick(launcher, "courses/demo/hello")
        assert page.status_code == 500 and "Something went wrong" in page.text
        reference = field(page.text, "reference")

        back = go_back(launcher, page.text, {"reference": reference})
        claims = empty_answer(runtime, back.text, campus)
        assert claims[DL + "errorlog"].startswith("failed: ") and f"reference {reference}." in claims[DL + "errormsg"]
        assert f"reference {reference}." in take_back(campus, back.text)
        assert campus.activities() == []

    def test_reference_is_one_of_ours(self, launcher: Launcher, runtime: Runtime, campus: CampusServer) -> None:
        path = launcher.open("tess", None)
        posted = {"problem": "failed", "reference": "Send money"}
        claims = answer_of(runtime, launcher.client.post(path + "/cancel", data=posted).text, campus.issuer)
        assert claims[DL + "errormsg"].endswith("reference –.")

    def test_wrong_address_leads_back_without_a_complaint(
        self, launcher: Launcher, runtime: Runtime, campus: CampusServer
    ) -> None:
        page = launcher.client.get(launcher.open("tess", None) + "/nowhere")
        assert page.status_code == 404
        action = re.search(r'action="([^"]*/lti/pick/cancel)"', page.text)
        assert action and 'name="problem"' not in page.text
        claims = answer_of(runtime, launcher.client.post(action[1]).text, campus.issuer)
        assert claims[DL + "content_items"] == [] and DL + "errormsg" not in claims


def test_error_outside_of_a_selection_has_no_way_back_to_the_lms(launcher: Launcher, quiz: Activity) -> None:
    session = launcher.open("ada", quiz).partition("/stub/")[0]
    page = launcher.client.get(session + "/nowhere")
    assert page.status_code == 404 and "/lti/pick/cancel" not in page.text


def test_answer_that_cannot_be_made_spends_nothing(launcher: Launcher, runtime: Runtime) -> None:
    path = launcher.open("tess", None)
    get_signing_key(runtime)
    (cipher,) = _keep_keys_as(runtime, "of another secret key")
    assert launcher.client.post(path, data={"item": "courses/demo/hello"}).status_code == 500
    _keep_keys_as(runtime, cipher)
    assert launcher.client.post(path, data={"item": "courses/demo/hello"}).status_code == 200


def _keep_keys_as(runtime: Runtime, cipher: str) -> list[str]:
    """Change what is stored of every key; returns what was."""
    with runtime.db.transaction() as tx:
        rows = list(tx.scalars(select(ToolKey)))
        before = [row.private_cipher for row in rows]
        for row in rows:
            row.private_cipher = cipher
    return before


class TestWithoutCourses:
    @pytest.fixture
    def plugins(self) -> list[Plugin]:
        return [*load_plugins(["lti_tool.lti"]), stub_contents_plugin([])]

    def test_teacher_sees_what_to_do(self, launcher: Launcher) -> None:
        page = launcher.client.get(launcher.open("tess", None))
        assert page.status_code == 200
        assert "course import" in page.text

    @both
    def test_lms_is_told_that_there_is_nothing(
        self, launcher: Launcher, runtime: Runtime, campus: CampusServer
    ) -> None:
        back = go_back(launcher, launcher.client.get(launcher.open("tess", None)).text)
        assert empty_answer(runtime, back.text, campus)[DL + "errorlog"].startswith("nothing_here: ")
        assert "There is no course yet" in take_back(campus, back.text)

    def test_activity_that_shows_nothing_has_nowhere_to_go_back_to(
        self, launcher: Launcher, campus: CampusServer
    ) -> None:
        page = launcher.client.get(launcher.open("tess", campus.add_activity("Empty"))).text
        assert "There is no course to add yet" in page and 'name="problem"' not in page


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


def test_dates_of_a_quiz_go_along(launcher: Launcher, runtime: Runtime, campus: CampusServer) -> None:
    page = pick(launcher, "courses/demo/quiz-2")
    (item,) = answer_of(runtime, page.text, campus.issuer)[DL + "content_items"]
    assert item["available"] == {"startDateTime": "2026-09-01T08:00:00Z"}
    assert item["submission"] == {"startDateTime": "2026-09-01T08:00:00Z", "endDateTime": "2026-09-30T20:00:00Z"}


def test_several_go_in_the_order_in_which_they_were_ticked(
    launcher: Launcher, runtime: Runtime, campus: CampusServer
) -> None:
    items = ["courses/demo/hello", "courses/demo/quiz-1", "courses/demo/quiz-2"]
    order = "courses/demo/quiz-2\ncourses/demo/gone\ncourses/demo/hello"
    page = launcher.client.post(launcher.open("tess", None), data={"item": items, "order": order})
    found = answer_of(runtime, page.text, campus.issuer)[DL + "content_items"]
    assert [item["title"] for item in found] == ["Second quiz", "Hello", "First quiz"]
    with campus.browser("tess") as browser:
        browser.post(form_action(page.text), data={"JWT": field(page.text, "JWT")})
    assert [activity.title for activity in campus.activities()] == ["Second quiz", "Hello", "First quiz"]


def calls(campus: CampusServer) -> tuple[int, int]:
    """How often the services were called that a change of a column needs."""
    return campus.hits("token"), campus.hits("lineitems")


def jobs_of(runtime: Runtime) -> list[JobRow]:
    """The jobs that carry changes to columns, oldest first."""
    with runtime.db.reading() as tx:
        return list_jobs(tx, handler="lti.update_line_item")[::-1]


class TestActivity:
    """A placed activity is given something else, or new dates, and its column follows."""

    @both
    def test_column_follows_another_choice(
        self, launcher: Launcher, campus: CampusServer, quiz: Activity, runtime: Runtime
    ) -> None:
        path = launcher.open("tess", quiz).split("/stub")[0]
        page = launcher.client.get(f"{path}/lti/activity").text
        assert "It shows First quiz of the course Notebooks 101." in page
        launcher.client.post(f"{path}/lti/pick", data={"item": "courses/demo/quiz-2"})
        work(runtime)
        (column,) = campus.line_items(quiz)
        assert (column.label, column.score_maximum, column.resource_id) == ("Second quiz", 8, "courses/demo/quiz-2")
        assert column.activity_id == quiz.id, "still the activity's"
        if campus.profile.stores_extra:
            assert column.extra["endDateTime"] == "2026-09-30T20:00:00Z"
        assert launcher.open("ada", quiz).endswith("/stub/courses/demo/quiz-2"), "the LMS still names the first"

    def test_dates_are_sent_when_the_teacher_says_so(
        self, launcher: Launcher, campus: CampusServer, quiz: Activity, runtime: Runtime
    ) -> None:
        path = launcher.open("tess", quiz).split("/stub")[0] + "/lti/activity"
        sent = launcher.client.post(path)
        assert "on their way" in launcher.client.get(sent.headers["Location"]).text
        campus.set_fault("lineitems", "status", value=503, times=1)
        with clock.frozen(clock.now()):
            work(runtime)
            clock.advance(10)
            work(runtime)
        (column,) = campus.line_items(quiz)
        assert (column.score_maximum, column.activity_id) == (13, quiz.id)

    @both
    def test_column_of_a_platform_that_is_switched_off_waits(
        self, launcher: Launcher, campus: CampusServer, quiz: Activity, runtime: Runtime, registration_id: int
    ) -> None:
        path = launcher.open("tess", quiz).split("/stub")[0]
        with clock.frozen(clock.now()):
            launcher.client.post(f"{path}/lti/pick", data={"item": "courses/demo/quiz-2"})
            with runtime.db.transaction() as tx:
                disable(tx, registration_id)
            before = calls(campus)
            for _ in range(25):
                work(runtime)
                clock.advance(4 * 3600)
                campus.clock.advance(4 * 3600)
            assert calls(campus) == before, "nobody calls it"
            (job,) = jobs_of(runtime)
            assert (job.state, job.attempts) == (JobState.QUEUED, 0), "waiting is no attempt"
            assert job.error == "Campus is switched off."

            with runtime.db.transaction() as tx:
                approve(tx, registration_id)
            work(runtime)
        assert [job.state for job in jobs_of(runtime)] == [JobState.DONE]
        (column,) = campus.line_items(quiz)
        assert (column.label, column.activity_id) == ("Second quiz", quiz.id)

    def test_column_waits_while_the_platform_does_not_answer(
        self, launcher: Launcher, campus: CampusServer, quiz: Activity, runtime: Runtime, registration_id: int
    ) -> None:
        path = launcher.open("tess", quiz).split("/stub")[0]
        with clock.frozen(clock.now()):
            launcher.client.post(f"{path}/lti/pick", data={"item": "courses/demo/quiz-2"})
            with runtime.db.reading() as tx:
                registration = tx.get_one(Registration, registration_id)
            with pytest.raises(ExternalError), calling(runtime, registration):
                raise ExternalError("timeout", "It did not answer in time.", retryable=True, retry_after_s=7200)
            before = calls(campus)
            for _ in range(119):
                work(runtime)
                clock.advance(60)
                campus.clock.advance(60)
            assert calls(campus) == before
            assert [job.attempts for job in jobs_of(runtime)] == [0]
            clock.advance(300)
            campus.clock.advance(300)
            work(runtime)
        assert [column.label for column in campus.line_items(quiz)] == ["Second quiz"]

    def test_older_change_that_comes_late_undoes_nothing(
        self, launcher: Launcher, campus: CampusServer, quiz: Activity, runtime: Runtime
    ) -> None:
        path = launcher.open("tess", quiz).split("/stub")[0] + "/lti/activity"
        for _ in range(3):
            launcher.client.post(path)
        before = campus.hits("lineitems")
        work(runtime)
        assert [job.state for job in jobs_of(runtime)] == [JobState.DONE] * 3
        assert campus.hits("lineitems") == before + 2, "only the newest reads and writes"

    def test_lesson_leaves_the_column_alone(
        self, launcher: Launcher, campus: CampusServer, quiz: Activity, runtime: Runtime
    ) -> None:
        path = launcher.open("tess", quiz).split("/stub")[0]
        before = campus.line_items(quiz)
        launcher.client.post(f"{path}/lti/pick", data={"item": "courses/demo/hello"})
        work(runtime)
        assert campus.line_items(quiz) == before
        assert "Send name" not in launcher.client.get(f"{path}/lti/activity").text

    def test_learners_change_nothing(self, launcher: Launcher, quiz: Activity) -> None:
        path = launcher.open("ada", quiz).split("/stub")[0]
        assert launcher.client.get(f"{path}/lti/activity").status_code == 403
        assert launcher.client.post(f"{path}/lti/activity").status_code == 403
        assert launcher.client.post(f"{path}/lti/pick", data={"item": "courses/demo/hello"}).status_code == 403


class TestHundreds:
    @pytest.fixture
    def plugins(self) -> list[Plugin]:
        many = [
            replace(LESSON, ref=f"courses/demo/l{n}", title=f"Lesson {n} on Trees", group=f"Week {n // 20}")
            for n in range(300)
        ]
        return [*load_plugins(["lti_tool.lti"]), stub_contents_plugin(many)]

    def test_search_finds_by_title_and_module(self, launcher: Launcher) -> None:
        path = launcher.open("tess", None)
        assert launcher.client.get(path).text.count('name="item"') == 300 + 1, "and the check"
        page = launcher.client.get(f"{path}?q=TREES+299+week").text
        assert page.count('name="item"') == 1
        assert "Week 14" in page and "Week 4" not in page
        assert "Nothing here has all these words" in launcher.client.get(f"{path}?q=xylophone").text
