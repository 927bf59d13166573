"""One-time links that let a platform register itself."""

import secrets
from datetime import timedelta

from sqlalchemy import delete, or_, select, update

from lti_tool.kernel import clock
from lti_tool.kernel.audit import OPERATOR, Actor, record
from lti_tool.kernel.db import Tx, affect
from lti_tool.kernel.errors import Gone, NotFound
from lti_tool.lti.models import ID_LENGTH, Invite
from lti_tool.web.session import digest_of

LIFE = timedelta(days=7)
KEPT = timedelta(days=30)


def make_invite(
    tx: Tx, name: str, *, registration_id: int | None = None, life: timedelta = LIFE, by: Actor = OPERATOR
) -> str:
    """The secret part of a link that works once. `name` says for whom, `registration_id` which platform it updates."""
    token, moment = secrets.token_urlsafe(32), clock.now()
    row = Invite(digest=digest_of(token), name=name[:ID_LENGTH], created_at=moment, expires_at=moment + life)
    row.registration_id = registration_id
    tx.add(row)
    target = (
        f"invite for {row.name or 'any LMS'}" if registration_id is None else f"invite of platform {registration_id}"
    )
    record(tx, by, "invite.make", target, after={"expires_at": row.expires_at.isoformat(), "invite": row.digest[:8]})
    return token


def list_open_invites(tx: Tx) -> list[Invite]:
    """Those that can still be used, newest first."""
    query = select(Invite).where(Invite.used_at.is_(None), Invite.expires_at > clock.now())
    return list(tx.scalars(query.order_by(Invite.created_at.desc())))


def withdraw_invite(tx: Tx, digest: str, by: Actor = OPERATOR) -> None:
    """Nobody can use it any more. Raises: NotFound: nobody could anyway."""
    unused = update(Invite).where(Invite.digest == digest, Invite.used_at.is_(None), Invite.expires_at > clock.now())
    if affect(tx, unused.values(expires_at=clock.now())) != 1:
        raise NotFound("invite_not_found", "This link was used already, or it has run out.")
    record(tx, by, "invite.withdraw", f"invite {digest[:8]}")


def use_invite(tx: Tx, token: str) -> Invite:
    """Claim an invite: nobody else can from now on. Raises: NotFound, Gone."""
    row = tx.get(Invite, digest_of(token))
    if row is None:
        raise NotFound(
            "invite_not_found", "This registration link is not known. Ask the people who run the tool for a new one."
        )
    unused = update(Invite).where(
        Invite.digest == row.digest, Invite.used_at.is_(None), Invite.expires_at > clock.now()
    )
    if affect(tx, unused.values(used_at=clock.now())) != 1:
        raise Gone(
            "invite_used",
            "This registration link was used or is too old. Ask the people who run the tool for a new one.",
        )
    return row


def release_invite(tx: Tx, token: str) -> None:
    """The registration failed before the platform accepted it: the link may be used again."""
    tx.execute(update(Invite).where(Invite.digest == digest_of(token)).values(used_at=None))


def forget_old_invites(tx: Tx) -> None:
    """Delete what was used or ran out a while ago."""
    old = clock.now() - KEPT
    tx.execute(delete(Invite).where(or_(Invite.used_at < old, Invite.expires_at < old)))
