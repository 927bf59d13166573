"""Writes a course as a folder: what `import_course` reads, made for Git. Files that have not changed stay as they are.

What is exported is what learners see, and what was never published, marked as a draft. With `saved`, what teachers
last saved stands in the place of what learners see; importing that publishes it.
"""

import posixpath
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import undefer

from grading.public import Counts
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Conflict, NotFound
from lti_tool.kernel.runtime import Runtime
from plugins.courses import carried_files, file_folder
from plugins.courses.carried_videos import list_exported, list_posters
from plugins.courses.course_file import CourseFile
from plugins.courses.knowledge import Knowledge, read_knowledge
from plugins.courses.library import list_gone
from plugins.courses.models import Admission, Course, Item, Level, Media, Module, Origin, PartState, Revision
from plugins.courses.parts import (
    CONDITIONS,
    COURSE,
    Content,
    course_content,
    item_content,
    item_part,
    module_content,
    module_part,
    read_time,
)
from plugins.courses.revisions import list_newest
from plugins.courses.toml_text import Value, set_first_value, write_toml
from plugins.courses.video_folder import list_texts

OURS = ("course.toml", "lessons", "media", "source", "files", file_folder.FILES_TOML, "videos")
"""What an export writes; anything else in the folder (README, .git) is left alone."""

_NEWEST = select(
    func.max(Revision.id).label("newest"),
    func.max(Revision.id).filter(Revision.origin != Origin.IMPORT).label("in_browser"),
).where(Revision.course_id == bindparam("course_id"))


@dataclass(frozen=True)
class Exported:
    """What an export wrote."""

    slug: str
    title: str
    files: int
    left_out: list[str]
    """Slugs of items with changes that are not published and not in the folder."""
    missing: list[str]
    """Files and videos that are not in the folder because they are not here, or not yet."""
    large: list[str]
    """Files that are not in the folder because they are large; their names and checksums are."""


def export_course(
    runtime: Runtime, slug: str, path: Path, *, saved: bool = False, with_large: bool = False
) -> Exported:
    """Write the course into the folder `path`, which is new, empty or an earlier export.

    `with_large`: all uploaded files and videos, also those of more than 10 MB.

    Raises: NotFound: no such course. Conflict: the folder holds something else.
    """
    with runtime.db.reading() as tx:
        course = _load(tx, slug)
        _check_target(path, slug)
        items = _items(tx, course.id)
        newest = list_newest(tx, course.id) if saved else {}
        contents = _list_contents(items, {part: revision.content for part, revision in newest.items()})
        files = _list_texts(tx, course, items, contents, {part: one.content for part, one in newest.items()})
        videos, gone = list_exported(tx, slug, items, contents)
        uploads = carried_files.list_exported(tx, slug, with_large=with_large)
        quizzes = {item.assignment for item in items if item.assignment}
        path.mkdir(parents=True, exist_ok=True)
        for part in OURS:
            _remove(path / part)
        count = _write_media(tx, course.id, path)
        missing = uploads.away + list_gone(tx, slug) + gone
    files |= file_folder.list_texts(uploads.described)
    for one in videos:
        files |= list_texts(one)
    count += _copy_sources(runtime.settings.courses_dir / slug / "source", path / "source", quizzes)
    contents_of = list_posters(videos) | {f"files/{one.slug}": one for one in uploads.taken}
    for name, file in contents_of.items():
        carried_files.write_file(runtime, file, path / name)
    for name, body in files.items():
        _write(path, name, body)
    left_out = _left_out(items, {part: one.content for part, one in newest.items()})
    count += len(files) + len(contents_of)
    return Exported(slug, course.title, count, left_out, missing, uploads.large)


def _load(tx: Tx, slug: str) -> Course:
    query = select(Course).where(Course.slug == slug).options(undefer(Course.description), undefer(Course.toml))
    course = tx.scalar(query)
    if course is None:
        raise NotFound("course_not_found", f"There is no course {slug}. `coursebridge course list` shows them.")
    return course


def _check_target(path: Path, slug: str) -> None:
    if not path.exists():
        return
    if not path.is_dir():
        raise Conflict("export_target", f"{path} is a file. Name a folder.")
    toml = path / "course.toml"
    if toml.is_file():
        try:
            other = tomllib.loads(toml.read_text(encoding="utf-8-sig")).get("slug")
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
            other = None
        if other == slug:
            return
        raise Conflict("export_target", f"{path} holds another course ({other}). Name another folder.")
    if any(not entry.name.startswith(".") for entry in path.iterdir()):
        raise Conflict("export_target", f"{path} is not empty and holds no course. Name a new folder.")


def _items(tx: Tx, course_id: int) -> list[Item]:
    query = select(Item).where(Item.course_id == course_id).options(undefer(Item.markdown)).order_by(Item.position)
    return list(tx.scalars(query))


def _list_contents(items: list[Item], saved: dict[str, Content]) -> dict[str, Content]:
    """What each item says, by slug; each text of a lesson with a file of its own."""
    contents: dict[str, Content] = {}
    texts: dict[str, str] = {}
    for item in items:
        content = dict(saved.get(item_part(item.slug)) or item_content(item))
        if content["type"] == "lesson":
            content["file"] = _free_file(content["file"], item.slug, content["markdown"], texts)
            texts[content["file"]] = content["markdown"]
        contents[item.slug] = content
    return contents


