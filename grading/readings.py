"""Notebooks to read that people open in Jupyter too: the plugin that shows them gives their files."""

from collections.abc import Callable, Mapping

from flask import Flask, current_app

from grading.gates import Caller
from lti_tool.kernel.errors import NotFound

EXTENSION = "coursebridge_readings"
Reading = Callable[[str, str, Caller], Mapping[str, bytes]]
"""`(course slug, name, person)` → path → content: the notebook and the files that it reads.

Opens its own transaction. Raises: NotFound; Forbidden: it is closed to this person.
"""


def set_readings(app: Flask, reading: Reading) -> None:
    """Give single-user servers these notebooks."""
    app.extensions[EXTENSION] = reading


def load_reading(course_slug: str, name: str, who: Caller) -> Mapping[str, bytes]:
    """Raises: NotFound, Forbidden. Not to be called inside a transaction."""
    reading: Reading | None = current_app.extensions.get(EXTENSION)
    if reading is None:
        raise NotFound("reading_not_found", "There is no such notebook in this course.")
    return reading(course_slug, name, who)
