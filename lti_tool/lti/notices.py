"""Notices of platforms: each a signed token, checked like a launch, kept once, and acted on by a job.

https://www.imsglobal.org/spec/lti-pns/v1p0/. Whoever posts to the handler is not signed in: nothing is written before a
signature has held.
"""

import json
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import jwt
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from lti_tool.kernel import clock, jobs
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import AppError, Forbidden, Invalid, TooLarge
from lti_tool.kernel.once import use_once
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.claim_reader import Reader
from lti_tool.lti.claims_more import LTI, Envelope, read_envelope
from lti_tool.lti.launch import TOKEN_BYTES, check_parties, check_times, verified_payload
from lti_tool.lti.messages import ActOnNotice
from lti_tool.lti.models import Approval, CachedKeys, Deployment, Registration
from lti_tool.lti.models_services import Notice, NoticeHandler
from lti_tool.lti.registrations import require_active

log = logging.getLogger(__name__)

HELLO = "LtiHelloWorldNotice"
CONTEXT_COPY = "LtiContextCopyNotice"
HANDLED = (HELLO, CONTEXT_COPY)
BODY_BYTES = 1_000_000
MOST_NOTICES = 100
MOST_ORIGINS = 50
AGE_S = 3600
"""Oldest notice that is taken, in seconds: a platform may send some time after it signed."""
KEPT = timedelta(days=90)


@dataclass(frozen=True)
class Told:
    """One notice that holds."""

    registration: Registration
    envelope: Envelope
    notice_id: str
    notice_type: str
    facts: dict[str, Any]


def take_notices(runtime: Runtime, body: bytes) -> tuple[int, int]:
    """Keep the notices of one post; returns how many were taken (known ones too) and how many refused.

    Raises: Invalid, TooLarge: it is no list of notices, or none of them holds.
    """
    tokens = _read_tokens(body)
    refused: list[AppError] = []
    for token in tokens:
        try:
            told = read_notice(runtime, token)
            with runtime.db.transaction() as tx:
                _keep(tx, runtime, told)
        except AppError as error:
            log.warning("notice_refused", extra={"code": error.code, "details": error.details})
            refused.append(error)
    if refused and len(refused) == len(tokens):
        raise refused[0]
    return len(tokens) - len(refused), len(refused)


def read_notice(runtime: Runtime, token: str) -> Told:
    """A notice whose signature and claims hold. Raises: Invalid, Forbidden."""
    registration, cached = _find_sender(runtime, token)
    top = Reader(verified_payload(runtime, registration, cached, token), "notice")
    envelope = read_envelope(top)
    check_parties(registration, envelope)
    check_times(runtime, envelope, age_s=AGE_S)
    said = top.find(LTI + "notice", required=True)
    if said is None:
        raise _bad("says nothing")
    kind = said.text("type", required=True)
    context = top.find(LTI + "context", required=kind == CONTEXT_COPY)
    facts: dict[str, Any] = {
        "context": context.text("id", required=True) if context else "",
        "title": (context.shown("title") or context.shown("label")) if context else "",
        "origins": [origin for origin in top.texts(LTI + "origin_contexts") if 0 < len(origin) <= 255][:MOST_ORIGINS],
    }
    return Told(registration, envelope, said.text("id", required=True), kind, facts)


def forget_old_notices(tx: Tx) -> None:
    """Delete what could not come again: its tokens ran out long ago."""
    tx.execute(delete(Notice).where(Notice.received_at < clock.now() - KEPT))


def _read_tokens(body: bytes) -> list[str]:
    if len(body) > BODY_BYTES:
        raise TooLarge("notices_too_large", "This is more than a post of notices may hold.")
    try:
        found = json.loads(body)["notices"]
        tokens = [entry["jwt"] for entry in found]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _bad("is no list of notices") from error
    if not 0 < len(tokens) <= MOST_NOTICES or not all(isinstance(token, str) for token in tokens):
        raise _bad(f"is no list of 1 to {MOST_NOTICES} notices")
    if any(len(token) > TOKEN_BYTES for token in tokens):
        raise TooLarge("notices_too_large", "This is more than a notice may hold.")
    return tokens


def _find_sender(runtime: Runtime, token: str) -> tuple[Registration, CachedKeys | None]:
    """The platform that the token says it is from: nothing else of it is believed until its signature has held."""
    try:
        payload = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise _bad("is not a signed token") from error
    issuer, audience = payload.get("iss"), payload.get("aud")
    clients = [audience] if isinstance(audience, str) else audience
    if not isinstance(issuer, str) or not isinstance(clients, list) or not 0 < len(clients) <= 5:
        raise _bad("does not say whom it is from and for")
    named = (
        Registration.issuer == issuer,
        Registration.client_id.in_([each for each in clients if isinstance(each, str)]),
    )
    query = select(Registration, CachedKeys).outerjoin(CachedKeys, CachedKeys.registration_id == Registration.id)
    with runtime.db.reading() as tx:
        rows = tx.execute(query.where(*named).limit(2)).all()
    if len(rows) != 1:
        raise Forbidden("platform_unknown", "This platform is not registered with this tool.")
    return require_active(rows[0][0]), rows[0][1]


def _keep(tx: Tx, runtime: Runtime, told: Told) -> None:
    """One row and one job for each notice, however often it comes."""
    named = (
        Deployment.registration_id == told.registration.id,
        Deployment.deployment_id == told.envelope.deployment_id,
    )
    deployment = tx.scalar(select(Deployment).where(*named))
    if deployment is None or deployment.state is not Approval.ACTIVE:
        raise Forbidden("deployment_unknown", "This installation of the tool is not known here.")
    row = Notice(
        registration_id=told.registration.id,
        deployment_row_id=deployment.id,
        notice_id=told.notice_id,
        notice_type=told.notice_type[:80],
        facts=told.facts,
        received_at=clock.now(),
    )
    try:
        with tx.begin_nested():
            tx.add(row)
    except IntegrityError:
        log.info("notice_repeated", extra={"registration": told.registration.id})
        return
    until = clock.now() + timedelta(seconds=2 * AGE_S)
    if not use_once(tx, "lti-nonce", f"{told.registration.id}:{told.envelope.nonce}", until):
        raise _bad("was used before (nonce)")
    heard = (NoticeHandler.deployment_row_id == deployment.id, NoticeHandler.notice_type == told.notice_type)
    tx.execute(update(NoticeHandler).where(*heard).values(heard_at=clock.now()))
    if told.notice_type in HANDLED:
        jobs.enqueue(tx, ActOnNotice(row.id))


def _bad(why: str) -> Invalid:
    return Invalid("notice_invalid", f"What was posted {why}.", {"why": why})
