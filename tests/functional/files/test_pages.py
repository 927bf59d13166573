"""The teacher's pages, with and without JavaScript."""

import io
import re
from collections.abc import Callable
from typing import Any

import pytest

from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from plugins.files import public
from tests.functional.files.conftest import SLUG, picture
from tests.functional.files.tus_client import Tus
from tests.functional.grading.conftest import Browser, counted

HOME = f"/files/{SLUG}"
Work = Callable[[], None]


def upload(browser: Browser, *files: tuple[str, bytes], path: str = HOME) -> Any:
    form = {"file": [(io.BytesIO(content), name) for name, content in files]}
    return browser.post(path, data=form, content_type="multipart/form-data")


def files_of(runtime: Runtime) -> list[public.StoredFile]:
    with runtime.db.reading() as tx:
        return public.list_files(tx, SLUG)


def test_files_are_uploaded_and_deleted_without_javascript(runtime: Runtime, teacher: Browser, work: Work) -> None:
    empty = teacher.get(HOME).text
    answer = upload(teacher, ("tree.png", picture()), ("trees.csv", b"name\noak\n"))
    waiting = teacher.get(HOME).text
    work()
    ready = teacher.get(HOME).text
    page = teacher.get(f"{HOME}/{files_of(runtime)[0].id}").text
    deleted = teacher.post(re.search(r'action="([^"]+/delete)"', page)[1])  # type: ignore[index]

    assert "No files yet" in empty
    assert (answer.status_code, answer.headers["Location"]) == (303, teacher.prefix + HOME)
    assert waiting.count("Being checked") == 2
    assert 'hx-trigger="every 2s"' in waiting
    assert ready.count("Ready") == 2
    assert "hx-trigger" not in ready
    assert "40 × 30" in page
    assert deleted.status_code == 303
    assert [file.name for file in files_of(runtime)] == ["trees.csv"]


def test_a_refused_file_says_why(teacher: Browser, work: Work) -> None:
    upload(teacher, ("notes.png", b"<html><script>alert(1)</script></html>"))
    work()

    assert "What counts is the content, not the name." in teacher.get(HOME).text


def test_a_form_takes_small_files_only(runtime: Runtime, teacher: Browser) -> None:
    runtime.settings.files.max_form_bytes = 1000

    assert upload(teacher, ("trees.csv", b"oak,30\n" * 1000)).status_code == 413
    assert upload(teacher, ("trees.csv", b"oak,30\n" * 50_000)).status_code == 413
    assert teacher.post(HOME).status_code == 400
    assert files_of(runtime) == []


def test_a_new_version_takes_the_place_of_the_old_once_it_is_checked(
    runtime: Runtime, teacher: Browser, work: Work
) -> None:
    tus = Tus(teacher)
    file_id = tus.send("trees.csv", b"name\noak\n")
    work()
    old = files_of(runtime)[0]
    with runtime.db.transaction() as tx:
        public.set_uses(tx, "courses/trees/oak", [file_id])
    tus.send("trees.csv", b"name\noak\nelm\n", replaces=str(file_id))
    between = teacher.get(HOME).text
    before = b"".join(public.open_file(runtime, files_of(runtime)[0]))
    work()
    (new,) = files_of(runtime)

    assert "A newer version is being checked" in between
    assert before == b"name\noak\n"
    assert (new.id, new.size) == (file_id, 13)
    assert b"".join(public.open_file(runtime, new)) == b"name\noak\nelm\n"
    assert new.key != old.key
    with runtime.db.reading() as tx:
        assert public.quota_left(tx, runtime, SLUG) == runtime.settings.files.quota_bytes - 13
        assert public.list_uses(tx, [file_id]) == {file_id: ["courses/trees/oak"]}
    assert len(list((runtime.settings.data_dir / "files").rglob("file"))) == 1, "the old content is gone"


