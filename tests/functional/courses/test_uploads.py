"""Files that teachers add in the editor pass the checks of every upload."""

import io
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from PIL import Image

from lti_tool.kernel.errors import AppError, TooLarge, Unacceptable
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from plugins.courses.editing import Editor
from plugins.courses.models import Media
from plugins.courses.uploads import add_media, check_upload
from plugins.files import public as files
from tests.factories.course_folders import PNG
from tests.factories.grading import Place
from tests.functional.courses.conftest import SLUG, Import
from tests.functional.courses.teaching import EDIT, HOME, Teacher, located_photo
from tests.functional.files.conftest import picture

Upload = Callable[..., Media]


@pytest.fixture
def upload(runtime: Runtime, place: Place, run_import: Import) -> Upload:
    """`upload(name, content, runtime)` into a course that is there."""
    run_import()
    ada = Editor(1, "Ada", place.registration_id, Role.TEACHER)

    def run(name: str, content: bytes, changed: Runtime = runtime) -> Media:
        given = check_upload(changed, name, content)
        with changed.db.transaction() as tx:
            return add_media(tx, changed, SLUG, given, ada)

    return run


def quota_left(runtime: Runtime) -> int:
    with runtime.db.reading() as tx:
        return files.quota_left(tx, runtime, SLUG)


def changed(runtime: Runtime, **settings: Any) -> Runtime:
    """The same tool with other settings of files."""
    changes = {"files": runtime.settings.files.model_copy(update=settings)}
    return replace(runtime, settings=runtime.settings.model_copy(update=changes))


def test_a_photo_is_shown_without_its_place_and_not_too_large(
    app: Flask, someone: Any, run_import: Import, runtime: Runtime
) -> None:
    run_import()
    grace = Teacher(app, someone(Role.TEACHER), SLUG)
    before = quota_left(runtime)

    given = {"file": (io.BytesIO(located_photo((3000, 2000))), "home.jpg")}
    answer = grace.post(f"{EDIT}items/sowing/upload", given, content_type="multipart/form-data")

    kept = grace.get(f"{HOME}media/{answer.json['path']}").data
    shown = Image.open(io.BytesIO(kept))
    assert not shown.getexif() and max(shown.size) == runtime.settings.files.image_side
    assert before - quota_left(runtime) == len(kept)


@pytest.mark.parametrize(
    ("name", "content", "path"),
    [
        ("oak.png", picture("JPEG"), "oak.jpg"),
        ("oak.csv", b"name,height\n", "oak.csv"),
        ("oak.txt", b"<script>alert(1)</script>", "oak.txt"),
    ],
)
def test_the_content_decides_what_a_file_is(upload: Upload, name: str, content: bytes, path: str) -> None:
    assert upload(name, content).path == path


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("oak.png", b"<!doctype html><script>alert(1)</script>", "file_type"),
        ("oak.pdf", b"MZ\x90\0" + bytes(60), "file_type"),
        ("oak.pdf", PNG, "file_misnamed"),
        ("oak.png", PNG[:50], "file_image_broken"),
        ("oak.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "file_svg_active"),
    ],
)
def test_what_is_not_accepted_says_why_and_is_not_kept(
    runtime: Runtime, upload: Upload, name: str, content: bytes, code: str
) -> None:
    before = quota_left(runtime)
    with pytest.raises(Unacceptable) as refused:
        upload(name, content)
    assert refused.value.code == code
    assert quota_left(runtime) == before


def test_the_scanner_sees_what_teachers_add(runtime: Runtime, upload: Upload, tmp_path: Path) -> None:
    script = tmp_path / "scanner.py"
    script.write_text("import sys; sys.exit(1 if b'EICAR' in open(sys.argv[1], 'rb').read() else 0)")
    scanned = changed(runtime, scan_command=f"{sys.executable} {script}")

    assert upload("fine.txt", b"Nothing in here", scanned).path == "fine.txt"
    with pytest.raises(AppError) as refused:
        upload("bad.txt", b"EICAR", scanned)
    assert refused.value.code == "file_infected"


def test_the_quota_counts_until_a_folder_takes_the_file_over(
    runtime: Runtime, upload: Upload, run_import: Import
) -> None:
    before = quota_left(runtime)
    upload("oak.csv", b"name,height\n")
    upload("oak.csv", b"name,height\n")
    assert before - quota_left(runtime) == 12
    with pytest.raises(TooLarge):
        upload("more.csv", b"name,height\n", changed(runtime, quota_bytes=20))

    run_import({"media/oak.csv": b"name,height\n"})
    assert quota_left(runtime) == before
