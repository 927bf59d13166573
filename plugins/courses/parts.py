"""What a part of a course says, as plain JSON: the same for revisions, for the editor and for comparing.

Whether a part is published is not in it: to restore an old text does not hide a lesson.
"""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from grading.public import Counts
from plugins.courses.course_file import AnyItem, CourseFile, QuizItem
from plugins.courses.course_file import Module as SaidModule
from plugins.courses.models import Admission, Course, Item, ItemKind, Level, Module

Content = dict[str, Any]
COURSE, OUTLINE = "course", "outline"
CONDITIONS = ("time_limit", "cell_time_limit", "memory_limit", "environment")
"""What a quiz is marked under."""


def module_part(slug: str) -> str:
    """The name of a module's revisions."""
    return f"module/{slug}"


def item_part(slug: str) -> str:
    """The name of an item's revisions."""
    return f"item/{slug}"


SOURCE = "source/"
"""How parts that are the source of a quiz begin."""


def source_part(assignment: str) -> str:
    """The name of the revisions of a quiz's source: they tell versions apart, and who made them."""
    return f"source/{assignment}"


def said_source(files: Iterable[tuple[str, Path]]) -> Content:
    """Which files a quiz's source has, from their paths below it."""
    return {"files": {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in files}}


# ---- from course.toml ----


def said_course(said: CourseFile) -> Content:
    """The settings of a course folder."""
    return {
        "title": said.title,
        "summary": said.summary,
        "description": said.description,
        "language": said.language,
        "level": said.level.value,
        "categories": list(said.categories),
        "tags": list(said.tags),
        "authors": list(said.authors),
        "licence": said.licence,
        "price": said.price,
        "currency": said.currency,
        "admission": said.admission.value,
        "lms_members_pay": said.lms_members_pay,
    }


def said_module(said: SaidModule) -> Content:
    """A module of a course folder."""
    return {"title": said.title, "summary": said.summary, "release": _written(said.release), "after": list(said.after)}


def said_item(said: AnyItem, markdown: str) -> Content:
    """An item of a course folder; `markdown` is a lesson's text."""
    quiz = said if isinstance(said, QuizItem) else None
    return {
        "type": said.type,
        "title": said.title,
        "summary": said.summary,
        "release": _written(said.release),
        "after": list(said.after),
        "required": said.required,
        "minutes": said.minutes,
        "file": getattr(said, "file", ""),
        "url": getattr(said, "url", ""),
        "markdown": markdown,
        "assignment": quiz.assignment if quiz else None,
        "attempts": quiz.attempts if quiz else None,
        "counts": quiz.counts.value if quiz else None,
        "pass": quiz.pass_mark if quiz else None,
        "due": _written(quiz.due) if quiz else None,
        "late_per_day": quiz.late_per_day if quiz else None,
        "late_at_most": quiz.late_at_most if quiz else None,
        "closes": _written(quiz.closes) if quiz else None,
        "time_limit": quiz.time_limit if quiz else None,
        "cell_time_limit": quiz.cell_time_limit if quiz else None,
        "memory_limit": quiz.memory_limit if quiz else None,
        "environment": quiz.environment if quiz else "",
    }


# ---- from rows ----


def course_content(course: Course) -> Content:
    """The settings of a course as learners see them; its description must be loaded."""
    return {
        "title": course.title,
        "summary": course.summary,
        "description": course.description,
        "language": course.language,
        "level": course.level.value,
        "categories": list(course.categories),
        "tags": list(course.tags),
        "authors": list(course.authors),
        "licence": course.licence,
        "price": course.price_minor,
        "currency": course.currency,
        "admission": course.admission.value,
        "lms_members_pay": course.lms_members_pay,
    }


def module_content(module: Module) -> Content:
    """A module as learners see it."""
    return {
        "title": module.title,
        "summary": module.summary,
        "release": _written(module.release_at),
        "after": list(module.after),
    }


def item_content(item: Item) -> Content:
    """An item as learners see it; its Markdown must be loaded."""
    return {
        "type": item.kind.value,
        "title": item.title,
        "summary": item.summary,
        "release": _written(item.release_at),
        "after": list(item.after),
        "required": item.required,
        "minutes": item.minutes,
        "file": item.file,
        "url": item.url,
        "markdown": item.markdown,
        "assignment": item.assignment,
        "attempts": item.attempts,
        "counts": item.counts.value if item.counts else None,
        "pass": item.pass_mark,
        "due": _written(item.due_at),
        "late_per_day": item.late_per_day,
        "late_at_most": item.late_at_most,
        "closes": _written(item.closes_at),
        "time_limit": item.time_limit,
        "cell_time_limit": item.cell_time_limit,
        "memory_limit": item.memory_limit,
        "environment": item.environment,
    }


# ---- into rows ----


def fill_course(course: Course, content: Content) -> None:
    """Make the row say this."""
    course.title, course.summary, course.description = content["title"], content["summary"], content["description"]
    course.language, course.level = content["language"], Level(content["level"])
    course.categories, course.tags = list(content["categories"]), list(content["tags"])
    course.authors, course.licence = list(content["authors"]), content["licence"]
    course.price_minor, course.currency = content["price"], content["currency"]
    course.admission, course.lms_members_pay = Admission(content["admission"]), content["lms_members_pay"]


def fill_module(module: Module, content: Content) -> None:
    """Make the row say this."""
    module.title, module.summary = content["title"], content["summary"]
    module.release_at, module.after = read_time(content["release"]), list(content["after"])


def fill_item(item: Item, content: Content) -> None:
    """Make the row say this."""
    item.kind, item.title, item.summary = ItemKind(content["type"]), content["title"], content["summary"]
    item.release_at, item.after = read_time(content["release"]), list(content["after"])
    item.required, item.minutes = content["required"], content["minutes"]
    item.file, item.url, item.markdown = content["file"], content["url"], content["markdown"]
    item.assignment, item.attempts = content["assignment"], content["attempts"]
    item.counts = Counts(content["counts"]) if content["counts"] else None
    item.pass_mark, item.due_at = content["pass"], read_time(content["due"])
    item.late_per_day, item.late_at_most = content["late_per_day"], content["late_at_most"]
    item.closes_at = read_time(content["closes"])
    item.time_limit, item.cell_time_limit = content["time_limit"], content["cell_time_limit"]
    item.memory_limit, item.environment = content["memory_limit"], content["environment"]


def read_time(text: str | None) -> datetime | None:
    """A time as `content` holds it."""
    return datetime.fromisoformat(text) if text else None


def _written(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat() if moment else None
