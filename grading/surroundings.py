"""Where a quiz stands in its course, which grading does not know: the plugin that places quizzes says so."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from flask import Flask, current_app

from lti_tool.kernel.permissions import Right

EXTENSION = "coursebridge_quiz_surroundings"


@dataclass(frozen=True)
class Neighbour:
    """What comes before or after a quiz."""

    title: str
    url: str
    word: str
    """Its kind, for people."""


@dataclass(frozen=True)
class Surroundings:
    """What a quiz's page leads to."""

    course_title: str
    course_url: str
    previous: Neighbour | None
    following: Neighbour | None
    write_url: str = ""
    """Where its next version is written and published, for those who may edit the course."""


Find = Callable[[str, str], Surroundings | None]
"""`(course slug, assignment)` → its place, None: it has none. Opens its own transaction, within a request."""


def tell_surroundings(app: Flask, find: Find) -> None:
    """Have quiz pages ask this function."""
    app.extensions[EXTENSION] = find


def find_write_url(course_slug: str, name: str, rights: Collection[Right]) -> str | None:
    """Where somebody with these rights writes the next version of the quiz. Not to be called inside a transaction."""
    place = find_surroundings(course_slug, name) if Right.EDIT_COURSE in rights else None
    return place.write_url or None if place else None


def find_surroundings(course_slug: str, name: str) -> Surroundings | None:
    """Where the quiz stands, if anybody knows. Not to be called inside a transaction."""
    find: Find | None = current_app.extensions.get(EXTENSION)
    return find(course_slug, name) if find else None
