"""Who is signed in on the campus: a session of its own, in a SameSite=Lax cookie."""

from __future__ import annotations

from flask import session

from lti_tool.demo.campus import the_campus
from lti_tool.demo.model import CampusError, Person


def sign_in(person: Person) -> None:
    """Sign somebody in; there are no passwords here."""
    session["username"] = person.username


def signed_in() -> Person | None:
    """Return who is signed in."""
    username = session.get("username")
    return the_campus().store.find_person(username) if isinstance(username, str) else None


def require_person() -> Person:
    """Return who is signed in.

    Raises:
        CampusError: nobody is (401).
    """
    person = signed_in()
    if person is None:
        raise CampusError("Nobody is signed in. Choose a person on the start page.", 401, "login_required")
    return person


def require_staff() -> Person:
    """Return the teacher, assistant or administrator who is signed in.

    Raises:
        CampusError: nobody is signed in (401), or somebody else (403).
    """
    person = require_person()
    if not person.is_staff:
        raise CampusError("This page is for teachers. Sign in as Tess Tanaka.", 403)
    return person


def require_editor() -> Person:
    """Return the teacher or administrator who is signed in.

    Raises:
        CampusError: nobody is signed in (401), or somebody else (403).
    """
    person = require_person()
    if not person.may_edit:
        raise CampusError("Only a teacher changes the course. Sign in as Tess Tanaka.", 403)
    return person
