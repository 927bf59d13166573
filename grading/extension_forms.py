"""The form for an extension, for one learner or many: read, and filled again."""

from collections.abc import Mapping

from flask_babel import gettext as _

from grading.extensions import Grant
from lti_tool.web.moments import read_moment, shown_moment

Problems = list[tuple[str, str]]
EMPTY = {"due": "", "closes": "", "attempts": "", "reason": ""}


def read_grant(form: Mapping[str, str]) -> tuple[Grant, Problems]:
    """What is granted, and what cannot be read: (field, what to change)."""
    problems: Problems = []
    moments = {}
    for field in ("due", "closes"):
        try:
            moments[field] = read_moment(form, field)
        except ValueError:
            problems.append((field, _("This is not a date with a time; write it as 2026-11-30T23:59.")))
    text = form.get("attempts", "").strip()
    is_number = text.isascii() and text.isdecimal() and len(text) < 6
    if text and not is_number:
        problems.append(("attempts", _("Write a whole number, or leave it empty.")))
    more = int(text) if is_number else 0
    reason = form.get("reason", "").replace("\0", "").strip()
    return Grant(moments.get("due"), moments.get("closes"), more, reason), problems


def show_sent(form: Mapping[str, str]) -> dict[str, str]:
    """The fields as they were sent, dates in UTC."""
    sent = {field: form.get(field, "") for field in ("attempts", "reason")}
    return sent | {field: shown_moment(form, field) for field in ("due", "closes")}
