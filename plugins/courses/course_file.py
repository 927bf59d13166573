"""What course.toml says, and what to change where it says something else."""

import re
import tomllib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from grading.public import Counts
from lti_tool.kernel.errors import AppError
from lti_tool.kernel.slugs import free_slug
from plugins.courses.course_file_words import what, where
from plugins.courses.markdown import LIBRARY
from plugins.courses.models import Admission, Level, PartState

_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_CONTROL_IN_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


class CourseFolderError(AppError):
    """A course folder that cannot be imported; every line of the message names a file and says what to change."""

    status = 422

    def __init__(self, problems: list[str]) -> None:
        """`problems` are shown one a line."""
        super().__init__("course_folder_invalid", "\n".join(problems), {"problems": problems})
        self.problems = problems


FormModel = TypeVar("FormModel", bound=BaseModel)


def _one_line(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("use one line of plain text, without control characters")
    return text


def _plain_text(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if _CONTROL_IN_TEXT.search(text):
        raise ValueError("use plain text, without control characters")
    return text


def _web_address(text: str) -> str:
    if text and not re.fullmatch(r"https?://[^\s/?#@\\]+([/?#]\S*)?", text):
        raise ValueError("write a whole address that begins with https://")
    return text


def find_uploaded(address: str) -> str | None:
    """The slug of the uploaded video that stands in the place of an address; None: something else."""
    found = re.fullmatch(r"video:([a-z0-9][a-z0-9-]{0,78})", address)
    return found[1] if found else None


def find_library_file(address: str) -> str | None:
    """The slug of the library's file that stands in the place of an address; None: something else."""
    found = re.fullmatch(LIBRARY, address)
    return found[1] if found else None


def is_own(address: str) -> bool:
    """Whether it names something of the course, not a page elsewhere."""
    return find_uploaded(address) is not None or find_library_file(address) is not None


def _file_address(text: str) -> str:
    return text if find_library_file(text) is not None else _web_address(text)


def _video_address(text: str) -> str:
    return text if find_uploaded(text) is not None else _web_address(text)


Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,78}$")]
AssignmentName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,78}$")]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_one_line)]
Short = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), AfterValidator(_one_line)]
Text = Annotated[
    str, StringConstraints(max_length=2000), AfterValidator(lambda text: _one_line(" ".join(text.split())))
]
LongText = Annotated[str, StringConstraints(max_length=50_000), AfterValidator(_plain_text)]
Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60), AfterValidator(_one_line)]
_MEDIA = r"media/[^/\\]+(/[^/\\]+)*"
KNOWLEDGE = r"^([0-9a-f]{8}-[0-9]{1,12}( without [a-z0-9-]+(, [a-z0-9-]+)*)?)?$"
"""See `knowledge`."""
RESERVED = ("edit", "media")
"""No item is called so: these are pages of the course."""
MediaFile = Annotated[str, StringConstraints(pattern=f"^({_MEDIA})?$", max_length=300), AfterValidator(_one_line)]
NotebookFile = Annotated[
    str, StringConstraints(pattern=rf"^({_MEDIA}\.ipynb)?$", max_length=300), AfterValidator(_one_line)
]
VideoAddress = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000), AfterValidator(_video_address)]
FileAddress = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000), AfterValidator(_file_address)]
Url = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000), AfterValidator(_web_address)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


def _not_reserved(slug: str) -> str:
    if slug in RESERVED:
        raise ValueError("is taken by a page of every course; choose another")
    return slug


class _Item(_Part):
    slug: Annotated[Slug, AfterValidator(_not_reserved)]
    title: Line
    summary: Text = ""
    state: PartState = PartState.PUBLISHED
    release: AwareDatetime | None = None
    after: list[Slug] = Field([], max_length=50)
    required: bool = Field(True, strict=True)
    minutes: int | None = Field(None, ge=1, le=6000, strict=True)


class LessonItem(_Item):
    """A page to read."""

    type: Literal["lesson"]
    file: Annotated[Line, StringConstraints(pattern=r"\.(md|markdown)$")]


