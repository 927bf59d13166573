"""Quizzes released from Jupyter: the plugin that has their sources releases them, with its own checks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from flask import Flask, current_app

from grading.access import PlacementAccess
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


SourceRelease = Callable[[SourceVersion, Writer], ReleasedSource]
"""Opens its own transactions, and takes seconds. Raises: NotFound, Forbidden, Conflict, Unacceptable."""


def set_source_releases(app: Flask, release: SourceRelease) -> None:
    """Have quizzes released by this."""
    app.extensions[EXTENSION] = release


def release_source(version: SourceVersion, access: PlacementAccess) -> ReleasedSource:
    """Raises: as `SourceRelease`. Not to be called inside a transaction."""
    release: SourceRelease | None = current_app.extensions.get(EXTENSION)
    if release is None:
        raise no_such_quiz()
    return release(version, access.writer)
