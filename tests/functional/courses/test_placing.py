"""What teachers of a platform can place, and where a launch of it ends, from a campus."""

import pytest
from sqlalchemy import select

from config.settings import DEFAULT_PLUGINS
from lti_tool.contract import Plugin, load_plugins
from lti_tool.demo.model import Activity
from lti_tool.demo.testing import CampusServer
from lti_tool.kernel.runtime import Runtime
from plugins.courses.contents import CourseContents
from plugins.courses.models import Enrolment, Standing, Via
from tests.factories.course_folders import TOML, changed
from tests.factories.grading import make_place, work
from tests.fakes.fixtures import campus, launcher, registration_id, served, tool
from tests.fakes.launching import Launcher
from tests.functional.courses.conftest import SLUG, Import
from tests.functional.grading.conftest import counted

__all__ = ["campus", "launcher", "registration_id", "served", "tool"]
REFS = [f"courses/{SLUG}", *(f"courses/{SLUG}/{item}" for item in ("sowing", "watering", "first-quiz", "second-quiz"))]
MODULES = [f"courses/{SLUG}/modules/{module}" for module in ("seeds", "wood")]
ALL = [REFS[0], MODULES[0], *REFS[1:4], MODULES[1], REFS[4]]


@pytest.fixture
def plugins() -> list[Plugin]:
    return load_plugins(DEFAULT_PLUGINS)


@pytest.fixture
def other_id(runtime: Runtime) -> int:
    """Another platform's number."""
    with runtime.db.transaction() as tx:
        return make_place(tx, "elsewhere").registration_id


def add_activity(campus: CampusServer, ref: str) -> Activity:
    return campus.add_activity("Activity", custom={"coursebridge_item": ref}, points=4)


def test_choices_are_the_course_and_its_items_in_reading_order(
    runtime: Runtime, run_import: Import, registration_id: int
) -> None:
    run_import()
    with runtime.db.reading() as tx:
        choices = CourseContents().list_choices(tx, registration_id)
        found = [CourseContents().find_choice(tx, registration_id, ref) for ref in ALL]

    assert [choice.ref for choice in choices] == ALL
    assert choices == found
    assert [(choice.kind, choice.group, choice.max_points) for choice in choices] == [
        ("course", "", None),
        ("module", "Seeds", None),
        ("lesson", "Seeds", None),
        ("lesson", "Seeds", None),
        ("quiz", "Seeds", 4),
        ("module", "Wood", None),
        ("quiz", "Wood", 6),
    ]


def test_what_grades_are_of_is_told_in_one_query(runtime: Runtime, run_import: Import) -> None:
    run_import()
    with runtime.db.reading() as tx:
        with counted(runtime) as statements:
            titles = CourseContents().list_titles(tx, [*ALL, "courses/gone", f"courses/{SLUG}/gone", "stub/1"])
        choices = CourseContents().list_choices(tx, 1)

    assert len(statements) == 1
    assert titles == {each.ref: ": ".join(dict.fromkeys((each.course_title, each.title))) for each in choices}


def test_a_course_of_one_platform_can_be_placed_there_only(
    runtime: Runtime, run_import: Import, registration_id: int, other_id: int
) -> None:
    run_import(registration_id=registration_id)
    contents = CourseContents()

    with runtime.db.reading() as tx:
        assert [choice.ref for choice in contents.list_choices(tx, registration_id)] == ALL
        assert contents.list_choices(tx, other_id) == []
        assert all(contents.find_choice(tx, registration_id, ref) for ref in REFS)
        assert [contents.find_choice(tx, other_id, ref) for ref in REFS] == [None] * 5


@pytest.mark.parametrize(
    "ref", ["", "courses", "courses/", "courses//x", "courses/none", "courses/trees/none", "other/trees"]
)
def test_what_is_not_there_is_no_choice(runtime: Runtime, run_import: Import, registration_id: int, ref: str) -> None:
    run_import()
    with runtime.db.reading() as tx:
        assert CourseContents().find_choice(tx, registration_id, ref) is None


def test_paths_lead_to_the_pages(runtime: Runtime, run_import: Import, registration_id: int) -> None:
    run_import()
    with runtime.db.reading() as tx:
        found = [CourseContents().find_choice(tx, registration_id, ref) for ref in REFS]

    assert [choice.path for choice in found if choice] == [
        "/courses/trees/",
        "/courses/trees/sowing",
        "/courses/trees/watering",
        "/grading/trees/quiz-1",
        "/grading/trees/quiz-2",
    ]


def test_a_launch_reads_its_item_once(
    runtime: Runtime, launcher: Launcher, campus: CampusServer, run_import: Import
) -> None:
    run_import()
    placed = add_activity(campus, REFS[3])
    launcher.open("ada", placed)

    with counted(runtime) as statements:
        assert launcher.open("ada", placed).endswith("/grading/trees/quiz-1")

    assert len([each for each in statements if "courses_item" in each]) == 1, statements


def test_a_launch_of_a_module_ends_on_the_course_page_at_that_module(
    launcher: Launcher, campus: CampusServer, run_import: Import
) -> None:
    run_import()
    path = launcher.open("ada", add_activity(campus, MODULES[1]))

    assert path.endswith("/courses/trees/#m-wood")
    assert 'id="m-wood"' in launcher.client.get(path.partition("#")[0]).text


