"""Signing in to the console, and out. There are no passwords: a link works once, and a session is short."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select

from lti_tool.admin.models import AdminLink, AdminSession
from lti_tool.kernel import clock
from lti_tool.kernel.audit import OPERATOR, Actor, Via, record
from lti_tool.kernel.db import Tx, affect
from lti_tool.kernel.errors import Forbidden, Gone
from lti_tool.lti.models import Approval, Registration
from lti_tool.web.session import digest_of

LINK_LIFE = timedelta(minutes=15)
ENTRY_LIFE = timedelta(seconds=60)
"""From the page in the LMS to the new window."""


@dataclass(frozen=True)
class Admin:
    """Who is in the console."""

    name: str
    user_id: int | None
    ends_at: datetime

    @property
    def actor(self) -> Actor:
        """For the audit log."""
        return Actor(self.name, Via.CONSOLE, self.user_id)


@dataclass(frozen=True)
class Newcomer:
    """Somebody who may sign in."""

    name: str
    registration_id: int | None = None
    user_id: int | None = None


def make_link(tx: Tx, who: Newcomer, life: timedelta = LINK_LIFE) -> str:
    """The secret part of a link that signs in once."""
    token, moment = secrets.token_urlsafe(32), clock.now()
    tx.add(
        AdminLink(
            digest=digest_of(token),
            name=who.name,
            registration_id=who.registration_id,
            user_id=who.user_id,
            created_at=moment,
            expires_at=moment + life,
        )
    )
    return token


def make_operator_link(tx: Tx, by: Actor = OPERATOR) -> str:
    """A link for whoever has the command line."""
    record(tx, by, "admin.link", "console")
    return make_link(tx, Newcomer(by.name))


def check_link(tx: Tx, token: str) -> AdminLink:
    """The link, if it can be used. Raises: Gone: it was used, has run out, or never was one."""
    row = tx.get(AdminLink, digest_of(token))
    if row is None or row.expires_at <= clock.now():
        raise Gone("admin_link_used", "This link was used already, or it is too old. Make a new one.")
    return row


def sign_in(tx: Tx, token: str, minutes: int) -> str:
    """Use up a link; returns the token of the new session. Raises: Gone, Forbidden: its platform is not trusted now."""
    link = check_link(tx, token)
    if affect(tx, delete(AdminLink).where(AdminLink.digest == link.digest)) != 1:
        raise Gone("admin_link_used", "This link was used already, or it is too old. Make a new one.")
    if link.registration_id is not None:
        require_trusted(tx.get(Registration, link.registration_id))
    session, moment = secrets.token_urlsafe(32), clock.now()
    row = AdminSession(
        digest=digest_of(session),
        name=link.name,
        registration_id=link.registration_id,
        user_id=link.user_id,
        created_at=moment,
        expires_at=moment + timedelta(minutes=minutes),
    )
    tx.add(row)
    record(tx, _admin(row).actor, "admin.sign_in", "console", after={"until": row.expires_at.isoformat()})
    return session


def require_trusted(row: Registration | None) -> None:
    """Raises: Forbidden: the administrators of this platform have no business in the console."""
    if row is None or row.state is not Approval.ACTIVE or not row.trusts_administrators:
        raise Forbidden(
            "platform_untrusted",
            "Administrators of this LMS are not let into the console. The people who run the tool can change that.",
        )


def find_admin(tx: Tx, token: str) -> Admin | None:
    """Who a session is of; nobody when it is over, or its platform is switched off or no longer trusted."""
    trusted = select(Registration.id).where(
        Registration.state == Approval.ACTIVE, Registration.trusts_administrators.is_(True)
    )
    by_link = AdminSession.registration_id.is_(None)
    query = select(AdminSession).where(AdminSession.digest == digest_of(token), AdminSession.expires_at > clock.now())
    row = tx.scalar(query.where(or_(by_link, AdminSession.registration_id.in_(trusted))))
    return _admin(row) if row else None


def sign_out(tx: Tx, token: str) -> None:
    """End one session."""
    row = tx.get(AdminSession, digest_of(token))
    if row is not None:
        record(tx, _admin(row).actor, "admin.sign_out", "console")
        tx.delete(row)


def sign_out_all(tx: Tx, by: Actor = OPERATOR) -> int:
    """End every session of the console and every link that was not used; returns how many sessions."""
    affect(tx, delete(AdminLink))
    ended = affect(tx, delete(AdminSession))
    record(tx, by, "admin.sign_out_all", "console", before={"sessions": ended})
    return ended


def end_admin_sessions_of(tx: Tx, user_id: int) -> None:
    """Sign a person out of the console everywhere; what they could still open it with goes too."""
    for model in (AdminLink, AdminSession):
        tx.execute(delete(model).where(model.user_id == user_id))


def forget_expired(tx: Tx) -> None:
    """Delete what is over."""
    for model in (AdminLink, AdminSession):
        tx.execute(delete(model).where(model.expires_at <= clock.now()))


def _admin(row: AdminSession) -> Admin:
    return Admin(row.name, row.user_id, row.expires_at)
