"""What every login and launch reads of platforms: columns instead of objects, by statements that are built once.

A platform's row becomes an object once in each process and is kept by its content: one that was changed has other
content, so that a platform that is switched off is so at the next request.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import Table, bindparam, select

from lti_tool.kernel.db import Database
from lti_tool.kernel.prepared import Prepared
from lti_tool.lti.models import CachedKeys, Registration

_PLATFORMS, _KEYS = cast(Table, Registration.__table__), cast(Table, CachedKeys.__table__)
_NAMES = tuple(column.name for column in _PLATFORMS.c)
_HOSTS = _NAMES.index("service_hosts")
_BY_ISSUER = select(_PLATFORMS).where(_PLATFORMS.c.issuer == bindparam("issuer")).limit(2)
_OF_ISSUER = Prepared(_BY_ISSUER)
_OF_CLIENT = Prepared(_BY_ISSUER.where(_PLATFORMS.c.client_id == bindparam("client_id")))
_WITH_KEYS = Prepared(
    select(_PLATFORMS, _KEYS.c["keys"], _KEYS.c.fetched_at, _KEYS.c.tried_at, _KEYS.c.is_fetching)
    .outerjoin(_KEYS, _KEYS.c.registration_id == _PLATFORMS.c.id)
    .where(_PLATFORMS.c.id == bindparam("id"))
)


@dataclass(frozen=True)
class KnownKeys:
    """A platform's keys as they are stored."""

    keys: Mapping[str, Any]
    """By key id."""
    fetched_at: datetime | None
    tried_at: datetime
    is_fetching: bool


StoredKeys = KnownKeys | CachedKeys


def list_of_issuer(db: Database, issuer: str, client_id: str | None) -> list[Registration]:
    """The first two registrations of an issuer, or of its client. They belong to no transaction: only to be read."""
    if client_id is None:
        return [_registration(row) for row in db.read(_OF_ISSUER, {"issuer": issuer})]
    return [_registration(row) for row in db.read(_OF_CLIENT, {"issuer": issuer, "client_id": client_id})]


def find_with_keys(db: Database, registration_id: int) -> tuple[Registration, KnownKeys | None] | None:
    """A registration, which belongs to no transaction and is only to be read, and its cached keys."""
    found = db.read(_WITH_KEYS, {"id": registration_id})
    if not found:
        return None
    (row,) = found
    keys, fetched_at, tried_at, is_fetching = row[len(_NAMES) :]
    cached = None if tried_at is None else KnownKeys(keys, fetched_at, tried_at, is_fetching)
    return _registration(row), cached


def _registration(row: Any) -> Registration:
    values = row[: len(_NAMES)]
    return _remembered((*values[:_HOSTS], tuple(values[_HOSTS]), *values[_HOSTS + 1 :]))


@lru_cache(maxsize=1000)
def _remembered(values: tuple[Any, ...]) -> Registration:
    made = Registration(**dict(zip(_NAMES, values, strict=True)))
    made.service_hosts = list(values[_HOSTS])
    return made