class QuizItem(_Item):
    """A notebook quiz."""

    type: Literal["quiz"]
    assignment: AssignmentName
    attempts: int | None = Field(None, ge=1, le=100, strict=True)
    pass_mark: int | None = Field(None, ge=1, le=100, strict=True, alias="pass")
    """Percent of its points from which on it is done; None: when it is marked."""
    counts: Counts = Counts.LAST
    due: AwareDatetime | None = None
    late_per_day: int | None = Field(None, ge=1, le=100, strict=True)
    """Percent of the points that each day begun after `due` costs; None: lateness costs nothing."""
    late_at_most: int | None = Field(None, ge=1, le=100, strict=True)
    """Percent that lateness costs at most; None: all."""
    closes: AwareDatetime | None = None
    """After this nothing is taken."""
    time_limit: int | None = Field(None, ge=1, le=86_400, strict=True)
    """Seconds for a notebook while it is marked; None: what holds for every quiz. The operator sets bounds."""
    cell_time_limit: int | None = Field(None, ge=1, le=86_400, strict=True)
    memory_limit: int | None = Field(None, ge=128, le=1_000_000, strict=True)
    """MiB."""
    environment: Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9][A-Za-z0-9_.-]{0,78})?$")] = ""
    """A requirements file beside the notebooks, or a kernel that the operator allows."""

    @field_validator("cell_time_limit")
    @classmethod
    def _a_cell_is_within(cls, seconds: int | None, info: ValidationInfo) -> int | None:
        whole = info.data.get("time_limit")
        if seconds is not None and whole is not None and seconds > whole:
            raise ValueError(f"must be at most time_limit, {whole}")
        return seconds

    @field_validator("late_per_day")
    @classmethod
    def _late_needs_a_due_date(cls, percent: int | None, info: ValidationInfo) -> int | None:
        if percent is not None and info.data.get("due", percent) is None:
            raise ValueError("needs a due date: say with due when an attempt is late")
        return percent

    @field_validator("late_at_most")
    @classmethod
    def _a_day_is_within(cls, percent: int | None, info: ValidationInfo) -> int | None:
        per_day = info.data.get("late_per_day", 1)
        if percent is not None and per_day is None:
            raise ValueError("needs late_per_day: say what each day costs")
        if percent is not None and per_day is not None and percent < per_day:
            raise ValueError(f"must be at least late_per_day, {per_day}")
        return percent

    @field_validator("closes")
    @classmethod
    def _closes_after_due(cls, closes: datetime | None, info: ValidationInfo) -> datetime | None:
        due = info.data.get("due")
        if closes is not None and due is not None and closes < due:
            raise ValueError("must not be before due, or nobody could be in time")
        return closes


class _Shows(_Item):
    """Something else than text. A draft may still be empty."""

    file: MediaFile = ""
    url: Url = ""

    @model_validator(mode="after")
    def _one_of_both(self) -> "_Shows":
        empty_draft = self.state is PartState.DRAFT and not self.file and not self.url
        if bool(self.file) == bool(self.url) and not empty_draft:
            raise ValueError("name either a file in media/ (file) or an address (url)")
        return self


class VideoItem(_Shows):
    """A video. Its address may be `video:<slug>`: an uploaded video of the course."""

    type: Literal["video"]
    url: VideoAddress = ""


class FileItem(_Shows):
    """A file to save. Its address may be `file:<slug>`: a file of the course's library."""

    type: Literal["file"]
    url: FileAddress = ""


class NotebookItem(_Item):
    """A notebook to read, and to open in JupyterHub."""

    type: Literal["notebook"]
    file: NotebookFile = ""

    @model_validator(mode="after")
    def _has_a_file(self) -> "NotebookItem":
        if not self.file and self.state is not PartState.DRAFT:
            raise ValueError("file is missing; name a notebook in media/")
        return self


class LinkItem(_Item):
    """A page elsewhere; it opens in a new window."""

    type: Literal["link"]
    url: Url = ""

    @model_validator(mode="after")
    def _has_an_address(self) -> "LinkItem":
        if not self.url and self.state is not PartState.DRAFT:
            raise ValueError("url is missing; write a whole address that begins with https://")
        return self


