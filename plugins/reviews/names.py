"""How the author of a review is named: by their choice, and never beyond their own LMS in full."""

from flask_babel import gettext as _

from lti_tool.lti.public import Person
from plugins.reviews.models import NameShown, ReviewRow


def name_author(review: ReviewRow, person: Person | None, viewer_registration_id: int) -> str:
    """Name, initials, or neither."""
    if review.user_id is None or person is None:
        return str(_("Former learner"))
    if review.name_shown is NameShown.NONE or not has_name(person.display_name, person.hub_name):
        return str(_("A learner"))
    if review.name_shown is NameShown.NAME and person.registration_id == viewer_registration_id:
        return person.display_name
    return initials_of(person.display_name) or str(_("A learner"))


def has_name(display_name: str, hub_name: str) -> bool:
    """Has the LMS told a name? Without one the person is called by an opaque number."""
    return bool(display_name.strip()) and display_name != f"User {hub_name[2:8].upper()}"


def initials_of(name: str) -> str:
    """`A. L.` of `Ada Lovelace`."""
    words = [word for word in name.split() if word[0].isalpha()]
    picked = words[:1] + words[-1:] if len(words) > 1 else words
    return " ".join(f"{word[0].upper()}." for word in picked)
