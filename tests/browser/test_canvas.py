"""The journeys against the demo LMS in its canvas profile."""

from typing import ClassVar

import pytest

from tests.browser.journeys import Journeys

PROFILE = "canvas"
pytestmark = pytest.mark.one_database


class TestCanvas(Journeys):
    """Canvas tells the roles of a course apart. See `journeys.py` for the rest."""

    roles: ClassVar = {
        "amir": ("assistant", "Mark in JupyterHub"),
        "olga": ("observer", "You are here as an observer"),
        "test": ("test_student", "Open in JupyterHub"),
        "root": ("observer", "You are here as an observer"),  # no role in the course
    }
