"""Bodies and answers of the HTTP API."""

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from grading.source_releases import ReleaseStage
from lti_tool.kernel.errors import Unacceptable

PRINTABLE = r"^[^\x00-\x1f]*$"
"""Names: no database takes a NUL in a text."""


class Body(BaseModel):
    """Something that a caller sends; unknown names are an error."""

    model_config = ConfigDict(extra="forbid")


class FileBody(Body):
    """One file of a set."""

    path: str = Field(max_length=400, description="Relative to the assignment's folder, with `/`.")
    content_b64: str = Field(description="Content in base64.")


class TicketBody(Body):
    """A ticket that a browser brought to the Hub."""

    ticket: str = Field(max_length=2000)


class DraftBody(Body):
    """The learner's files as they were saved."""

    files: list[FileBody] = Field(max_length=1000)
    saved_at: AwareDatetime


class WrittenBody(Body):
    """The source of a quiz as it was saved."""

    files: list[FileBody] = Field(max_length=1000)
    base: int = Field(ge=0, le=2**31 - 1, description="As it came with the files that this goes on from.")
    saved_at: AwareDatetime


class SubmissionBody(Body):
    """The learner's files, to be handed in."""

    files: list[FileBody] = Field(max_length=1000)
    via: str = Field(description="`jupyterlab`, `assignment_list` or `page`.", max_length=40)
    request_id: str = Field(description="A UUID; the same one again gives the same answer.", max_length=64)


class MarksChangedBody(Body):
    """Formgrader has saved a mark."""

    assignment: str = Field(max_length=200, pattern=PRINTABLE)
    learner: str | None = Field(None, max_length=40, pattern=PRINTABLE, description="Hub name; null: anybody's.")


class FeedbackBody(Body):
    """Whose feedback is to say what the gradebook says."""

    learners: list[Annotated[str, Field(max_length=40, pattern=PRINTABLE)]] = Field(
        min_length=1, max_length=5000, description="Hub names."
    )


class SourceBody(Body):
    """A quiz to be released."""

    files: list[FileBody] = Field(max_length=1000, description="Everything in `source/<assignment>`.")
    force: bool = Field(False, description="Take the place of what learners have.")


class Course(BaseModel):
    """A course and what the person is in it."""

    key: str
    """The placement's: the course as one LMS course uses it."""
    title: str
    role: str
    may_mark: bool
    """May they mark, and open formgrader? Teachers may; assistants as their teacher decides."""
    may_write: bool
    """May they write quizzes of the course?"""


class Courses(BaseModel):
    """The courses of a person."""

    courses: list[Course]


class Redeemed(Courses):
    """Who the ticket lets in, and where they go."""

    name: str
    display_name: str
    platform: str = Field(description="Name of the LMS that the person comes from.")
    next: str


class AttemptAnswer(BaseModel):
    """One attempt of the learner."""

    number: int
    submitted_at: str
    receipt: str
    state: str
    state_text: str | None
    score: float | None
    max_score: float
    feedback: bool
    held: bool
    """Marked, and a teacher has to look at it before its points count."""
    by: str | None = Field(description="Who handed it in for the group; null: the learner, alone.")


class GroupAnswer(BaseModel):
    """The group that a learner does a quiz in."""

    name: str
    members: list[str]
    """Their names now."""


class ResultAnswer(BaseModel):
    """What counts of a quiz, after lateness and as the terms say."""

    attempt: int
    score: float
    max_score: float


class EnvironmentAnswer(BaseModel):
    """What a quiz is marked in, where that is not the Python of every quiz."""

    kernel: str = Field(description="Name of the Jupyter kernel that its notebooks name.")
    folder: str | None = Field(description="Its packages are in the folder of this name; null: it is another kernel.")
    state: str = Field(description="`ready`, `building` or `failed`.")


class NeededEnvironment(BaseModel):
    """An environment that a quiz in a person's courses is marked in."""

    folder: str
    state: str = Field(description="`ready`, `building` or `failed`.")


class NeededEnvironments(BaseModel):
    """Those of all quizzes in a person's courses."""

    environments: list[NeededEnvironment]


