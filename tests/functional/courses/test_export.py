"""Import, export, import: nothing is lost, and what did not change stays byte for byte."""

import io
import random
import tomllib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pydantic import BaseModel

from lti_tool.kernel.errors import Conflict, NotFound
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from plugins.courses.course_file import (
    CourseFile,
    CourseFolderError,
    Module,
    QuizItem,
    check_course_file,
    read_course_file,
)
from plugins.courses.editing import Editor, publish_item, save_item
from plugins.courses.exporter import export_course
from plugins.courses.folder import read_course_folder
from plugins.courses.importer import import_course
from plugins.courses.parts import item_content
from plugins.courses.revisions import lock_course
from plugins.courses.service import get_item
from plugins.courses.toml_text import write_toml
from plugins.courses.writing import said_parts
from tests.factories import notebooks as make
from tests.factories.answers import COURSE
from tests.factories.course_folders import TOML, write_folder
from tests.factories.grading import Place
from tests.functional.courses.conftest import SLUG, Import
from tests.functional.courses.teaching import located_photo
from tests.functional.files.conftest import picture

EVERYTHING = (
    TOML.replace("attempts = 3", 'attempts = 3\ncounts = "best"\npass = 60\ntime_limit = 300\ncell_time_limit = 60')
    .replace("59:00+01:00", "59:00+01:00\nlate_per_day = 10\nlate_at_most = 50\ncloses = 2026-12-05T23:59:00+01:00")
    .replace('summary = "Two small sums."', 'summary = "Two small sums."\nmemory_limit = 1536\nafter = ["sowing"]')
    .replace("attempts = 3", "attempts = 3\nrelease = 2026-11-01T08:00:00Z\nminutes = 40\nrequired = false")
    .replace(
        'licence = "CC-BY-4.0"',
        'licence = "CC-BY-4.0"\ndescription = """\nTwo\n"quoted" \\\\ lines."""\nlevel = "beginner"\n'
        'categories = ["Nature"]\ntags = ["wood", "größe"]\nprice = 1999\ncurrency = "EUR"\n'
        'admission = "paid"\nlms_members_pay = true',
    )
    + """
[[module]]
slug = "more"
title = "More"
release = 2027-01-01T00:00:00Z
after = ["seeds"]

[[module.item]]
type = "video"
slug = "film"
title = "Film"
url = "https://video.example/1?a=b"
minutes = 12
required = false

[[module.item]]
type = "notebook"
slug = "reading"
title = "Reading"
file = "media/reading.ipynb"
after = ["sowing"]

[[module.item]]
type = "file"
slug = "data"
title = "Data"
file = "media/rain.csv"
state = "draft"

[[module.item]]
type = "link"
slug = "forest"
title = "A forest"
url = "https://example.org/"
release = 2027-02-01T10:00:00+01:00

[[module]]
title = "Still empty"
"""
)


def files_of(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}


@pytest.fixture
def rich(folder: Path) -> Path:
    """A course that uses everything."""
    reading = make.notebook(make.text("# Reading"))
    return write_folder(folder, {"course.toml": EVERYTHING, "media/reading.ipynb": reading})


def test_what_was_imported_is_exported_byte_for_byte(runtime: Runtime, rich: Path, tmp_path: Path) -> None:
    import_course(runtime, rich)

    done = export_course(runtime, SLUG, tmp_path / "out")

    assert files_of(tmp_path / "out") == files_of(rich)
    assert done.files == len(files_of(rich))


def test_a_course_that_uses_everything_says_all_that_a_folder_can_say() -> None:
    """So that no field that is new is forgotten by an export."""
    said = tomllib.loads(EVERYTHING)
    modules = [module for module in said["module"] if "item" in module]
    quiz = next(item for module in modules for item in module["item"] if item["type"] == "quiz")

    assert _names(CourseFile) - {*said} == {"state", "revision"}, "drafts are below; what an export writes itself"
    assert _names(Module) - {name for module in modules for name in module} == set()
    assert _names(QuizItem) - {*quiz} == {"state", "environment"}, "see test_quiz_rules.py"


