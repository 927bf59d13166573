"""The whole web application with grading, a Hub, and a campus to launch from."""

from tests.fakes.fixtures import campus, launcher, quiz, registration_id, served, tool
from tests.fakes.grading_fixtures import engine, learner, lms, other, place, plugins, teacher
from tests.functional.grading.conftest import browse, hub, settings

__all__ = [
    "browse",
    "campus",
    "engine",
    "hub",
    "launcher",
    "learner",
    "lms",
    "other",
    "place",
    "plugins",
    "quiz",
    "registration_id",
    "served",
    "settings",
    "teacher",
    "tool",
]
