"""Registrations and deployments: which platforms may launch."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select

from lti_tool.kernel import clock
from lti_tool.kernel.audit import OPERATOR, Actor, record
from lti_tool.kernel.db import Database, Tx
from lti_tool.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from lti_tool.kernel.jobs import bring_all_forward
from lti_tool.lti.dialects import Dialect, detect_dialect, get_dialect
from lti_tool.lti.messages import UpdateLineItem
from lti_tool.lti.models import ID_LENGTH, Approval, Deployment, Registration
from lti_tool.lti.outbox import wake_delivery
from lti_tool.lti.reading import list_of_issuer
from lti_tool.web.session import end_sessions_of_platform

SHOWN = (
    "name",
    "issuer",
    "client_id",
    "auth_url",
    "token_url",
    "jwks_url",
    "token_audience",
    "service_hosts",
    "dialect",
    "learns_deployments",
    "trusts_administrators",
)
_HOST = re.compile(r"[a-z0-9._-]+|\[[0-9a-f:.]+\]")


@dataclass(frozen=True)
class PlatformFacts:
    """What an administrator or dynamic registration says about a platform."""

    name: str
    issuer: str
    client_id: str
    auth_url: str
    token_url: str
    jwks_url: str
    deployment_ids: tuple[str, ...] = ()
    token_audience: str | None = None
    service_hosts: tuple[str, ...] = field(default=())
    family: str = ""
    registration_uri: str | None = None
    """Where the platform keeps this registration, and the token for it: of dynamic registration, if it offers that."""
    registration_token: str | None = None


def add_registration(
    tx: Tx,
    facts: PlatformFacts,
    *,
    state: Approval = Approval.ACTIVE,
    allow_http: bool = False,
    by: Actor = OPERATOR,
) -> Registration:
    """Register a platform. Raises: Invalid: a value is wrong. Conflict: its client id is taken there already."""
    check_facts(facts, allow_http)
    if find_registration(tx, facts.issuer, facts.client_id) is not None:
        raise Conflict(
            "registration_exists",
            f"A platform with issuer {facts.issuer} and client id {facts.client_id} is registered already.",
        )
    require_own_identity(tx, facts)
    row = Registration(
        name=facts.name[:ID_LENGTH],
        issuer=facts.issuer,
        client_id=facts.client_id,
        auth_url=facts.auth_url,
        token_url=facts.token_url,
        jwks_url=facts.jwks_url,
        token_audience=facts.token_audience,
        service_hosts=list(facts.service_hosts),
        dialect=detect_dialect(facts.issuer, facts.family).name,
        state=state,
        learns_deployments=not facts.deployment_ids,
        created_at=clock.now(),
    )
    tx.add(row)
    tx.flush()
    for deployment_id in facts.deployment_ids:
        tx.add(
            Deployment(
                registration_id=row.id, deployment_id=deployment_id, state=Approval.ACTIVE, created_at=clock.now()
            )
        )
    tx.flush()
    record(tx, by, "platform.add", target_of(row), after=facts_of(row))
    return row


def target_of(row: Registration) -> str:
    """A platform for the audit log."""
    return f"platform {row.id} ({row.name})"


def facts_of(row: Registration) -> dict[str, Any]:
    """What the audit log and the console show of a platform; no secrets."""
    return {name: getattr(row, name) for name in SHOWN} | {"state": row.state.value}


def find_registration(tx: Tx, issuer: str, client_id: str) -> Registration | None:
    """By the pair that identifies it."""
    return tx.scalar(select(Registration).where(Registration.issuer == issuer, Registration.client_id == client_id))


def get_registration(tx: Tx, registration_id: int) -> Registration:
    """Raises: NotFound."""
    row = tx.get(Registration, registration_id)
    if row is None:
        raise platform_not_found(registration_id)
    return row


def platform_not_found(registration_id: int) -> NotFound:
    """What to raise when there is none of this number."""
    text = f"There is no platform {registration_id}. The list of platforms has those that there are."
    return NotFound("platform_not_found", text)


def get_registration_for_login(db: Database, issuer: str, client_id: str | None) -> Registration:
    """The registration that a login names; without a client id only if the issuer has just one.

    Raises: Invalid: unknown or ambiguous.
    """
    found = list_of_issuer(db, issuer, client_id)
    if not found:
        raise Invalid(
            "platform_unknown",
            "This LMS is not registered with this tool. Ask the people who run the tool to register it.",
        )
    if len(found) > 1:
        raise Invalid("client_id_missing", "The LMS did not say which of its registrations it is using (client_id).")
    return found[0]


def require_active(row: Registration) -> Registration:
    """Raises: Forbidden: the registration waits for approval or is switched off."""
    if row.state is Approval.PENDING:
        raise Forbidden(
            "platform_pending", "This LMS is registered and waits for approval by the people who run the tool."
        )
    if row.state is not Approval.ACTIVE:
        raise Forbidden("platform_disabled", "This LMS is switched off for this tool. Ask the people who run the tool.")
    return row


def list_registrations(tx: Tx) -> list[tuple[Registration, list[Deployment]]]:
    """Every platform with its deployments, oldest first."""
    deployments: dict[int, list[Deployment]] = {}
    for deployment in tx.scalars(select(Deployment).order_by(Deployment.id)):
        deployments.setdefault(deployment.registration_id, []).append(deployment)
    rows = tx.scalars(select(Registration).order_by(Registration.id))
    return [(row, deployments.get(row.id, [])) for row in rows]


def approve(tx: Tx, registration_id: int, by: Actor = OPERATOR) -> Registration:
    """Let a platform and its waiting deployments launch, and send what has waited for it. Raises: NotFound."""
    row = get_registration(tx, registration_id)
    before = row.state
    row.state = Approval.ACTIVE
    wake_delivery(tx, row.id)
    bring_all_forward(tx, UpdateLineItem, "registration_id", row.id)
    query = select(Deployment).where(Deployment.registration_id == row.id, Deployment.state == Approval.PENDING)
    waiting = list(tx.scalars(query))
    for deployment in waiting:
        deployment.state = Approval.ACTIVE
    names = [deployment.deployment_id for deployment in waiting]
    after = {"state": Approval.ACTIVE.value, "deployments": names}
    record(tx, by, "platform.approve", target_of(row), before={"state": before.value}, after=after)
    return row


def disable(tx: Tx, registration_id: int, by: Actor = OPERATOR) -> Registration:
    """Stop launches from a platform and sign its people out; no work is deleted. Raises: NotFound."""
    row = get_registration(tx, registration_id)
    before = row.state
    row.state = Approval.DISABLED
    end_sessions_of_platform(tx, registration_id)
    after = {"state": Approval.DISABLED.value}
    record(tx, by, "platform.disable", target_of(row), before={"state": before.value}, after=after)
    return row


def trust_host(tx: Tx, registration_id: int, host: str, by: Actor = OPERATOR) -> Registration:
    """Count a host as the platform's own. Raises: NotFound, Invalid."""
    row = get_registration(tx, registration_id)
    before = list(row.service_hosts)
    if origin_of(f"https://{host}") != f"https://{host}":
        raise Invalid(
            "host_invalid",
            f"{host!r} is not a host name, with a port if it needs one: lms.example.org or lms.example.org:8443.",
        )
    row.service_hosts = sorted({*before, host})
    change = {"before": {"service_hosts": before}, "after": {"service_hosts": row.service_hosts}}
    record(tx, by, "platform.trust_host", target_of(row), **change)
    return row


