"""Whom an observer (a parent, say) may follow: those whom the platform names at each launch, and nobody else."""

from collections.abc import Collection
from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy import delete, select

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Forbidden
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.upsert import upsert
from lti_tool.lti.models import Membership, User
from lti_tool.lti.models_services import Observing

LEARNING = (Role.LEARNER, Role.TEST_STUDENT)


@dataclass(frozen=True)
class Observed:
    """The learner whom an observer looks at."""

    user_id: int
    name: str
    everybody: tuple[tuple[int, str], ...]
    """(user id, name) of all whom they may follow here, by name."""


def record_observed(tx: Tx, user_id: int, context_id: int, subs: Collection[str]) -> None:
    """Remember whom the platform names at this launch, in place of those it named before."""
    mine = (Observing.user_id == user_id, Observing.context_id == context_id)
    before = set(tx.scalars(select(Observing.sub).where(*mine)))
    if gone := before - set(subs):
        tx.execute(delete(Observing).where(*mine, Observing.sub.in_(gone)))
    for sub in sorted(set(subs) - before):
        upsert(tx, Observing, {"user_id": user_id, "context_id": context_id, "sub": sub}, {})


def get_observed(tx: Tx, user_id: int, context_id: int | None, wanted: str | None = None) -> Observed:
    """The learner whom an observer follows in an LMS course; of several `wanted`, a user id, else the first by name.

    Raises: Forbidden: the platform named nobody who learns here.
    """
    observer = select(User.registration_id).where(User.id == user_id).scalar_subquery()
    query = (
        select(User.id, User.display_name)
        .join(Observing, Observing.sub == User.sub)
        .join(Membership, (Membership.user_id == User.id) & (Membership.context_id == Observing.context_id))
        .where(Observing.user_id == user_id, Observing.context_id == context_id)
        .where(User.registration_id == observer, Membership.role.in_(LEARNING))
        .order_by(User.display_name, User.id)
    )
    found = [(row.id, row.display_name) for row in tx.execute(query)]
    if not found:
        message = _(
            "Your LMS did not say whose work you follow, or they have not been here yet: there is nothing to see."
        )
        raise Forbidden("observed_unknown", message)
    chosen = next((each for each in found if str(each[0]) == wanted), None)
    if chosen is None and wanted:
        raise Forbidden("observed_unknown", _("You do not follow this learner."))
    user, name = chosen or found[0]
    return Observed(user, name, tuple(found))
