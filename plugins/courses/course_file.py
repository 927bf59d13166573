"""What course.toml says, and what to change where it says something else."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from lti_tool.kernel.errors import AppError

_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class CourseFolderError(AppError):
    """A course folder that cannot be imported; every line of the message names a file and says what to change."""

    status = 422

    def __init__(self, problems: list[str]) -> None:
        """`problems` are shown one a line."""
        super().__init__("course_folder_invalid", "\n".join(problems), {"problems": problems})
        self.problems = problems


def _one_line(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("use one line of plain text, without control characters")
    return text


Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,78}$")]
AssignmentName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,78}$")]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_one_line)]
Short = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), AfterValidator(_one_line)]
Text = Annotated[
    str, StringConstraints(max_length=2000), AfterValidator(lambda text: _one_line(" ".join(text.split())))
]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LessonItem(_Part):
    """A page to read."""

    type: Literal["lesson"]
    slug: Slug
    title: Line
    file: Annotated[Line, StringConstraints(pattern=r"\.(md|markdown)$")]


class QuizItem(_Part):
    """A notebook quiz."""

    type: Literal["quiz"]
    slug: Slug
    title: Line
    assignment: AssignmentName
    summary: Text = ""
    attempts: int | None = Field(None, ge=1, le=100, strict=True)
    due: AwareDatetime | None = None


Item = Annotated[LessonItem | QuizItem, Field(discriminator="type")]


class Module(_Part):
    """A part of a course."""

    title: Line
    summary: Text = ""
    item: list[Item] = Field(min_length=1)


class CourseFile(_Part):
    """What course.toml says."""

    slug: Slug
    title: Line
    summary: Text = ""
    language: str = Field("en", pattern="^[a-z]{2,3}(-[A-Z]{2})?$")
    authors: list[Line] = Field([], max_length=100)
    licence: Short = ""
    module: list[Module] = Field(min_length=1)


def read_course_file(path: Path) -> CourseFile:
    """Read and check a course.toml. Raises: CourseFolderError with every problem found."""
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise CourseFolderError([f"{path.name}: is not UTF-8 text; save it as UTF-8."]) from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise CourseFolderError([f"{path.name}: is not valid TOML: {error}."]) from error
    return check_course_file(said, path.name)


def check_course_file(said: Mapping[str, Any], name: str) -> CourseFile:
    """Check what a course.toml says; `name` is the file that messages name. Raises: CourseFolderError."""
    try:
        return CourseFile.model_validate(said)
    except ValidationError as error:
        problems = [f"{name}: {_where(problem)}{_what(problem)}" for problem in error.errors()]
        raise CourseFolderError(problems) from error


def _where(problem: Any) -> str:
    """`module 2, item 1, slug: ` from pydantic's location."""
    words: list[str] = []
    for part in problem["loc"]:
        if isinstance(part, int) and words:
            words[-1] += f" {part + 1}"
        elif part not in ("lesson", "quiz"):
            words.append(str(part))
    return ", ".join(words) + ": " if words else ""


_PATTERNS = {
    "slug": "use lower-case letters, digits and - only, at most 79",
    "assignment": "use letters, digits, ., _ and - only, at most 79, as the folder below source/ is called",
    "file": "name a Markdown file that ends in .md",
    "language": "use a language code such as en or pt-BR",
}
_MESSAGES = {
    "missing": "is missing; add it",
    "extra_forbidden": "is not known here; check its spelling or remove it",
    "union_tag_not_found": 'type is missing; write type = "lesson" or type = "quiz"',
    "union_tag_invalid": 'type must be "lesson" or "quiz"',
    "string_type": "must be text in quotes",
    "string_too_short": "is empty; fill it in",
    "string_too_long": "is too long; at most {max_length} characters",
    "int_type": "must be a whole number",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "too_short": "is empty; add at least one, or remove this part",
    "too_long": "has too many entries; at most {max_length}",
    "model_attributes_type": "must be a table of its own, begun with [[…]]",
    "model_type": "must be a table of its own, begun with [[…]]",
    "timezone_aware": "has no time zone; write it as 2026-11-30T23:59:00+01:00",
}
_TABLES = {"module": "[[module]]", "item": "[[module.item]]"}


def _what(problem: Any) -> str:
    kind, field = problem["type"], problem["loc"][-1] if problem["loc"] else ""
    if kind == "string_pattern_mismatch":
        text = _PATTERNS.get(field, problem["msg"])
    elif kind == "list_type":
        text = f"must be written {_TABLES[field]}, with two brackets" if field in _TABLES else "must be a list"
    elif kind.startswith(("datetime", "date_")):
        text = "is not a date with a time; write it as 2026-11-30T23:59:00+01:00"
    elif kind == "value_error":
        text = str(problem["ctx"]["error"])
    else:
        text = _MESSAGES.get(kind, problem["msg"]).format(**problem.get("ctx", {}))
    given = problem["input"]
    shown = f" (it is {given!r:.80})" if isinstance(given, str | int | float) and given != "" else ""
    return f"{text}{shown}."
