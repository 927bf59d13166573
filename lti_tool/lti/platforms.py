"""What administrators change about a registered platform, each with its line in the audit log."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, func, select

from lti_tool.kernel.audit import OPERATOR, Actor, record
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Invalid, NotFound
from lti_tool.lti.models import ID_LENGTH, Approval, CachedKeys, CachedToken, Context, Deployment, Registration, User
from lti_tool.lti.reach import Reach, reach_of
from lti_tool.lti.registrations import (
    PlatformFacts,
    check_facts,
    get_registration,
    platform_not_found,
    require_own_identity,
    target_of,
)
from lti_tool.lti.score_models import PlatformLine
from lti_tool.web.session import SessionRow, end_sessions_of_contexts

_WITH_KEYS = select(Registration, CachedKeys).outerjoin(CachedKeys, CachedKeys.registration_id == Registration.id)
ENDPOINTS = ("auth_url", "token_url", "jwks_url", "token_audience")


@dataclass(frozen=True)
class PlatformState:
    """How a platform is, for the people who run the tool."""

    row: Registration
    keys: CachedKeys | None
    """None: they were never fetched."""
    reach: Reach
    last_launch: datetime | None
    """As far back as sessions are kept (about a week)."""
    waiting: int
    """Its installations that wait for approval."""


def rename(tx: Tx, registration_id: int, name: str, by: Actor = OPERATOR) -> Registration:
    """Call a platform otherwise. Raises: NotFound, Invalid: no name."""
    row, name = get_registration(tx, registration_id), name.strip()
    if not name or len(name) > ID_LENGTH or not name.isprintable():
        raise Invalid("name_invalid", f"A name has 1 to {ID_LENGTH} characters.")
    if name != row.name:
        target = target_of(row)
        before, row.name = row.name, name
        record(tx, by, "platform.rename", target, before={"name": before}, after={"name": name})
    return row


def edit_endpoints(
    tx: Tx, registration_id: int, wanted: Mapping[str, str | None], by: Actor = OPERATOR, *, allow_http: bool = False
) -> Registration:
    """Change addresses of a platform; keys and tokens that came from the old ones are forgotten.

    `wanted` has some of `ENDPOINTS`. Raises: NotFound. Invalid: no address. Conflict: they are another platform's.
    """
    row = get_registration(tx, registration_id)
    new: dict[str, Any] = {
        name: wanted[name] for name in ENDPOINTS if name in wanted and wanted[name] != getattr(row, name)
    }
    if not new:
        return row
    facts = replace(current_facts(row), **new)
    check_facts(facts, allow_http)
    require_own_identity(tx, facts, but=row.id)
    before = {name: getattr(row, name) for name in new}
    for name, value in new.items():
        setattr(row, name, value)
    forget_cached(tx, row.id)
    record(tx, by, "platform.edit", target_of(row), before=before, after=new)
    return row


def current_facts(row: Registration) -> PlatformFacts:
    """The facts that a platform was registered with, as they are now."""
    return PlatformFacts(
        name=row.name,
        issuer=row.issuer,
        client_id=row.client_id,
        auth_url=row.auth_url,
        token_url=row.token_url,
        jwks_url=row.jwks_url,
        token_audience=row.token_audience,
        service_hosts=tuple(row.service_hosts),
    )


def forget_cached(tx: Tx, registration_id: int) -> None:
    """Forget the keys and tokens of a platform: the next launch and the next call fetch them anew."""
    for cache in (CachedKeys, CachedToken):
        tx.execute(delete(cache).where(cache.registration_id == registration_id))


def distrust_host(tx: Tx, registration_id: int, host: str, by: Actor = OPERATOR) -> Registration:
    """Count a host as the platform's own no more. Raises: NotFound."""
    row = get_registration(tx, registration_id)
    before = list(row.service_hosts)
    if host not in before:
        raise NotFound("host_not_found", f"{host} is not among the hosts of {row.name}.")
    row.service_hosts = [kept for kept in before if kept != host]
    change = {"before": {"service_hosts": before}, "after": {"service_hosts": row.service_hosts}}
    record(tx, by, "platform.distrust_host", target_of(row), **change)
    return row


