"""Where a quiz stands in its course, which grading does not know: the plugin that places quizzes says so."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from flask import Flask, current_app, request

from lti_tool.kernel.permissions import Right

EXTENSION = "coursebridge_quiz_surroundings"


@dataclass(frozen=True)
class Neighbour:
    """What comes before or after a quiz."""

    title: str
    url: str
    word: str
    """Its kind, for people."""

    def below(self, root: str) -> "Neighbour":
        """The same, its address below a session's."""
        return replace(self, url=root + self.url)


@dataclass(frozen=True)
class Surroundings:
    """What a quiz's page leads to; as it is told, by addresses below a session's, the same for everybody."""

    course_title: str
    course_url: str
    previous: Neighbour | None
    following: Neighbour | None
    write_url: str = ""
    """Where its next version is written and published, for those who may edit the course."""

    def below(self, root: str) -> "Surroundings":
        """The same, with addresses below a session's."""
        return replace(
            self,
            course_url=root + self.course_url,
            previous=self.previous and self.previous.below(root),
            following=self.following and self.following.below(root),
            write_url=self.write_url and root + self.write_url,
        )


Find = Callable[[str, str], Surroundings | None]
"""`(course slug, assignment)` → its place, None: it has none; asked again for each page. Opens its own transaction."""


def tell_surroundings(app: Flask, find: Find) -> None:
    """Have quiz pages ask this function."""
    app.extensions[EXTENSION] = find


def find_write_url(course_slug: str, name: str, rights: Collection[Right]) -> str | None:
    """Where somebody with these rights writes the next version of the quiz. Not to be called inside a transaction."""
    place = find_surroundings(course_slug, name) if Right.EDIT_COURSE in rights else None
    return place.write_url or None if place else None


def find_surroundings(course_slug: str, name: str) -> Surroundings | None:
    """Where the quiz stands for this session, if anybody knows. Not to be called inside a transaction."""
    place = find_place(course_slug, name)
    return place.below(request.script_root) if place else None


def find_place(course_slug: str, name: str) -> Surroundings | None:
    """The same as it is told, for everybody."""
    find: Find | None = current_app.extensions.get(EXTENSION)
    return find(course_slug, name) if find else None
