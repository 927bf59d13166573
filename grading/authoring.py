"""Sources of quizzes that teachers write in Jupyter: the plugin that knows who may write keeps them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from flask import Flask, current_app

from grading.filesets import Packed
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import NotFound
from lti_tool.kernel.permissions import Role

EXTENSION = "coursebridge_authoring"


@dataclass(frozen=True)
class Writer:
    """Somebody who writes, as the API for single-user servers knows them."""

    user_id: int
    name: str
    registration_id: int
    role: Role
    granted: tuple[str, ...] | None
    """What assistants of the LMS course were given."""


@dataclass(frozen=True)
class Source:
    """The files of a quiz, with solutions."""

    files: Mapping[str, bytes]
    base: int
    """Number of the published version that they go on from."""
    saved_at: datetime | None
    """When this person saved them; None: they are the published ones."""


class Authoring(Protocol):
    """Where sources are kept."""

    def may_write(self, tx: Tx, course_slug: str, who: Writer) -> bool:
        """May this person write the quizzes of a course?"""

    def load(self, course_slug: str, name: str, who: Writer) -> Source:
        """What they have written of a quiz, else what is published. Raises: NotFound, Forbidden.

        Opens its own transaction, as does `save`.
        """

    def save(
        self, course_slug: str, name: str, who: Writer, version: Packed, base: int, saved_at: datetime
    ) -> datetime:
        """Keep what they have written; the time of what is kept. Raises: NotFound, Forbidden."""


def set_authoring(app: Flask, authoring: Authoring) -> None:
    """Have single-user servers of writers get and keep sources here."""
    app.extensions[EXTENSION] = authoring


def find_authoring() -> Authoring | None:
    """Where sources are kept; None: nobody writes here."""
    found: Authoring | None = current_app.extensions.get(EXTENSION)
    return found


def get_authoring() -> Authoring:
    """Raises: NotFound."""
    found = find_authoring()
    if found is None:
        raise NotFound("source_not_found", "There is no such quiz to write here.")
    return found
