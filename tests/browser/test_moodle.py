"""The journeys against the demo LMS in its moodle profile."""

import pytest

from tests.browser.journeys import Journeys

PROFILE = "moodle"
pytestmark = pytest.mark.one_database


class TestMoodle(Journeys):
    """Moodle tells teachers, learners and administrators apart, nobody else. See `journeys.py` for the rest."""

    roles = {
        "amir": ("teacher", "Mark in JupyterHub"),
        "olga": ("learner", "Open in JupyterHub"),
        "test": ("learner", "Open in JupyterHub"),
        "root": ("admin", "Mark in JupyterHub"),
    }