class AssignmentAnswer(BaseModel):
    """One quiz, and the learner's work on it."""

    name: str
    title: str
    due: str | None = Field(description="For this person, with their extension, as are the next two.")
    closes: str | None = Field(description="After this nothing is accepted.")
    extended: bool = Field(description="Were they given more time or attempts?")
    closed: bool
    why_not: str | None = Field(description="Why they cannot hand in now; null: they can.")
    terms: list[str] = Field(
        description="Which attempt counts, what lateness costs, limits, packages or kernel: sentences."
    )
    max_score: float
    attempts_allowed: int | None
    attempts_used: int = Field(description="By the learner, or by any member of their group.")
    group: GroupAnswer | None = Field(description="null: they do it alone.")
    release_sha256: str
    notebooks: list[str]
    environment: EnvironmentAnswer | None = Field(description="null: the Python of every quiz.")
    draft_saved_at: str | None
    page_url: str
    attempts: list[AttemptAnswer]
    result: ResultAnswer | None = Field(description="null: nothing counts yet, or it is not released.")


class Assignments(BaseModel):
    """The quizzes of a course."""

    assignments: list[AssignmentAnswer]


class FileAnswer(BaseModel):
    """One file of a set."""

    path: str
    content_b64: str


class FilesAnswer(BaseModel):
    """A set of files."""

    files: list[FileAnswer]


class ReleaseAnswer(FilesAnswer):
    """What learners get of a quiz."""

    sha256: str


class DraftAnswer(FilesAnswer):
    """What was saved last."""

    saved_at: str


class WrittenAnswer(FilesAnswer):
    """What a quiz is made of, with solutions: as the caller saved it last, or else as it was published."""

    base: int = Field(description="Number of the published version that it goes on from.")
    saved_at: str | None = Field(description="When the caller saved it; null: it is the published version.")


class Saved(BaseModel):
    """When the draft that is kept was saved."""

    saved_at: str


class SubmissionAnswer(BaseModel):
    """The receipt: the snapshot is stored."""

    attempt: int
    receipt: str
    sha256: str
    submitted_at: str
    state: str
    page_url: str


class ClassAttempt(BaseModel):
    """One attempt of somebody in the class."""

    assignment: str
    learner: str = Field(description="Hub name.")
    number: int
    submitted_at: str
    due: str | None = Field(description="For this learner.")
    receipt: str
    sha256: str = Field(description="Of the set of files: over the sorted lines `path NUL hexdigest LF`.")
    state: str
    held: bool = Field(description="A teacher has to decide whether its points count.")
    feedback: bool = Field(description="The learner can read it.")


class ClassWork(BaseModel):
    """What a class has handed in."""

    submissions: list[ClassAttempt]


class NamesAnswer(BaseModel):
    """Who is shown to those who mark in formgrader."""

    hidden: dict[str, str] = Field(
        description="Quizzes whose names are hidden. A learner's code there is the first six digits, in capitals, of "
        "the SHA-256 of this text with the Hub name after it."
    )
    names: dict[str, str] = Field(description="Names of learners and groups by what the gradebook calls them.")


class Renewed(BaseModel):
    """It will be done."""

    learners: int = Field(description="Those who have marks; the others get feedback when they are marked.")


class ReleaseBody(Body):
    """A checked version to be released."""

    sha256: str = Field(max_length=64, description="Of the version, as the check said it.")
    confirmed: bool = Field(False, description="Release it in spite of the warnings.")


class ReleasedAnswer(BaseModel):
    """What learners have now."""

    changed: bool
    draft: bool = Field(description="It is new in the course, and learners get it when it is published.")
    max_score: float
    opens_at: str | None = Field(description="They get it from then on; null: now.")
    course_shown: bool = Field(description="False: the whole course is a draft.")


class SourceAnswer(BaseModel):
    """How far a version on its way to learners is."""

    stage: ReleaseStage
    sha256: str = Field(description="Of its files.")
    said: str = Field(description="What it waits for, or why it was not released.")
    errors: list[str] = Field(description="What has to be put right first.")
    warnings: list[str] = Field(description="What has to be confirmed.")
    news: list[str] = Field(description="What changes, and what it means for learners who have begun.")
    released: ReleasedAnswer | None = Field(description="Once it is.")


class Accepted(BaseModel):
    """It will be done."""

    accepted: bool = True


def decode_files(files: list[FileBody]) -> dict[str, bytes]:
    """The files of a body. Raises: Unacceptable."""
    decoded: dict[str, bytes] = {}
    for file in files:
        if file.path in decoded:
            raise Unacceptable("path_twice", f"{file.path[:80]!r} is there twice.")
        try:
            decoded[file.path] = base64.b64decode(file.content_b64, validate=True)
        except (binascii.Error, ValueError) as error:
            raise Unacceptable("base64_invalid", f"The content of {file.path[:80]!r} is not base64.") from error
    return decoded


def encode_files(files: Mapping[str, bytes]) -> list[FileAnswer]:
    """Files for an answer."""
    return [FileAnswer(path=path, content_b64=base64.b64encode(body).decode()) for path, body in sorted(files.items())]
