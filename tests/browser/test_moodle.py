"""The journeys against the demo LMS in its moodle profile."""

from typing import ClassVar

import pytest

from tests.browser.journeys import Journeys

PROFILE = "moodle"
pytestmark = pytest.mark.one_database


class TestMoodle(Journeys):
    """Moodle tells teachers, learners and administrators apart, nobody else. See `journeys.py` for the rest."""

    roles: ClassVar = {
        "amir": ("teacher", "Mark in JupyterHub"),
        "olga": ("learner", "Open in JupyterHub"),
        "test": ("learner", "Open in JupyterHub"),
        "root": ("teacher", "Mark in JupyterHub"),
    }
