"""Who may do what: every role against every kind of action, over HTTP; assistants as their teacher decides."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from grading.access import course_models, load_access_by_name
from lti_tool.kernel.audit import OPERATOR, AuditRow, Via
from lti_tool.kernel.errors import Forbidden
from lti_tool.kernel.permissions import ASSISTANT_RIGHTS, Right, Role, rights_of
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.granting import set_assistant_rights
from lti_tool.lti.models import Context
from plugins.courses.importer import Imported, import_course
from plugins.courses.models import Admission, Course
from tests.factories.course_folders import TOML, write_folder
from tests.factories.grading import Place, Someone, make_context, make_person, make_place
from tests.functional.courses.conftest import SLUG, Import

TUS = {"Tus-Resumable": "1.0.0", "Upload-Length": "1"}
FILE = {"data": {"file": (Path(__file__), "notes.txt")}}
Action = tuple[Right, str, str, dict[str, Any]]
ACTIONS: list[Action] = [
    (Right.MARK, "GET", f"/grading/{SLUG}", {}),
    (Right.MARK, "GET", f"/grading/{SLUG}/quiz-1/submissions", {}),
    (Right.MARK, "GET", f"/grading/{SLUG}/quiz-1/submissions.csv", {}),
    (Right.MARK, "GET", f"/grading/{SLUG}/quiz-1/submissions/1", {}),
    (Right.MARK, "GET", f"/grading/{SLUG}/quiz-1/submissions/1/files/quiz.ipynb", {}),
    (Right.MARK, "GET", f"/grading/{SLUG}/quiz-1/submissions/1/feedback/quiz.html", {}),
    (Right.MARK, "GET", f"/grading/{SLUG}/quiz-1/learners/1", {}),
    (Right.MARK, "POST", f"/grading/{SLUG}/quiz-1/submissions/1/mark-again", {}),
    (Right.MARK, "POST", f"/grading/{SLUG}/quiz-1/mark", {}),
    (Right.SEND_GRADES, "POST", f"/grading/{SLUG}/quiz-1/submissions/1/send-again", {}),
    (Right.SEND_GRADES, "POST", f"/grading/{SLUG}/quiz-1/send-all", {}),
    (Right.SEND_GRADES, "POST", f"/grading/{SLUG}/quiz-1/compare", {}),
    (Right.GRANT_EXTENSIONS, "GET", f"/grading/{SLUG}/quiz-1/learners/1/extension", {}),
    (Right.GRANT_EXTENSIONS, "POST", f"/grading/{SLUG}/quiz-1/learners/1/extension", {}),
    (Right.GRANT_EXTENSIONS, "POST", f"/grading/{SLUG}/quiz-1/learners/1/extension/withdraw", {}),
    (Right.SEE_PEOPLE, "GET", f"/progress/{SLUG}/class", {}),
    (Right.SEE_PEOPLE, "GET", f"/progress/{SLUG}/class.csv", {}),
    (Right.SEE_PEOPLE, "GET", f"/progress/{SLUG}/learners/1", {}),
    (Right.SEE_PEOPLE, "GET", f"/progress/{SLUG}/settings", {}),
    (Right.EDIT_COURSE, "POST", f"/progress/{SLUG}/settings", {"data": {"own": "no"}}),
    (Right.EDIT_COURSE, "GET", f"/courses/{SLUG}/edit/", {}),
    (Right.EDIT_COURSE, "GET", f"/courses/{SLUG}/edit/settings", {}),
    (Right.EDIT_COURSE, "POST", f"/courses/{SLUG}/edit/modules", {"data": {"title": "More"}}),
    (Right.EDIT_COURSE, "GET", f"/files/{SLUG}", {}),
    (Right.EDIT_COURSE, "POST", "/files/uploads", {"headers": TUS}),
    (Right.EDIT_COURSE, "GET", f"/video/{SLUG}/", {}),
    (Right.EDIT_COURSE, "POST", f"/video/{SLUG}/links", {"data": {"url": "nowhere"}}),
    (Right.EDIT_COURSE, "POST", f"/courses/{SLUG}/edit/items/sowing/upload", FILE),
    (Right.EDIT_COURSE, "POST", f"/courses/{SLUG}/edit/restore/outline", {"data": {"number": "99"}}),
    (Right.EDIT_COURSE, "GET", "/lti/pick", {}),
    (Right.EDIT_COURSE, "POST", "/lti/pick", {}),
    (Right.EDIT_COURSE, "GET", "/lti/activity", {}),
    (Right.EDIT_COURSE, "POST", "/lti/activity", {}),
    (Right.EDIT_COURSE, "GET", "/lti/copied", {}),
    (Right.EDIT_COURSE, "POST", "/lti/copied", {"data": {"do": "separate"}}),
    (Right.MODERATE_REVIEWS, "GET", f"/reviews/{SLUG}/moderation", {}),
    (Right.MODERATE_REVIEWS, "GET", f"/reviews/{SLUG}/1/reply", {}),
    (Right.MODERATE_REVIEWS, "POST", f"/reviews/{SLUG}/1/hide", {"data": {"reason": "It says nothing."}}),
    (Right.MODERATE_REVIEWS, "POST", f"/reviews/{SLUG}/1/restore", {}),
    (Right.MANAGE_ENROLMENT, "GET", f"/courses/{SLUG}/edit/people", {}),
    (Right.MANAGE_ENROLMENT, "GET", f"/courses/{SLUG}/edit/people/ways", {}),
    (Right.MANAGE_ENROLMENT, "POST", f"/courses/{SLUG}/edit/people/ways", {"data": {"places": "2"}}),
    (Right.MANAGE_ENROLMENT, "POST", f"/courses/{SLUG}/edit/people/1/withdraw", {}),
    (Right.MANAGE_ENROLMENT, "POST", f"/courses/{SLUG}/edit/people/read", {}),
]
RIGHTS_PAGE = f"/lti/{SLUG}/assistants"


@pytest.fixture
def run_import(run_import: Import, runtime: Runtime) -> Import:
    """The same, and codes let people into the course."""

    def run(*given: Any, **options: Any) -> Imported:
        found = run_import(*given, **options)
        with runtime.db.transaction() as tx:
            tx.execute(update(Course).values(admission=Admission.INVITATION))
        return found

    return run


def status_of(browser: Any, method: str, path: str, more: dict[str, Any]) -> int:
    call = browser.get if method == "GET" else browser.post
    return int(call(path, **more).status_code)


def give(runtime: Runtime, place: Place, rights: list[Right] | None) -> None:
    with runtime.db.transaction() as tx:
        granted = None if rights is None else [right.value for right in rights]
        tx.get_one(Context, place.context_id).assistant_rights = granted


def refused(browser: Any) -> set[tuple[str, str]]:
    return {(method, path) for _right, method, path, more in ACTIONS if status_of(browser, method, path, more) == 403}


def takes(rights: frozenset[Right]) -> set[tuple[str, str]]:
    """The actions that these rights do not cover."""
    return {(method, path) for right, method, path, _more in ACTIONS if right not in rights}


def test_table_names_every_right() -> None:
    assert {right for right, *_rest in ACTIONS} == set(Right)


def test_every_role_against_every_action(run_import: Import, browse: Callable[..., Any]) -> None:
    run_import()

    for role in Role:
        assert refused(browse(role)) == takes(rights_of(role, None)), role


def test_assistant_with_one_right_does_that_alone(
    runtime: Runtime, run_import: Import, place: Place, browse: Callable[..., Any]
) -> None:
    run_import()

    for right in Right:
        give(runtime, place, [right])
        assert refused(browse(Role.ASSISTANT)) == takes(frozenset({right})), right


class TestPage:
    """The teacher's page."""

    def test_shows_what_holds_until_somebody_decides(self, run_import: Import, browse: Callable[..., Any]) -> None:
        run_import()
        page = browse(Role.TEACHER).get(RIGHTS_PAGE)
        ticked = {right for right in Right if f'value="{right.value}" checked' in page.text}
        assert page.status_code == 200 and ticked == ASSISTANT_RIGHTS

    def test_decision_holds_at_once_in_open_sessions_and_in_the_next(
        self, runtime: Runtime, run_import: Import, place: Place, browse: Callable[..., Any]
    ) -> None:
        run_import()
        here, teacher = browse(Role.ASSISTANT), browse(Role.TEACHER)
        assert here.get(f"/grading/{SLUG}").status_code == 200
        saved = teacher.post(RIGHTS_PAGE, data={"rights": [Right.EDIT_COURSE.value, "own_the_place"]})
        assert saved.status_code == 303
        for assistant in (here, browse(Role.ASSISTANT)):
            assert refused(assistant) == takes(frozenset({Right.EDIT_COURSE}))
        assert "Submissions" not in here.get(f"/courses/{SLUG}/").text
        assert teacher.get(f"/grading/{SLUG}").status_code == 200

    def test_is_for_teachers_alone(self, run_import: Import, browse: Callable[..., Any]) -> None:
        run_import()
        for role in set(Role) - {Role.TEACHER}:
            browser = browse(role)
            assert browser.get(RIGHTS_PAGE).status_code == 403
            assert browser.post(RIGHTS_PAGE, data={"rights": ["mark"]}).status_code == 403

    @pytest.mark.parametrize("role", sorted(set(Role) - {Role.TEACHER}))
    def test_service_takes_the_decision_of_a_teacher_only(self, runtime: Runtime, role: Role) -> None:
        """Whichever page it is called from."""
        with runtime.db.transaction() as tx:
            context_id = make_place(tx).context_id
        with runtime.db.transaction() as tx, pytest.raises(Forbidden):
            set_assistant_rights(tx, context_id, list(Right), OPERATOR, role)
        with runtime.db.reading() as tx:
            assert tx.get_one(Context, context_id).assistant_rights is None

    def test_decision_is_in_the_audit_log_once(
        self, runtime: Runtime, run_import: Import, browse: Callable[..., Any]
    ) -> None:
        run_import()
        teacher = browse(Role.TEACHER)
        for _ in range(2):
            teacher.post(RIGHTS_PAGE, data={"rights": ["mark"]})
        with runtime.db.reading() as tx:
            (act,) = tx.scalars(select(AuditRow).where(AuditRow.action == "rights.change")).all()
        assert (act.via, act.user_id is not None) == (Via.COURSE, True)
        assert act.before == {"assistants": ["mark", "see_people", "send_grades"]}
        assert act.after == {"assistants": ["mark"]}

    def test_another_lms_course_keeps_its_own(
        self, runtime: Runtime, run_import: Import, place: Place, browse: Callable[..., Any]
    ) -> None:
        run_import()
        with runtime.db.transaction() as tx:
            elsewhere = make_person(tx, make_context(tx, place, SLUG), "Elsewhere", Role.ASSISTANT)
        other = browse(elsewhere)
        browse(Role.TEACHER).post(RIGHTS_PAGE, data={})
        assert refused(other) == takes(ASSISTANT_RIGHTS)