def test_drafts_are_not_offered_and_a_launch_of_one_leads_nobody_to_its_text(
    runtime: Runtime, launcher: Launcher, campus: CampusServer, run_import: Import
) -> None:
    draft = TOML.replace('slug = "watering"', 'slug = "watering"\nstate = "draft"')
    run_import({"course.toml": draft.replace('slug = "second-quiz"', 'slug = "second-quiz"\nstate = "draft"')})
    with runtime.db.reading() as tx:
        offered = [choice.ref for choice in CourseContents().list_choices(tx, 1)]
    assert offered == [REFS[0], MODULES[0], REFS[1], REFS[3]]

    for ref in (REFS[2], REFS[4]):
        assert launcher.client.get(launcher.open("ada", add_activity(campus, ref))).status_code == 404
    token = launcher.open("ada", add_activity(campus, REFS[0])).split("/")[2]
    assert launcher.client.get(f"/s/{token}/grading/trees/quiz-2").status_code == 303


def test_learners_of_an_lms_course_are_enrolled(
    runtime: Runtime, launcher: Launcher, campus: CampusServer, run_import: Import
) -> None:
    run_import()
    for username in ("ada", "tess"):
        launcher.open(username, add_activity(campus, REFS[0]))
    work(runtime)

    with runtime.db.reading() as tx:
        rows = tx.scalars(select(Enrolment)).all()
    # Moodle lists everybody but the teacher as a learner
    assert [(row.via, row.standing) for row in rows] == [(Via.LMS, Standing.ACTIVE)] * 6


def test_a_launch_ends_on_the_page_of_the_item(launcher: Launcher, campus: CampusServer, run_import: Import) -> None:
    run_import()
    for ref, title in zip(REFS, ("Trees", "Sowing", "Watering", "First quiz", "Second quiz"), strict=True):
        page = launcher.client.get(launcher.open("ada", add_activity(campus, ref)))
        assert (page.status_code, f"<h1>{title}</h1>" in page.text) == (200, True)


@pytest.mark.parametrize("username", ["ada", "tess"])
@pytest.mark.parametrize("ref", REFS[:4:3])
def test_a_launch_of_another_platforms_course_is_refused(
    launcher: Launcher, campus: CampusServer, run_import: Import, other_id: int, username: str, ref: str
) -> None:
    run_import(registration_id=other_id)

    path = launcher.open(username, add_activity(campus, ref))
    page = launcher.client.get(path)

    assert (page.status_code, "Trees" in page.text) == (404, False)
    token = path.split("/")[2]
    for forbidden in (
        "/courses/trees/",
        "/courses/trees/sowing",
        "/courses/trees/media/seed.png",
        "/grading/trees/quiz-1",
    ):
        assert launcher.client.get(f"/s/{token}{forbidden}").status_code == 403


def test_a_launch_of_a_removed_quiz_says_so_kindly(
    launcher: Launcher, campus: CampusServer, run_import: Import
) -> None:
    run_import()
    activity = add_activity(campus, REFS[4])
    launcher.open("ada", activity)
    run_import({"course.toml": TOML[: TOML.index('[[module]]\ntitle = "Wood"')]})

    learner = launcher.client.get(launcher.open("ada", activity))
    teacher = launcher.client.get(launcher.open("tess", activity))

    assert (learner.status_code, teacher.status_code) == (404, 404)
    assert "Your work and your marks are kept." in learner.text
    assert "add it anew by choosing content from this tool" in teacher.text


def test_a_launch_of_an_old_slug_says_so_kindly_and_counts_as_an_activity(
    launcher: Launcher, campus: CampusServer, run_import: Import
) -> None:
    run_import()
    activity = add_activity(campus, REFS[4])
    launcher.open("ada", activity)

    done = run_import(changed('slug = "second-quiz"', 'slug = "wood"'))

    assert "1 activity in an LMS still shows the old slug" in done.notes[0]
    assert launcher.client.get(launcher.open("ada", activity)).status_code == 404
    assert launcher.open("ada", add_activity(campus, f"courses/{SLUG}/wood")).endswith("/grading/trees/quiz-2")


def test_progress_of_a_whole_course_gets_a_column_of_its_own_in_the_lms(
    runtime: Runtime, launcher: Launcher, campus: CampusServer, run_import: Import
) -> None:
    run_import()
    whole = campus.add_activity("Trees", custom={"coursebridge_item": REFS[0]})
    settings = launcher.open("tess", whole).replace("/courses/trees/", "/progress/trees/settings")
    assert launcher.client.post(settings, data={"own": "no", "sends_score": "yes"}).status_code == 303
    mark = launcher.open("ada", whole).replace("/courses/trees/", "/progress/trees/mark")
    assert campus.line_items(whole) == [], "there is nothing to say yet"

    for item in ("sowing", "watering"):
        assert launcher.client.post(mark, data={"item": item, "done": "yes"}).status_code == 303
    work(runtime)
    grade = campus.grade("ada", whole)
    assert grade is not None and grade.final == 50
    assert [(column.label, column.score_maximum) for column in campus.line_items(whole)] == [("Trees", 100)]
