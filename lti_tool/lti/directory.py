"""Finding a person among those whom the platforms have named: for the operator, who may not have more than a name."""

from dataclasses import dataclass

from sqlalchemy import func, or_, select

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import NotFound
from lti_tool.lti.identity import NOBODY
from lti_tool.lti.models import Membership, Registration, User

MOST = 50


@dataclass(frozen=True)
class Entry:
    """A person as one platform knows them. Somebody with two platforms is two people here."""

    user_id: int
    name: str
    hub_name: str
    subject: str
    """The platform's id of the person."""
    platform: str
    courses: int
    """LMS courses that they are or were in."""

    @property
    def is_erased(self) -> bool:
        """Has what was known about them been removed?"""
        return self.subject.startswith(f"{NOBODY}erased:")


def find_people(tx: Tx, words: str) -> list[Entry]:
    """Those whose name has the words in it, or whose number, platform's id or Hub name they are; at most `MOST`."""
    is_asked = or_(User.display_name.icontains(words, autoescape=True), User.sub == words, User.hub_name == words)
    if words.isascii() and words.isdecimal() and len(words) < 10:
        is_asked |= User.id == int(words)
    rows = tx.execute(_ENTRIES.where(is_asked).order_by(User.display_name, User.id).limit(MOST))
    return [_entry(*row) for row in rows]


def get_person(tx: Tx, user_id: int) -> Entry:
    """The person of this number. Raises: NotFound."""
    row = tx.execute(_ENTRIES.where(User.id == user_id)).first()
    if row is None:
        raise NotFound("person_not_found", f"There is no person {user_id}. `coursebridge person find` tells numbers.")
    return _entry(*row)


_COURSES = select(func.count()).where(Membership.user_id == User.id).correlate(User).scalar_subquery()
_ENTRIES = select(User, Registration.name, _COURSES).join(Registration, Registration.id == User.registration_id)


def _entry(row: User, platform: str, courses: int) -> Entry:
    return Entry(row.id, row.display_name, row.hub_name, row.sub, platform, courses)