def accept_anonymous(tx: Tx, registration_id: int, *, accepts: bool, by: Actor = OPERATOR) -> Registration:
    """Let launches that name nobody in, or no longer. Raises: NotFound."""
    row = get_registration(tx, registration_id)
    before, row.accepts_anonymous = row.accepts_anonymous, accepts
    change = {"before": {"accepts_anonymous": before}, "after": {"accepts_anonymous": accepts}}
    record(tx, by, "platform.accept_anonymous", target_of(row), **change)
    return row


def dialect_of(row: Registration) -> Dialect:
    """How this platform behaves."""
    return get_dialect(row.dialect)


@lru_cache(maxsize=1000)
def origin_of(url: str) -> str:
    """`scheme://host[:port]` in lower case, empty if the URL has none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.username is not None
        or parts.password is not None
    ):
        return ""
    default = {"http": 80, "https": 443}[parts.scheme]
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if not _HOST.fullmatch(host):
        return ""
    return f"{parts.scheme}://{host}" + (f":{port}" if port and port != default else "")


def is_platform_url(row: Registration, url: str | None, *, allow_http: bool) -> bool:
    """Is this an address of the platform's own hosts? Tokens, and people, are sent nowhere else."""
    origin = origin_of(url or "")
    if not origin or any(ord(character) <= 32 for character in url or ""):
        return False
    scheme, _, host = origin.partition("://")
    if scheme != "https" and not allow_http:
        return False
    own = {origin_of(known).partition("://")[2] for known in (row.issuer, row.auth_url, row.token_url, row.jwks_url)}
    if host in own | set(row.service_hosts):
        return True
    dialect = dialect_of(row)
    hosted = bool(dialect.issuer_suffix) and (urlsplit(row.issuer).hostname or "").endswith(dialect.issuer_suffix)
    return hosted and host.endswith(dialect.host_suffixes)