def trust_administrators(tx: Tx, registration_id: int, trusted: bool, by: Actor = OPERATOR) -> Registration:
    """Let the administrators of a platform into the console, or no more. Raises: NotFound."""
    row = get_registration(tx, registration_id)
    if row.trusts_administrators != trusted:
        row.trusts_administrators = trusted
        change = {"before": {"trusts_administrators": not trusted}, "after": {"trusts_administrators": trusted}}
        record(tx, by, "platform.trust_administrators", target_of(row), **change)
    return row


def set_deployment_state(tx: Tx, row_id: int, state: Approval, by: Actor = OPERATOR) -> Deployment:
    """Let a deployment launch, or stop it at once: sessions of its LMS courses end. Raises: NotFound, Invalid."""
    row = tx.get(Deployment, row_id)
    if row is None:
        raise NotFound("deployment_not_found", "There is no such deployment.")
    if state is Approval.PENDING:
        raise Invalid("state_invalid", "A deployment is approved or disabled.")
    before, row.state = row.state, state
    if state is Approval.DISABLED:
        end_sessions_of_contexts(tx, select(Context.id).where(Context.deployment_row_id == row.id))
    target = f"deployment {row.deployment_id} of {target_of(get_registration(tx, row.registration_id))}"
    verb = "approve" if state is Approval.ACTIVE else "disable"
    record(tx, by, f"deployment.{verb}", target, before={"state": before.value}, after={"state": state.value})
    return row


def find_last_launches(tx: Tx) -> dict[int, datetime]:
    """When each platform last launched, as far back as sessions are kept (about a week)."""
    return {row[0]: row[1] for row in tx.execute(_last_launches())}


def count_people(tx: Tx, registration_id: int) -> int:
    """How many people of a platform have launched."""
    return tx.scalars(select(func.count(User.id)).where(User.registration_id == registration_id)).one()


def list_deployments(tx: Tx, registration_id: int) -> list[Deployment]:
    """The installations of the tool in a platform, those that wait first, then the newest."""
    query = select(Deployment).where(Deployment.registration_id == registration_id)
    return list(tx.scalars(query.order_by((Deployment.state != Approval.PENDING), Deployment.id.desc())))


def list_with_keys(tx: Tx) -> list[tuple[Registration, CachedKeys | None]]:
    """Every platform with what is cached of its keys, oldest first."""
    return [(row[0], row[1]) for row in tx.execute(_WITH_KEYS.order_by(Registration.id))]


def list_states(tx: Tx) -> list[PlatformState]:
    """How every platform is, oldest first. One query."""
    return [_state(*found) for found in tx.execute(_select_states().order_by(Registration.id))]


def get_state(tx: Tx, registration_id: int) -> PlatformState:
    """How one of them is. One query. Raises: NotFound."""
    found = tx.execute(_select_states().where(Registration.id == registration_id)).one_or_none()
    if found is None:
        raise platform_not_found(registration_id)
    return _state(*found)


def _select_states() -> Select[Registration, CachedKeys, PlatformLine, datetime, int]:
    launches, waiting = _last_launches().subquery(), _waiting().subquery()
    query = select(Registration, CachedKeys, PlatformLine, launches.c.last_at, waiting.c.number)
    query = query.outerjoin(CachedKeys, CachedKeys.registration_id == Registration.id)
    query = query.outerjoin(PlatformLine, PlatformLine.registration_id == Registration.id)
    query = query.outerjoin(launches, launches.c.registration_id == Registration.id)
    return query.outerjoin(waiting, waiting.c.registration_id == Registration.id)


def _last_launches() -> Select[int, datetime]:
    last_at = func.max(SessionRow.created_at).label("last_at")
    return select(SessionRow.registration_id, last_at).group_by(SessionRow.registration_id)


def _waiting() -> Select[int, int]:
    query = select(Deployment.registration_id, func.count(Deployment.id).label("number"))
    return query.where(Deployment.state == Approval.PENDING).group_by(Deployment.registration_id)


def _state(
    row: Registration,
    keys: CachedKeys | None,
    line: PlatformLine | None,
    last_launch: datetime | None,
    waiting: int | None,
) -> PlatformState:
    return PlatformState(row, keys, reach_of(row, line), last_launch, waiting or 0)
