"""Grading over the fake engine and the fake LMS."""

from tests.fakes.grading_fixtures import engine, learner, lms, other, place, plugins, teacher

__all__ = ["engine", "learner", "lms", "other", "place", "plugins", "teacher"]
