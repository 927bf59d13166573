"""Quizzes released from Jupyter: the plugin that has their sources checks and releases them as it does its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from flask import Flask, current_app

from grading.assignments import no_such_quiz
from grading.authoring import Writer

EXTENSION = "coursebridge_source_releases"


@dataclass(frozen=True)
class SourceVersion:
    """The source files of a quiz, by path."""

    course_slug: str
    assignment: str
    files: Mapping[str, bytes]
    replaces: bool
    """May it take the place of what learners have?"""


@dataclass(frozen=True)
class ReleasedSource:
    """What learners have now."""

    is_new: bool
    """False: they had it already."""
    is_draft: bool
    """They do not have it: it is new in the course, and to be published."""
    max_points: Decimal
    opens_at: datetime | None
    """They get it from then on; None: now, as far as its other conditions let them."""
    is_course_shown: bool
    """False: the whole course is a draft."""


class ReleaseStage(StrEnum):
    """How far a version on its way to learners is."""

    CHECKING = "checking"
    CHECKED = "checked"
    """It waits for a yes, or has errors, or was refused as it was put in place: `said` tells why."""
    RELEASING = "releasing"
    FAILED = "failed"
    """It was given up because of a problem on our side: `said` tells."""
    RELEASED = "released"


@dataclass(frozen=True)
class SourceRelease:
    """A version on its way. All texts are sentences for the teacher."""

    stage: ReleaseStage
    sha256: str = ""
    """Of its files."""
    said: str = ""
    """What it waits for, or why it was not released."""
    errors: Sequence[str] = ()
    """What has to be put right first."""
    warnings: Sequence[str] = ()
    """What a teacher may mean so, and has to say yes to."""
    news: Sequence[str] = ()
    """What changes, and what that means for learners who have begun, and for the LMS."""
    released: ReleasedSource | None = None
    """Once it is."""


class SourceReleases(Protocol):
    """Where versions from Jupyter are checked and released. Each call opens its own transactions."""

    def begin(self, version: SourceVersion, who: Writer) -> SourceRelease:
        """Have a version checked; learners notice nothing. A quiz that the course does not have becomes a draft.

        Raises: NotFound, Forbidden, Conflict, Unacceptable.
        """

    def look(self, course_slug: str, assignment: str, who: Writer) -> SourceRelease:
        """How far the one that this person has begun is. Raises: NotFound, Forbidden."""

    def release(self, course_slug: str, assignment: str, who: Writer, sha256: str, *, confirmed: bool) -> SourceRelease:
        """Have what was checked put in place. Raises: NotFound, Forbidden, Conflict, Unacceptable."""


def set_source_releases(app: Flask, releases: SourceReleases) -> None:
    """Have quizzes released by this."""
    app.extensions[EXTENSION] = releases


def get_source_releases() -> SourceReleases:
    """Raises: NotFound: nobody releases here."""
    found: SourceReleases | None = current_app.extensions.get(EXTENSION)
    if found is None:
        raise no_such_quiz()
    return found
