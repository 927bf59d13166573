"""The course and the people that a new campus starts with."""

from __future__ import annotations

import uuid

from lti_tool.demo.model import Course, Person
from lti_tool.demo.profiles import Profile, Role
from lti_tool.demo.store import Store

_NAMESPACE = uuid.UUID("5a0e8a52-8f0c-4f4e-9d1c-6f6c1b1f7a10")
_FIRST_ID = 3  # Moodle keeps 1 and 2 for its guest and its first administrator
_PEOPLE = (
    ("tess", "Tess", "Tanaka", Role.TEACHER),
    ("amir", "Amir", "Haddad", Role.ASSISTANT),
    ("ada", "Ada", "Lopez", Role.LEARNER),
    ("ben", "Ben", "Okafor", Role.LEARNER),
    ("chi", "Chi", "Nguyễn", Role.LEARNER),
    ("olga", "Olga", "Lopez", Role.OBSERVER),
    ("test", "Test", "Student", Role.TEST_STUDENT),
    ("root", "Robin", "Root", Role.ADMIN),
)


def make_person(number: int, username: str, given: str, family: str, role: Role, profile: Profile) -> Person:
    """Return a person whose subject is as the profile makes them; the same every time."""
    sub = str(number) if profile.numeric_sub else str(uuid.uuid5(_NAMESPACE, username))
    return Person(
        id=number,
        username=username,
        given_name=given,
        family_name=family,
        email=f"{username}@campus.example",
        role=role,
        sub=sub,
        observes="ada" if role is Role.OBSERVER else None,
        enrolled=role is not Role.ADMIN,
    )


def seed(store: Store, profile: Profile) -> None:
    """Make the course and its people unless they are there."""
    with store.transaction():
        if store.list_people():
            return
        store.set_course(Course(id="2", title="Notebooks 101", label="NB101"))
        for number, (username, given, family, role) in enumerate(_PEOPLE, start=_FIRST_ID):
            store.add_person(make_person(number, username, given, family, role, profile))