def first_platform_origin(row: Registration, urls: Iterable[str | None], *, allow_http: bool) -> str:
    """The origin of the first address that is the platform's, else that of its login page."""
    own = next((url for url in urls if is_platform_url(row, url, allow_http=allow_http)), row.auth_url)
    return origin_of(own or "")


def require_own_identity(tx: Tx, facts: PlatformFacts, but: int | None = None) -> None:
    """Refuse a platform that would have us sign tokens which another platform takes for our own to it.

    One key of ours signs for all. A hostile platform could name the client id that we have at another, and that one's
    token service or audience, and so get at its access tokens (RFC 9700, 4.4; CVE-2025-27371). `but`: the platform
    that the facts are about, when it is registered already. Raises: Conflict.
    """
    mine = _token_parties(facts)
    for row in tx.scalars(select(Registration).where(Registration.client_id == facts.client_id)):
        if row.id != but and mine & _token_parties(row):
            raise Conflict(
                "client_taken",
                f"Client id {facts.client_id} is that of {row.name} (platform {row.id}) with the same token service. "
                "Check the addresses of both.",
            )


def _token_parties(platform: PlatformFacts | Registration) -> set[str]:
    """Who would take a client assertion that is made for this platform: hosts, and an audience that is no URL."""
    named = (platform.issuer, platform.token_url, platform.token_audience or "")
    return {origin_of(name).partition("://")[2] or name for name in named if name}


def check_facts(facts: PlatformFacts, allow_http: bool) -> None:
    """Raises: Invalid: an address or an identifier cannot be one."""
    schemes = ("https://", "http://") if allow_http else ("https://",)
    for name, url in (("auth-url", facts.auth_url), ("token-url", facts.token_url), ("jwks-url", facts.jwks_url)):
        if not url.startswith(schemes) or not origin_of(url):
            raise Invalid("platform_invalid", f"{name} must be a full {' or '.join(schemes)} address, not {url!r}.")
    for name, text in (
        ("issuer", facts.issuer),
        ("client-id", facts.client_id),
        *(("deployment-id", d) for d in facts.deployment_ids),
    ):
        if not text or len(text) > ID_LENGTH:
            raise Invalid("platform_invalid", f"{name} must have 1 to {ID_LENGTH} characters.")
    if not origin_of(facts.issuer):
        raise Invalid("platform_invalid", f"issuer must be a full address, as the LMS shows it, not {facts.issuer!r}.")
