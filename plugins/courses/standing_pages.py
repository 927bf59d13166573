"""What the course page says about who looks at it: a teacher may edit, a learner may drop or take it up again."""

from typing import Any

from flask import url_for

from lti_tool.kernel.permissions import Right
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import SignedIn
from plugins.courses.checkout import checkout_url, payment_reference
from plugins.courses.models import PartState
from plugins.courses.outline import price_text
from plugins.courses.reading import Reading


def standing_context(session: SignedIn, slug: str, reading: Reading) -> dict[str, Any]:
    """The rest of the context of `courses/course.html`."""
    is_learner = session.role.is_learner
    is_dropped = reading.is_dropped
    is_in = is_learner and not is_dropped and not reading.is_unpaid
    return {
        "is_draft": reading.outline.course.state is not PartState.PUBLISHED,
        "edit_url": _edit_url(session, slug),
        "is_dropped": is_dropped,
        "take_up_url": url_for("courses.take_up", slug=slug) if is_learner and is_dropped else None,
        "drop_url": url_for("courses.drop_course", slug=slug) if is_in else None,
        "payment": payment_context(session, reading) if reading.is_unpaid else None,
        "catalogue_url": url_for("courses.show_catalogue"),
        "rating": None,
        "preview": None,
    }


def _edit_url(session: SignedIn, slug: str) -> str | None:
    if Right.EDIT_COURSE in session.rights:
        return url_for("courses.edit_outline", slug=slug)
    return url_for("courses.edit_people", slug=slug) if Right.MANAGE_ENROLMENT in session.rights else None


def payment_context(session: SignedIn, reading: Reading) -> dict[str, Any]:
    """What the course costs and how it is paid."""
    course = reading.outline.course
    return {
        "price": price_text(course.price_minor, course.currency),
        "url": checkout_url(course.slug),
        "how": current_runtime().settings.courses.how_to_pay or None,
        "reference": payment_reference(course.slug, session.user_id),
    }