def test_a_refused_new_version_leaves_the_old_one(runtime: Runtime, teacher: Browser, work: Work) -> None:
    file_id = Tus(teacher).send("trees.csv", b"name\noak\n")
    work()
    upload(teacher, ("trees.csv", b"MZ\x90\x00" + bytes(100)), path=f"{HOME}?replaces={file_id}")
    work()

    assert "The newer version was not accepted." in teacher.get(HOME).text
    assert b"".join(public.open_file(runtime, files_of(runtime)[0])) == b"name\noak\n"


def test_what_is_used_cannot_be_deleted(runtime: Runtime, teacher: Browser, work: Work) -> None:
    file_id = Tus(teacher).send("trees.csv", b"name\noak\n")
    work()
    with runtime.db.transaction() as tx:
        public.set_uses(tx, "courses/trees/oak", [file_id])
    page = teacher.get(f"{HOME}/{file_id}").text

    assert "courses/trees/oak" in page
    assert "/delete" not in page
    assert teacher.post(f"{HOME}/{file_id}/delete").status_code == 409


def test_an_unfinished_upload_is_shown_and_can_be_discarded(teacher: Browser) -> None:
    tus = Tus(teacher)
    url = tus.create("forest.mp4", 1_000_000, fingerprint="17 forest.mp4")
    tus.patch(url, 0, bytes(430_000))
    page = teacher.get(HOME).text
    discard = re.search(r'action="([^"]+/discard)"', page)

    assert "43 % of 1.0 MB" in page
    assert f'data-unfinished="{url}"' in page
    assert 'data-fingerprint="17 forest.mp4"' in page
    assert discard
    assert teacher.post(discard[1]).status_code == 303
    assert "Not finished" not in teacher.get(HOME).text


@pytest.mark.parametrize("role", [Role.LEARNER, Role.OBSERVER, Role.TEST_STUDENT])
def test_pages_are_for_staff(browse: Any, role: Role) -> None:
    browser = browse(role)

    assert browser.get(HOME).status_code == 403
    assert browser.get(f"{HOME}/1").status_code == 403
    assert upload(browser, ("a.csv", b"a")).status_code == 403
    assert browser.post(f"{HOME}/1/delete").status_code == 403


def test_another_courses_file_is_not_there(runtime: Runtime, teacher: Browser, browse: Any, work: Work) -> None:
    file_id = Tus(teacher).send("trees.csv", b"name\noak\n")
    work()
    elsewhere = browse(Role.TEACHER, "flowers")

    assert elsewhere.get(HOME).status_code == 403
    assert elsewhere.get(f"/files/flowers/{file_id}").status_code == 404
    assert elsewhere.post(f"/files/flowers/{file_id}/delete").status_code == 404
    assert upload(elsewhere, ("a.csv", b"a"), path=f"/files/flowers?replaces={file_id}").status_code == 404
    assert len(files_of(runtime)) == 1


def test_the_page_asks_few_questions_however_many_files_there_are(runtime: Runtime, teacher: Browser) -> None:
    with runtime.db.transaction() as tx:
        for number in range(30):
            stored = public.store_bytes(
                tx, runtime, course_slug=SLUG, owner_id=None, name=f"{number}.csv", content=b"a,b\n"
            )
            public.set_uses(tx, f"courses/trees/{number}", [stored.id])
    with counted(runtime) as list_queries:
        assert teacher.get(HOME).status_code == 200
    with counted(runtime) as file_queries:
        assert teacher.get(f"{HOME}/{stored.id}").status_code == 200

    assert len(list_queries) <= 6
    assert len(file_queries) <= 6


def test_names_on_the_page_are_text(runtime: Runtime, teacher: Browser) -> None:
    upload(teacher, ("<img src=x onerror=alert(1)>.csv", b"a,b\n"), ("x\u202egnp.csv", b"a,b\n"))
    names = [file.name for file in files_of(runtime)]

    assert names == ["_img src=x onerror=alert(1)_.csv", "xgnp.csv"]
    assert "<img src=x" not in teacher.get(HOME).text