def test_jupyter_hears_what_an_assistant_may(
    app: Flask, runtime: Runtime, run_import: Import, place: Place, someone: Callable[[Role], Someone]
) -> None:
    run_import()
    assistant = someone(Role.ASSISTANT)
    for rights, expected in (
        (None, (True, False)),
        ([Right.EDIT_COURSE], (False, True)),
        ([Right.MARK], (True, False)),
    ):
        give(runtime, place, rights)
        with app.app_context(), runtime.db.reading() as tx:
            (course,) = course_models(tx, load_access_by_name(tx, assistant.hub_name))
        assert (course.may_mark, course.may_write) == expected


def test_assistant_without_any_right_still_learns_how_their_own_launch_went(
    runtime: Runtime, run_import: Import, place: Place, browse: Callable[..., Any]
) -> None:
    run_import()
    give(runtime, place, [])
    assert "The roster" in browse(Role.ASSISTANT).get("/lti/check").text
    assert "The roster" not in browse(Role.LEARNER).get("/lti/check").text, "what the LMS allows is for its staff"


def test_assistant_enters_no_course_that_the_lms_course_does_not_use(
    runtime: Runtime, run_import: Import, browse: Callable[..., Any], tmp_path: Path
) -> None:
    run_import()
    import_course(runtime, write_folder(tmp_path / "other", {"course.toml": TOML.replace('"trees"', '"other"')}))
    assert browse(Role.ASSISTANT).post("/courses/open/other").status_code == 403
    assert browse(Role.TEACHER).post("/courses/open/other").status_code == 303