AnyItem = LessonItem | QuizItem | NotebookItem | VideoItem | FileItem | LinkItem
Item = Annotated[AnyItem, Field(discriminator="type")]
ITEM_MODELS: dict[str, type[LessonItem | QuizItem | NotebookItem | VideoItem | FileItem | LinkItem]] = {
    "lesson": LessonItem,
    "video": VideoItem,
    "notebook": NotebookItem,
    "quiz": QuizItem,
    "file": FileItem,
    "link": LinkItem,
}


class Module(_Part):
    """A part of a course."""

    slug: Annotated[str, StringConstraints(pattern=r"^([a-z0-9][a-z0-9-]{0,78})?$")] = ""
    """Empty: made from the title."""
    title: Line
    summary: Text = ""
    release: AwareDatetime | None = None
    after: list[Slug] = Field([], max_length=50)
    item: list[Item] = Field(default_factory=list)


class CourseFile(_Part):
    """What course.toml says."""

    slug: Slug
    title: Line
    summary: Text = ""
    description: LongText = ""
    language: str = Field("en", pattern="^[a-z]{2,3}(-[A-Z]{2})?$")
    level: Level = Level.ANY
    categories: list[Label] = Field([], max_length=20)
    tags: list[Label] = Field([], max_length=50)
    authors: list[Line] = Field([], max_length=100)
    licence: Short = ""
    price: int | None = Field(None, ge=1, le=100_000_000, strict=True)
    """Minor units of `currency`."""
    currency: str = Field("", pattern="^([A-Z]{3})?$")
    state: PartState = PartState.PUBLISHED
    admission: Admission = Admission.LMS
    lms_members_pay: bool = Field(False, strict=True)
    revision: Annotated[str, StringConstraints(pattern=KNOWLEDGE, max_length=50_000)] = ""
    """Written by an export: what of the course in the browser this folder knows."""
    module: list[Module] = Field(min_length=1)

    @model_validator(mode="after")
    def _price_has_a_currency(self) -> "CourseFile":
        if (self.price is None) != (not self.currency):
            raise ValueError("price and currency belong together; write both or none")
        if self.admission is Admission.PAID and self.price is None:
            raise ValueError("who pays gets in, so name a price")
        return self

    @model_validator(mode="after")
    def _modules_have_slugs(self) -> "CourseFile":
        taken = {module.slug for module in self.module if module.slug}
        for number, module in enumerate(self.module, 1):
            if not module.slug:
                module.slug = free_slug(module.title, taken, f"module-{number}")
                taken.add(module.slug)
        return self


def read_course_file(path: Path) -> CourseFile:
    """Read and check a course.toml. Raises: CourseFolderError with every problem found."""
    return read_toml(CourseFile, path, path.name)


def check_course_file(said: Mapping[str, Any], name: str) -> CourseFile:
    """Check what a course.toml says; `name` is the file that messages name. Raises: CourseFolderError."""
    return _check(CourseFile, said, name)


def read_toml(model: type[FormModel], path: Path, name: str) -> FormModel:
    """Read and check a TOML file; messages call it `name`. Raises: CourseFolderError with every problem found."""
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise CourseFolderError([f"{name}: is not UTF-8 text; save it as UTF-8."]) from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise CourseFolderError([f"{name}: is not valid TOML: {error}."]) from error
    return _check(model, said, name)


def _check(model: type[FormModel], said: Mapping[str, Any], name: str) -> FormModel:
    try:
        return model.model_validate(said)
    except ValidationError as error:
        problems = [f"{name}: {where(problem)}{what(problem)}" for problem in error.errors()]
        raise CourseFolderError(problems) from error


def check_form(model: type[FormModel], said: Mapping[str, Any]) -> tuple[FormModel | None, list[tuple[str, str]]]:
    """What a form says, checked as course.toml is: (the model or None, [(field or "", what to change)])."""
    try:
        return model.model_validate(said), []
    except ValidationError as error:
        return None, [(str(problem["loc"][0]) if problem["loc"] else "", what(problem)) for problem in error.errors()]
