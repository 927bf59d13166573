"""Does a platform work? Its keys, a token, and a list that is read; nothing is written there."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import Select, delete, select

from lti_tool.kernel import clock
from lti_tool.kernel.errors import AppError, ExternalError
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti import nrps
from lti_tool.lti.ags import SCORE_SCOPE
from lti_tool.lti.jwks import fetch_keys
from lti_tool.lti.line_items import LINE_ITEM_READ_SCOPE, LINE_ITEM_SCOPE, LineItems
from lti_tool.lti.models import CachedKeys, CachedToken, Context, Link, Registration
from lti_tool.lti.reach import calling, probe_now
from lti_tool.lti.registrations import get_registration
from lti_tool.lti.services import PlatformService
from lti_tool.lti.tokens import get_token

MOST_ITEMS = 200
"""Columns that are read; a long list is proof enough before its end."""


@dataclass(frozen=True)
class Step:
    """One thing that was tried."""

    name: str
    is_good: bool | None
    """None: it could not be tried."""
    text: str


def try_connection(runtime: Runtime, registration_id: int) -> list[Step]:
    """Try everything that can be tried without changing anything. Raises: NotFound."""
    with runtime.db.reading() as tx:
        row = get_registration(tx, registration_id)
        link = tx.scalar(_newest_link(registration_id))
        context = tx.scalar(_newest_context(registration_id))
    return [*_try_keys(runtime, row), *_try_services(runtime, row, link, context)]


def refetch_keys(runtime: Runtime, registration_id: int) -> int:
    """Fetch a platform's keys now, whatever is cached; returns how many. Raises: NotFound, ExternalError."""
    with runtime.db.reading() as tx:
        row = get_registration(tx, registration_id)
    with runtime.db.transaction() as tx:
        probe_now(tx, row.id)
    with calling(runtime, row):
        keys = fetch_keys(runtime, row)
    if not keys:
        text = f"{row.name} publishes no key that can be used (RSA, with an id)."
        raise ExternalError("jwks_empty", text, retryable=False)
    with runtime.db.transaction() as tx:
        moment = clock.now()
        tx.execute(delete(CachedKeys).where(CachedKeys.registration_id == registration_id))
        tx.add(CachedKeys(registration_id=registration_id, keys=keys, fetched_at=moment, tried_at=moment))
    return len(keys)


def _newest_link(registration_id: int) -> Select[Link]:
    """An activity that has a gradebook, as its last launch said."""
    query = select(Link).where(Link.registration_id == registration_id, Link.lineitems_url.is_not(None))
    return query.order_by(Link.id.desc()).limit(1)


def _newest_context(registration_id: int) -> Select[Context]:
    query = select(Context).where(Context.registration_id == registration_id, Context.memberships_url.is_not(None))
    return query.order_by(Context.id.desc()).limit(1)


def _try_keys(runtime: Runtime, row: Registration) -> Iterator[Step]:
    try:
        number = refetch_keys(runtime, row.id)
    except ExternalError as error:
        said = error.message.removesuffix(".")
        yield Step("Keys", False, f"{said}. Without its keys no launch can be checked: see the key set URL.")
        return
    yield Step("Keys", True, f"{number} read from {row.jwks_url}")


def _try_services(runtime: Runtime, row: Registration, link: Link | None, context: Context | None) -> Iterator[Step]:
    granted = set(link.scopes) if link else set()
    readable = [scope for scope in (LINE_ITEM_SCOPE, LINE_ITEM_READ_SCOPE) if scope in granted][:1]
    scopes = readable or ([nrps.SCOPE] if context else [SCORE_SCOPE])
    with runtime.db.transaction() as tx:  # a token that is cached proves nothing about today
        tx.execute(delete(CachedToken).where(CachedToken.registration_id == row.id))
        probe_now(tx, row.id)
    try:
        with calling(runtime, row):
            get_token(runtime, row, scopes)
    except AppError as error:
        yield Step("Token", False, error.message)
        yield Step("Columns", None, "Not tried: they are read with a token.")
        return
    yield Step("Token", True, f"Given by {row.token_url}")
    yield _try_columns(runtime, row, link, readable)


def _try_columns(runtime: Runtime, row: Registration, link: Link | None, readable: list[str]) -> Step:
    if link is None:
        return Step("Columns", None, "Not tried: no activity with a gradebook was opened yet. Open one as a teacher.")
    if not readable:
        text = "Not tried: the LMS does not let this tool read columns. Scores may work all the same."
        return Step("Columns", None, text)
    service = PlatformService(runtime, row, readable)
    try:
        number = len(list(islice(LineItems(service, link.lineitems_url or "").list(), MOST_ITEMS)))
    except AppError as error:
        return Step("Columns", False, error.message)
    return Step("Columns", True, f"{number} read in the LMS course of “{link.title or link.resource_link_id}”")
