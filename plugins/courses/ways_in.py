"""How people get into a course, for its teachers: the LMS's list of participants, and codes."""

from collections.abc import Sequence
from typing import Any

from flask import url_for
from flask_babel import ngettext

from lti_tool.lti import public as lti
from plugins.courses.models import Course, Invitation


def ways_context(
    slug: str, course: Course, roster: lti.RosterState, invitations: Sequence[Invitation]
) -> dict[str, Any]:
    """The context of `courses/edit/ways_in.html` but for its frame and a new code."""
    return {
        "roster": _roster(slug, roster),
        "admission": course.admission.value,
        "make_url": url_for("courses.make_code", slug=slug),
        "settings_url": url_for("courses.edit_settings", slug=slug),
        "invitations": [_code(slug, row) for row in invitations],
    }


def _code(slug: str, row: Invitation) -> dict[str, Any]:
    return {
        "hint": row.hint,
        "used": row.used,
        "places": row.places,
        "expires_at": row.expires_at,
        "is_over": row.withdrawn_at is not None,
        "withdraw_url": url_for("courses.withdraw_code", slug=slug, invitation_id=row.id),
    }


def _roster(slug: str, state: lti.RosterState) -> dict[str, Any]:
    parts = [
        ngettext("%(num)d joined", "%(num)d joined", state.joined) if state.joined else "",
        ngettext("%(num)d left", "%(num)d left", state.left) if state.left else "",
        ngettext("%(num)d has another role", "%(num)d have another role", state.changed) if state.changed else "",
    ]
    return {
        "is_offered": state.is_offered,
        "is_awaited": state.is_awaited,
        "read_at": state.read_at,
        "error": state.error or None,
        "listed": ngettext("%(num)d person on the list", "%(num)d people on the list", state.listed),
        "changes": ", ".join(part for part in parts if part) or None,
        "changed_at": state.changed_at,
        "read_url": url_for("courses.read_participants", slug=slug),
    }
