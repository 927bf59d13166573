"""A course that several platforms use: none of them changes what the others see."""

from collections.abc import Callable

from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from tests.factories.grading import make_place
from tests.functional.courses.conftest import SLUG, Browser, Import


def test_files_and_videos_of_a_shared_course_are_changed_by_no_platform(
    runtime: Runtime, browse: Callable[..., Browser], run_import: Import
) -> None:
    run_import()
    teacher, film = browse(Role.TEACHER), {"url": "https://youtu.be/dQw4w9WgXcQ"}
    assert teacher.post(f"/video/{SLUG}/links", data=film).status_code == 303
    with runtime.db.transaction() as tx:
        make_place(tx, "canvas")
    for path in (f"/video/{SLUG}/links", f"/video/{SLUG}/1/delete", f"/files/{SLUG}", "/files/uploads"):
        answer = teacher.post(path, data=film)
        assert answer.status_code == 403 and "Several platforms" in answer.text
    assert teacher.post(f"/video/{SLUG}/preferences", data={"speed": "1.5"}).status_code == 204
    assert teacher.get(f"/video/{SLUG}/").status_code == teacher.get(f"/files/{SLUG}").status_code == 200
