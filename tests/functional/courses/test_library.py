"""Files of the course's library in its lessons: given to whom the item is open, kept while it names them."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from lti_tool.kernel.errors import Conflict
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from plugins.courses.exporter import export_course
from plugins.courses.importer import import_course
from plugins.files import public as files
from tests.factories import notebooks as make
from tests.factories.grading import Someone, work
from tests.functional.courses.conftest import SLUG, Browser, Import
from tests.functional.courses.teaching import EDIT, HOME, Teacher, new_item
from tests.functional.courses.test_export import files_of

MEMBERS = {"admission": "lms", "level": ""}
"""What the form of the settings sends besides."""


def store(runtime: Runtime, course: str = SLUG, name: str = "Slides.csv") -> files.StoredFile:
    with runtime.db.transaction() as tx:
        return files.store_bytes(tx, runtime, course_slug=course, owner_id=None, name=name, content=b"oak,beech\n")


def test_a_learner_gets_what_an_open_item_names_and_nothing_else(
    app: Flask, runtime: Runtime, run_import: Import, someone: Callable[..., Someone], tmp_path: Path
) -> None:
    run_import()
    slides, private, foreign = store(runtime), store(runtime), store(runtime, "other", "elsewhere.csv")
    assert (slides.slug, private.slug) == ("slides.csv", "slides-2.csv")
    ada, ben = Teacher(app, someone(Role.TEACHER), SLUG), Browser(app, someone(), SLUG)
    path = new_item(ada, "Slides", "file")
    shown = ada.get(path).text
    assert '<option value="file:slides.csv">Slides.csv (slides.csv)</option>' in shown and "elsewhere" not in shown
    form = ada.form(path)
    assert ada.post(path, form | {"library": f"file:{foreign.slug}", "do": "publish"}).status_code == 422

    form = ada.form(path)
    assert ada.post(path, form | {"library": "file:slides.csv"}).status_code == 303
    assert ben.get(f"{HOME}media/file:slides.csv").status_code == 404  # a draft opens nothing
    with pytest.raises(Conflict), runtime.db.transaction() as tx:
        files.delete_file(tx, slides.id)
    assert ada.post(f"{path}/publish").status_code == 303

    assert "media/file:slides.csv" in ben.get(f"{HOME}slides").text
    sent = ben.get(f"{HOME}media/file:slides.csv")
    assert (sent.status_code, sent.headers["Cache-Control"]) == (302, "no-store")
    for other in (private.slug, foreign.slug, "nothing.pdf", "Slides.csv", "..%2F1"):
        assert ben.get(f"{HOME}media/file:{other}").status_code == 404

    out = export_course(runtime, SLUG, tmp_path / "out")
    assert out.missing == []
    assert 'url = "file:slides.csv"' in (tmp_path / "out" / "course.toml").read_text()

    ada.post(f"{path}/remove")
    assert ben.get(f"{HOME}media/file:slides.csv").status_code == 404
    with runtime.db.transaction() as tx:
        files.delete_file(tx, slides.id)
    done = import_course(runtime, tmp_path / "out", overwrite=True)
    assert "“Slides.csv” is there as soon as it was checked." in done.notes
    waiting = ben.get(f"{HOME}media/file:slides.csv")
    assert waiting.status_code == 409 and "has not been uploaded here yet" in waiting.text
    work(runtime)
    assert ben.get(f"{HOME}media/file:slides.csv").status_code == 302
    with pytest.raises(Conflict), runtime.db.transaction() as tx:
        files.delete_file(tx, files.list_named(tx, SLUG, {"slides.csv"})["slides.csv"].id)


def test_a_text_links_to_a_file_that_is_there(
    app: Flask, runtime: Runtime, run_import: Import, someone: Callable[..., Someone]
) -> None:
    run_import()
    slides = store(runtime)
    ada, ben = Teacher(app, someone(Role.TEACHER), SLUG), Browser(app, someone(), SLUG)
    path = f"{EDIT}items/watering"

    text = '[Slides](file:slides.csv) and <a href="file:///etc/passwd">this</a>\n\n## How much\n'
    refused = ada.post(path, ada.form(path) | {"markdown": "[Slides](file:nothing.pdf)", "do": "publish"})
    assert refused.status_code == 422 and "no file file:nothing.pdf" in refused.text
    assert ada.post(path, ada.form(path) | {"markdown": text, "do": "publish"}).status_code == 422  # leads nowhere
    text = text.partition(" and")[0] + "\n\n## How much\n"
    assert ada.post(path, ada.form(path) | {"markdown": text, "do": "publish"}).status_code == 303

    page = ben.get(f"{HOME}watering").text
    assert f'{HOME}media/file:slides.csv"' in page
    assert ben.get(f"{HOME}media/file:slides.csv").status_code == 302
    assert ben.get(f"{HOME}media/file:{slides.slug}x").status_code == 404


def test_a_description_links_to_a_file_that_is_there_and_stays(
    app: Flask, runtime: Runtime, run_import: Import, someone: Callable[..., Someone], tmp_path: Path
) -> None:
    run_import()
    slides, private = store(runtime), store(runtime)
    ada, ben = Teacher(app, someone(Role.TEACHER), SLUG), Browser(app, someone(), SLUG)
    path = f"{EDIT}settings"
    refused = ada.post(path, ada.form(path) | MEMBERS | {"description": "[Slides](file:nothing.pdf)"})
    assert refused.status_code == 422 and "[Slides](file:nothing.pdf)</textarea>" in refused.text
    assert "Description there is no file file:nothing.pdf in the course" in refused.text

    assert ada.post(path, ada.form(path) | MEMBERS | {"description": "[Slides](file:slides.csv)"}).status_code == 303
    assert f'{HOME}media/file:slides.csv"' in ben.get(HOME).text
    assert ben.get(f"{HOME}media/file:slides.csv").status_code == 302
    assert ben.get(f"{HOME}media/file:{private.slug}").status_code == 404
    with pytest.raises(Conflict), runtime.db.transaction() as tx:
        files.delete_file(tx, slides.id)
    out = export_course(runtime, SLUG, tmp_path / "out")
    assert out.missing == [] and files_of(tmp_path / "out")["files/slides.csv"] == b"oak,beech\n"


def test_a_course_is_not_published_while_its_description_links_to_nothing(
    app: Flask, runtime: Runtime, run_import: Import, someone: Callable[..., Someone]
) -> None:
    run_import()
    ada = Teacher(app, someone(Role.TEACHER), SLUG)
    ada.post(f"{EDIT}state/draft")
    path = f"{EDIT}settings"
    assert (
        ada.post(path, ada.form(path) | MEMBERS | {"description": "[Slides](file:nothing.pdf)"}).status_code == 303
    )  # a draft may
    refused = ada.post(f"{EDIT}state/published")
    assert refused.status_code == 400 and "In the description there is no file file:nothing.pdf" in refused.text
    assert ada.post(path, ada.form(path) | MEMBERS | {"description": ""}).status_code == 303
    assert ada.post(f"{EDIT}state/published").status_code == 303
    restored = ada.post(f"{EDIT}restore/course", {"number": "2"})
    assert restored.status_code == 400 and "file:nothing.pdf" in restored.text


def test_a_notebook_links_to_a_file_that_is_there_and_stays(
    app: Flask, runtime: Runtime, run_import: Import, someone: Callable[..., Someone]
) -> None:
    run_import()
    slides = store(runtime)
    ada, ben = Teacher(app, someone(Role.TEACHER), SLUG), Browser(app, someone(), SLUG)
    path = new_item(ada, "Reading", "notebook")

    def send(link: str) -> int:
        given = (io.BytesIO(make.notebook(make.text(f"# Rain\n\n[Data]({link})"))), "rain.ipynb")
        sent = ada.post(path, ada.form(path) | {"upload": given, "do": "publish"}, content_type="multipart/form-data")
        return int(sent.status_code)

    assert send("file:nothing.pdf") == 422
    assert ben.get(f"{HOME}media/file:slides.csv").status_code == 404
    assert send("file:slides.csv") == 303
    assert f'{HOME}media/file:slides.csv"' in ben.get(f"{HOME}reading").text
    assert ben.get(f"{HOME}media/file:slides.csv").status_code == 302
    with pytest.raises(Conflict), runtime.db.transaction() as tx:
        files.delete_file(tx, slides.id)
