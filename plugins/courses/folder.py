"""A course as a folder of files: reads and checks it, touches nothing.

    course.toml            what the course is and the order of its modules and items
    lessons/*.md           Markdown lessons
    media/*                images and other files that lessons show
    source/<assignment>/   nbgrader source notebooks with their data files

An nbgrader course folder without course.toml is a course too: one module with one quiz per assignment.
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from lti_tool.kernel.errors import AppError

MAX_MEDIA_BYTES = 10_000_000

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,78}$")]
AssignmentName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,78}$")]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class CourseFolderError(AppError):
    """A course folder that cannot be imported; every line of the message names a file and says what to change."""

    status = 422

    def __init__(self, problems: list[str]) -> None:
        """`problems` are shown one a line."""
        super().__init__("course_folder_invalid", "\n".join(problems), {"problems": problems})
        self.problems = problems


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LessonItem(_Part):
    """A page to read."""

    type: Literal["lesson"]
    slug: Slug
    title: Line
    file: str


class QuizItem(_Part):
    """A notebook quiz."""

    type: Literal["quiz"]
    slug: Slug
    title: Line
    assignment: AssignmentName
    summary: str = ""
    attempts: int | None = Field(None, ge=1, le=100)
    due: AwareDatetime | None = None


Item = Annotated[LessonItem | QuizItem, Field(discriminator="type")]


class Module(_Part):
    """A part of a course."""

    title: Line
    summary: str = ""
    item: list[Item] = []


class CourseFile(_Part):
    """What course.toml says."""

    slug: Slug
    title: Line
    summary: str = ""
    language: str = Field("en", pattern="^[a-z]{2,3}(-[A-Z]{2})?$")
    authors: list[str] = []
    licence: str = ""
    module: list[Module] = Field(min_length=1)


class CourseFolder:
    """A course folder whose course.toml has been read and whose references hold."""

    def __init__(self, path: Path, course: CourseFile) -> None:
        """Made by `read_course_folder`."""
        self.path = path
        self.course = course

    @property
    def items(self) -> Iterator[LessonItem | QuizItem]:
        """All items in reading order."""
        return (item for module in self.course.module for item in module.item)

    @property
    def quizzes(self) -> list[QuizItem]:
        """The quizzes in reading order."""
        return [item for item in self.items if isinstance(item, QuizItem)]

    def read_lesson(self, lesson: LessonItem) -> str:
        """The Markdown of a lesson."""
        return (self.path / lesson.file).read_text(encoding="utf-8")

    def media(self) -> list[tuple[str, Path]]:
        """(path below `media/`, file), sorted."""
        root = self.path / "media"
        files = (file for file in sorted(root.rglob("*")) if file.is_file() and not file.name.startswith("."))
        return [(file.relative_to(root).as_posix(), file) for file in files]


def read_course_folder(path: Path) -> CourseFolder:
    """Read and check a course folder. Raises: CourseFolderError with every problem found."""
    if not path.is_dir():
        raise CourseFolderError([f"{path}: there is no such folder."])
    toml = path / "course.toml"
    if toml.is_file():
        course = _parse(toml)
    elif (path / "source").is_dir():
        course = _from_nbgrader(path)
    else:
        raise CourseFolderError([f"{path}: holds neither course.toml nor an nbgrader folder `source/<assignment>/`."])
    folder = CourseFolder(path, course)
    problems = _check(folder)
    if problems:
        raise CourseFolderError(problems)
    return folder


def _parse(toml: Path) -> CourseFile:
    try:
        return CourseFile.model_validate(tomllib.loads(toml.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CourseFolderError([f"course.toml: is not valid TOML: {error}"]) from error
    except ValidationError as error:
        raise CourseFolderError(
            [f"course.toml: {_where(problem)}: {problem['msg']}" for problem in error.errors()]
        ) from error


def _where(problem: Any) -> str:
    """`module 2, item 1, slug` from pydantic's location."""
    words: list[str] = []
    for part in problem["loc"]:
        if isinstance(part, int) and words:
            words[-1] += f" {part + 1}"
        elif part not in ("lesson", "quiz"):
            words.append(str(part))
    return ", ".join(words) or "the file"


def _from_nbgrader(path: Path) -> CourseFile:
    names = sorted(entry.name for entry in (path / "source").iterdir() if entry.is_dir() and any(entry.glob("*.ipynb")))
    if not names:
        raise CourseFolderError([f"{path / 'source'}: has no folder with a notebook in it."])
    title = re.sub(r"[-_]+", " ", path.resolve().name).strip() or "Course"
    items = [{"type": "quiz", "slug": _slug(name), "title": _title(name), "assignment": name} for name in names]
    module = {"title": "Quizzes", "item": items}
    try:
        return CourseFile.model_validate(
            {"slug": _slug(path.resolve().name), "title": title.capitalize(), "module": [module]}
        )
    except ValidationError as error:
        raise CourseFolderError(
            [f"{path}: {problem['msg']} ({problem['input']})" for problem in error.errors()]
        ) from error


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:79]


def _title(name: str) -> str:
    return re.sub(r"[-_]+", " ", name).strip().capitalize()


def _check(folder: CourseFolder) -> list[str]:
    problems, seen = [], set()
    assignments: set[str] = set()
    for item in folder.items:
        if item.slug in seen:
            problems.append(f"course.toml: two items have the slug {item.slug}; give each its own.")
        seen.add(item.slug)
        if isinstance(item, LessonItem):
            problems += _check_lesson(folder, item)
        else:
            problems += _check_quiz(folder, item, assignments)
            assignments.add(item.assignment)
    for name, file in folder.media():
        if file.stat().st_size > MAX_MEDIA_BYTES:
            problems.append(f"media/{name}: is larger than {MAX_MEDIA_BYTES // 1_000_000} MB; make it smaller.")
    return problems


def _check_lesson(folder: CourseFolder, lesson: LessonItem) -> list[str]:
    file = (folder.path / lesson.file).resolve()
    if not file.is_relative_to(folder.path.resolve()):
        return [f"course.toml: lesson {lesson.slug}: {lesson.file} lies outside the course folder."]
    if not file.is_file():
        return [f"{lesson.file}: there is no such file (lesson {lesson.slug} in course.toml)."]
    try:
        folder.read_lesson(lesson)
    except UnicodeDecodeError:
        return [f"{lesson.file}: is not UTF-8 text; save it as UTF-8."]
    return []


def _check_quiz(folder: CourseFolder, quiz: QuizItem, assignments: set[str]) -> list[str]:
    source = folder.path / "source" / quiz.assignment
    if quiz.assignment in assignments:
        return [f"course.toml: quiz {quiz.slug}: the assignment {quiz.assignment} is used by another quiz already."]
    if not any(source.glob("*.ipynb")):
        return [f"source/{quiz.assignment}: has no notebook (quiz {quiz.slug} in course.toml)."]
    return []
