"""The audit log: who did what to the installation, when, and what it was before; written with the act itself.

Rows are only ever added. The one exception is a person's name, which goes when the person is erased. The database
itself sees to it (`audit_guard`).
"""

import getpass
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Connection, String, Text, event, select, update
from sqlalchemy.orm import Mapped, mapped_column

from lti_tool.kernel import clock
from lti_tool.kernel.audit_guard import ERASED, REFUSAL, TABLE, protect
from lti_tool.kernel.db import Base, Tx
from lti_tool.kernel.types import EnumValue, UtcDateTime

NAME_LENGTH = 255


class Via(StrEnum):
    """By which way an act came in."""

    CONSOLE = "console"
    COMMAND = "command"
    COURSE = "course"
    """A page of a course, by its staff."""
    PLATFORM = "platform"
    """A platform that registers itself, by a link that an administrator made."""


class AuditRow(Base):
    """One act."""

    __tablename__ = TABLE

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    actor: Mapped[str] = mapped_column(String(NAME_LENGTH))
    user_id: Mapped[int | None] = mapped_column(index=True)
    """Of a person who came by an LMS; None: somebody with the command line, or its link."""
    via: Mapped[Via] = mapped_column(EnumValue(Via))
    action: Mapped[str] = mapped_column(String(80), index=True)
    """`<what>.<verb>`: `platform.disable`. Stable."""
    target: Mapped[str] = mapped_column(Text)
    """What was acted on, for people: `platform 3 (Our Moodle)`."""
    before: Mapped[dict[str, Any]] = mapped_column(JSON)
    after: Mapped[dict[str, Any]] = mapped_column(JSON)


@dataclass(frozen=True)
class Actor:
    """Who acts."""

    name: str
    via: Via
    user_id: int | None = None


def _account() -> str:
    with suppress(OSError, KeyError):
        return getpass.getuser()
    return "unknown"


OPERATOR = Actor(f"{_account()} on the server", Via.COMMAND)
"""Whoever runs our commands: the account of this process."""


def record(
    tx: Tx,
    by: Actor,
    action: str,
    target: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write an act down in the transaction that does it. Values are JSON-ready and hold no secrets."""
    row = AuditRow(
        at=clock.now(),
        actor=by.name[:NAME_LENGTH],
        user_id=by.user_id,
        via=by.via,
        action=action,
        target=target,
        before=dict(before or {}),
        after=dict(after or {}),
    )
    tx.add(row)


def list_acts(
    tx: Tx, *, action: str = "", words: str = "", before_id: int | None = None, limit: int = 50
) -> list[AuditRow]:
    """The newest acts first. `action` is a beginning (`platform.`); `words` stands in actor or target."""
    query = select(AuditRow).order_by(AuditRow.id.desc()).limit(limit)
    if action:
        query = query.where(AuditRow.action.startswith(action, autoescape=True))
    if words:
        found = AuditRow.actor.icontains(words, autoescape=True) | AuditRow.target.icontains(words, autoescape=True)
        query = query.where(found)
    if before_id is not None:
        query = query.where(AuditRow.id < before_id)
    return list(tx.scalars(query))


def list_acts_of(tx: Tx, user_id: int) -> list[AuditRow]:
    """What a person did, oldest first."""
    return list(tx.scalars(select(AuditRow).where(AuditRow.user_id == user_id).order_by(AuditRow.id)))


def forget_actor(tx: Tx, user_id: int) -> None:
    """The act stays, the name goes."""
    tx.execute(
        update(AuditRow)
        .where(AuditRow.user_id == user_id)
        .values(actor=ERASED)
        .execution_options(synchronize_session=False)
    )


@event.listens_for(AuditRow, "before_update")
@event.listens_for(AuditRow, "before_delete")
def _refuse_change(mapper: Any, connection: Any, row: AuditRow) -> None:
    raise RuntimeError(REFUSAL)


@event.listens_for(AuditRow.__table__, "after_create")
def _protect(table: Any, connection: Connection, **how: Any) -> None:
    protect(connection)