def _names(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def test_the_demo_course_is_exported_byte_for_byte(runtime: Runtime, tmp_path: Path) -> None:
    import_course(runtime, COURSE)
    export_course(runtime, "notebooks-101", tmp_path / "out")

    assert files_of(tmp_path / "out") == files_of(COURSE)


def test_a_folder_without_course_toml_gets_one(runtime: Runtime, folder: Path, tmp_path: Path) -> None:
    (folder / "course.toml").unlink()
    import_course(runtime, folder)
    export_course(runtime, SLUG, tmp_path / "out")

    written = read_course_file(tmp_path / "out" / "course.toml")
    assert [item.slug for item in written.module[0].item] == ["quiz-1", "quiz-2"]
    import_course(runtime, tmp_path / "out")
    export_course(runtime, SLUG, tmp_path / "again")
    assert files_of(tmp_path / "again") == files_of(tmp_path / "out")


def test_comments_in_course_toml_stay_while_nothing_changes(
    run_import: Import, runtime: Runtime, tmp_path: Path
) -> None:
    run_import({"course.toml": "# ours\r\n" + TOML})
    export_course(runtime, SLUG, tmp_path / "out")

    assert (tmp_path / "out" / "course.toml").read_bytes() == b"# ours\r\n" + TOML.encode()


@pytest.mark.parametrize(
    ("head", "line"),
    [
        ("# ours\n", '# ours\nslug = "trees"\nrevision = '),
        ("# ours\nrevision = 'abcdef01-1'  # old\n", "# ours\nrevision = "),
        ('description = """\nslug = 1\n"""\n', "revision = "),
        ("# ours\r\n", '# ours\r\nslug = "trees"\r\nrevision = '),
    ],
)
def test_texts_from_the_browser_are_exported_with_the_line_that_lets_them_be_changed(
    run_import: Import, runtime: Runtime, place: Place, tmp_path: Path, head: str, line: str
) -> None:
    toml = head + (TOML.replace("\n", "\r\n") if "\r" in head else TOML)
    run_import({"course.toml": toml}, registration_id=place.registration_id)
    ada = Editor(1, "Ada", place.registration_id, Role.TEACHER)
    with runtime.db.transaction() as tx:
        said = item_content(get_item(tx, lock_course(tx, SLUG).id, "watering"))
        save_item(tx, SLUG, "watering", said | {"markdown": "## How much\n\nIn the browser.\n"}, ada, None)
        publish_item(tx, SLUG, "watering", ada)

    export_course(runtime, SLUG, tmp_path / "out")
    written = (tmp_path / "out" / "course.toml").read_bytes().decode()
    assert line in written and written.replace("\r", "").count("\n") - toml.replace("\r", "").count("\n") in (0, 1)
    (tmp_path / "out" / "lessons" / "watering.md").write_text("## How much\n\nIn the folder.\n")
    import_course(runtime, tmp_path / "out", registration_id=place.registration_id)

    export_course(runtime, SLUG, tmp_path / "again")
    assert files_of(tmp_path / "again") == files_of(tmp_path / "out")
    (tmp_path / "out" / "course.toml").write_bytes(toml.encode())  # a folder that knows nothing of the browser
    (tmp_path / "out" / "lessons" / "watering.md").write_text("## How much\n")
    import_course(runtime, tmp_path / "out", registration_id=place.registration_id)  # the last one was an import


def test_an_export_goes_into_its_own_folder_only(run_import: Import, runtime: Runtime, tmp_path: Path) -> None:
    run_import()
    target = tmp_path / "out"
    write_folder(
        target, {"README.md": "kept", ".git/config": "kept", "media/old.png": "gone", "lessons/old.md": "gone"}
    )
    export_course(runtime, SLUG, target)
    assert (target / "README.md").exists() and (target / ".git" / "config").exists()
    assert not (target / "media" / "old.png").exists() and not (target / "lessons" / "old.md").exists()

    (target / "course.toml").write_text('slug = "other"')
    with pytest.raises(Conflict, match="holds another course"):
        export_course(runtime, SLUG, target)
    (target / "course.toml").unlink()
    with pytest.raises(Conflict, match="is not empty"):
        export_course(runtime, SLUG, target)
    with pytest.raises(NotFound, match="There is no course nothing"):
        export_course(runtime, "nothing", tmp_path / "new")


ODD = ["a", "Ä", '"', "\\", "'''", '"""', "#", "=", "[x]", "\u2028", "\U0001f332", "日本", "\t", "\x7f", " "]


def odd_text(rng: random.Random, *, lines: bool = False) -> str:
    parts = [part for part in ODD if lines or part not in ("\t", "\x7f")]
    parts = [part for part in parts if part != "\x7f"] + (["\n", "\n\n"] if lines else [])
    return "x" + "".join(rng.choice(parts) for _ in range(rng.randrange(12))) + "y"


def random_course(rng: random.Random) -> dict[str, Any]:
    """What a course.toml can say, at random."""

    def item(number: int) -> dict[str, Any]:
        kind = rng.choice(["lesson", "video", "file", "link"])
        said: dict[str, Any] = {"type": kind, "slug": f"item-{number}", "title": odd_text(rng)}
        if kind == "lesson":
            said["file"] = f"lessons/{number}.md"
        elif kind != "link" and rng.random() < 0.5:
            said["file"] = "media/seed.dat"
        else:
            said["url"] = f"https://example.org/{number}"
        said["after"] = [f"item-{rng.randrange(number)}"] if number and rng.random() < 0.4 else []
        said["state"], said["required"] = rng.choice(["draft", "published"]), rng.random() < 0.5
        said["minutes"], said["summary"] = rng.choice([None, 1, 90]), rng.choice(["", odd_text(rng)])
        said["release"] = rng.choice([None, "2027-03-01T09:30:00+05:30"])
        return said

    count = rng.randrange(1, 9)
    items = [item(number) for number in range(count)]
    cut = rng.randrange(count + 1)
    modules = [{"title": odd_text(rng), "item": items[:cut]}, {"title": odd_text(rng), "item": items[cut:]}]
    priced = rng.random() < 0.5
    return {
        "slug": SLUG,
        "title": odd_text(rng),
        "summary": rng.choice(["", odd_text(rng)]),
        "description": odd_text(rng, lines=True),
        "tags": [odd_text(rng) for _ in range(rng.randrange(9))],
        "categories": [odd_text(rng)],
        "authors": [odd_text(rng) for _ in range(rng.randrange(3))],
        "level": rng.choice(["", "advanced"]),
        "state": rng.choice(["draft", "published"]),
        "price": 500 if priced else None,
        "currency": "JPY" if priced else "",
        "module": modules,
    }


def write_random(rng: random.Random, path: Path) -> Path:
    """A folder of a random course, its course.toml in another form than an export writes."""
    course = check_course_file(random_course(rng), "course.toml").model_dump(exclude_none=True)
    modules = course.pop("module")
    tables = []
    for module in modules:
        items = module.pop("item")
        tables.append(("module", module))
        tables += [("module.item", {k: v for k, v in item.items() if v != ""}) for item in items]
    texts = {
        item["file"]: odd_text(rng, lines=True) + rng.choice(["", "\n", "\r\n"])
        for _t, item in tables
        if item.get("type") == "lesson"
    }
    (path / "media").mkdir(parents=True)
    (path / "lessons").mkdir()
    (path / "media" / "seed.dat").write_bytes(rng.randbytes(50))
    for name, text in texts.items():
        (path / name).write_bytes(text.encode())
    (path / "course.toml").write_text(write_toml(course, tables))
    return path


@pytest.mark.parametrize("seed", range(12))
def test_whatever_a_course_says_comes_back(runtime: Runtime, tmp_path: Path, seed: int) -> None:
    first = write_random(random.Random(seed), tmp_path / "first")
    import_course(runtime, first)
    before = files_of(first)

    with runtime.db.transaction() as tx:
        tx.connection().exec_driver_sql("UPDATE courses_course SET toml = ''")  # so that it is written anew
    export_course(runtime, SLUG, tmp_path / "second")
    import_course(runtime, tmp_path / "second")
    export_course(runtime, SLUG, tmp_path / "third")

    one, two = read_course_folder(first), read_course_folder(tmp_path / "second")
    assert said_parts(one) == said_parts(two)
    assert [item.state for item in one.items] == [item.state for item in two.items]
    assert files_of(tmp_path / "second") == files_of(tmp_path / "third")
    assert {k: v for k, v in files_of(tmp_path / "second").items() if k != "course.toml"} == {
        k: v for k, v in before.items() if k != "course.toml"
    }


def test_a_picture_loses_its_place_once_and_comes_back_as_it_is(
    run_import: Import, runtime: Runtime, tmp_path: Path
) -> None:
    photo = located_photo()
    run_import({"media/seed.png": picture(), "media/photo.jpg": photo})
    export_course(runtime, SLUG, tmp_path / "second")
    import_course(runtime, tmp_path / "second")
    export_course(runtime, SLUG, tmp_path / "third")

    kept = (tmp_path / "second" / "media" / "photo.jpg").read_bytes()
    assert not Image.open(io.BytesIO(kept)).getexif() and b"Exif" in photo and b"Exif" not in kept
    assert files_of(tmp_path / "second") == files_of(tmp_path / "third")


def test_a_picture_that_cannot_be_read_is_not_imported(run_import: Import) -> None:
    with pytest.raises(CourseFolderError, match=r"media/seed\.png: The image cannot be read"):
        run_import({"media/seed.png": picture()[:60]})
