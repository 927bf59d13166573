"""The whole web application, a campus, and a browser that launches from it."""

from tests.fakes.fixtures import campus, launcher, quiz, registration_id, served, tool

__all__ = ["campus", "launcher", "quiz", "registration_id", "served", "tool"]