def _list_texts(
    tx: Tx, course: Course, items: list[Item], contents: dict[str, Content], saved: dict[str, Content]
) -> dict[str, str]:
    """course.toml and the lessons."""
    texts = {one["file"]: one["markdown"] for one in contents.values() if one["type"] == "lesson"}
    said = _toml_values(tx, course, items, contents, saved)
    newest, in_browser = tx.execute(_NEWEST, {"course_id": course.id}).one()
    now = Knowledge(course.uid, newest, frozenset(_left_out(items, saved)))
    kept = _know(course, now, in_browser or 0) if _says_the_same(course.toml, said) else None
    if kept is not None:
        return {"course.toml": kept, **texts}
    said["head"]["revision"] = now.line
    return {"course.toml": write_toml(said["head"], said["tables"]), **texts}


def _know(course: Course, now: Knowledge, in_browser: int) -> str | None:
    """course.toml as it was imported; if texts were changed in the browser since, with the line that says so."""
    known = read_knowledge(CourseFile.model_validate(tomllib.loads(course.toml)).revision, course.uid)
    if in_browser <= known.number and known.left_out == now.left_out:
        return course.toml
    return set_first_value(course.toml, "revision", now.line)


def _left_out(items: list[Item], saved: dict[str, Content]) -> list[str]:
    """Slugs of items with changes that are saved, not published, and not in `saved` either."""
    return [item.slug for item in items if item.has_changes and item_part(item.slug) not in saved]


def _free_file(file: str, slug: str, text: str, taken: dict[str, str]) -> str:
    """Two lessons that share a file say the same, or one gets a file of its own."""
    if taken.get(file, text) == text:
        return file
    name = f"lessons/{slug}.md"
    while name in taken:
        name = f"{name[:-3]}-2.md"
    return name


def _toml_values(
    tx: Tx, course: Course, items: list[Item], contents: dict[str, Content], saved: dict[str, Content]
) -> dict[str, Any]:
    settings = saved.get(COURSE) or course_content(course)
    head: dict[str, Value] = {"slug": course.slug, **_without_defaults(settings)}
    if course.state is not PartState.PUBLISHED:
        head["state"] = course.state.value
    tables: list[tuple[str, dict[str, Value]]] = []
    query = select(Module).where(Module.course_id == course.id).order_by(Module.position)
    for module in tx.scalars(query):
        content = saved.get(module_part(module.slug)) or module_content(module)
        tables.append(("module", {"slug": module.slug, **_said(content, ("title", "summary", "release", "after"))}))
        tables += [
            ("module.item", _item_values(item, contents[item.slug])) for item in items if item.module_id == module.id
        ]
    return {"head": head, "tables": tables}


def _without_defaults(settings: Content) -> dict[str, Value]:
    kept = {name: value for name, value in settings.items() if value or name in ("title", "language")}
    if kept.get("level") == Level.ANY.value:
        del kept["level"]
    if kept.get("admission") == Admission.LMS.value:
        del kept["admission"]
    return kept


def _item_values(item: Item, content: Content) -> dict[str, Value]:
    head: dict[str, Value] = {"type": content["type"], "slug": item.slug}
    names = ("title", "file", "url", "assignment", "summary", "attempts", "counts", "pass", "due")
    values = head | _said(content, (*names, "late_per_day", "late_at_most", "closes", *CONDITIONS))
    if values.get("counts") == Counts.LAST.value:
        del values["counts"]
    if item.state is not PartState.PUBLISHED:
        values["state"] = item.state.value
    values |= _said(content, ("release", "after", "minutes"))
    return values if content["required"] else values | {"required": False}


def _said(content: Content, names: tuple[str, ...]) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for name in names:
        value = content[name]
        if value and name in ("release", "due", "closes"):
            value = read_time(value)
        if value:
            values[name] = value
    return values


def _says_the_same(toml: str, said: dict[str, Any]) -> bool:
    """Whether the course.toml that was imported still says what the course is."""
    if not toml:
        return False
    ours = CourseFile.model_validate(tomllib.loads(write_toml(said["head"], said["tables"])))
    theirs = CourseFile.model_validate(tomllib.loads(toml))
    return ours == theirs.model_copy(update={"revision": ""})


def _write_media(tx: Tx, course_id: int, path: Path) -> int:
    """One file in memory at a time."""
    paths = list(tx.scalars(select(Media.path).where(Media.course_id == course_id)))
    for name in paths:
        target = path / "media" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        query = select(Media.content).where(Media.course_id == course_id, Media.path == name)
        target.write_bytes(tx.scalars(query).one())
    return len(paths)


def _copy_sources(source: Path, target: Path, quizzes: set[str]) -> int:
    """The quizzes' notebooks with their data, as they were imported."""
    header, count = source / "header.ipynb", 0
    if quizzes and header.is_file():
        target.mkdir(exist_ok=True)
        shutil.copyfile(header, target / "header.ipynb")
        count += 1
    for name in sorted(quizzes):
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name, copy_function=shutil.copyfile)
            count += sum(entry.is_file() for entry in (target / name).rglob("*"))
    return count


def _remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)


def _write(root: Path, name: str, body: str) -> None:
    """`name` comes from course.toml; it does not lead out of the folder."""
    inside = posixpath.normpath(name)
    if inside.startswith(("../", "/")) or inside == "..":
        raise Conflict("export_target", f"{name} leads out of the folder. Give the lesson another file.")
    (root / inside).parent.mkdir(parents=True, exist_ok=True)
    (root / inside).write_bytes(body.encode())
