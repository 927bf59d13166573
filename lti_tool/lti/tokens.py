"""Access tokens of platforms: client assertions, and a cache that all processes share.

https://www.imsglobal.org/spec/security/v1p0/#using-json-web-tokens-with-oauth-2-0-client-credentials-grant. The cache
is keyed by registration and sorted scopes, never by issuer: every Canvas school has the same one.
"""

import hashlib
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import ColumnElement, and_, delete, or_, update

from lti_tool.kernel import clock
from lti_tool.kernel.db import affect
from lti_tool.kernel.errors import ExternalError
from lti_tool.kernel.runtime import Runtime
from lti_tool.kernel.upsert import upsert
from lti_tool.lti.keys import get_signing_key
from lti_tool.lti.models import CachedToken, Registration
from lti_tool.lti.reach import NO_TOKEN
from lti_tool.lti.retry_after import is_busy, retry_after_s

PURPOSE = "lti-access-token"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_LIFE = timedelta(minutes=5)
BEHIND = timedelta(seconds=30)
"""Moodle refuses an assertion whose `iat` its own clock has not reached."""
DEFAULT_LIFE_S = 300
"""When the platform does not say how long a token lasts."""
FRESH_SHARE = 0.9
MAX_BYTES = 100_000

ASKING = timedelta(seconds=40)
"""Longer than the longest call: then whoever asked is dead."""
AFTER_FAILURE = timedelta(seconds=1)
"""So long everybody gets the same error, those too who come a moment late."""
POLL_S = 0.03


def get_token(runtime: Runtime, registration: Registration, scopes: Iterable[str]) -> str:
    """A token that is good for a while yet. Of all processes one asks for it, the others wait for the answer.

    Raises: ExternalError: the platform gives none. Those who waited get the same error.
    """
    wanted = sorted(set(scopes))
    key = _Key(registration.id, _digest(wanted))
    row, deadline, waited = _read(runtime, key), time.monotonic() + ASKING.total_seconds(), False
    while True:
        moment = clock.now()
        token = _usable(runtime, row, moment)
        if token is not None:
            return token
        if row is not None and row.error is not None and (waited or _has_just_failed(row, moment)):
            raise _as_error(row.error)
        if asker := _claim(runtime, key):
            return _ask(runtime, registration, wanted, key, asker)
        if time.monotonic() > deadline:
            raise ExternalError(NO_TOKEN, f"{registration.name} gave no access token in time.", retryable=True)
        time.sleep(POLL_S)
        row, waited = _read(runtime, key), True


def forget_token(runtime: Runtime, registration: Registration, scopes: Iterable[str], token: str) -> None:
    """The platform refused this token: the next call asks for another, once for all who were refused."""
    key = _Key(registration.id, _digest(scopes))
    row = _read(runtime, key)
    if row is None or row.token_cipher is None or _decrypt(runtime, row.token_cipher) != token:
        return
    with runtime.db.transaction() as tx:
        same = and_(key.matches(), CachedToken.token_cipher == row.token_cipher)
        tx.execute(update(CachedToken).where(same).values(token_cipher=None))


def forget_expired_tokens(runtime: Runtime) -> None:
    """Delete tokens that are over."""
    with runtime.db.transaction() as tx:
        tx.execute(delete(CachedToken).where(CachedToken.expires_at < clock.now() - ASKING))


@dataclass(frozen=True)
class _Key:
    """Which token."""

    registration_id: int
    digest: str

    def columns(self) -> dict[str, Any]:
        return {"registration_id": self.registration_id, "scopes_digest": self.digest}

    def matches(self) -> ColumnElement[bool]:
        return and_(CachedToken.registration_id == self.registration_id, CachedToken.scopes_digest == self.digest)


def _digest(scopes: Iterable[str]) -> str:
    return hashlib.sha256(" ".join(sorted(set(scopes))).encode()).hexdigest()


def _read(runtime: Runtime, key: _Key) -> CachedToken | None:
    with runtime.db.reading() as tx:
        return tx.get(CachedToken, (key.registration_id, key.digest))


def _usable(runtime: Runtime, row: CachedToken | None, moment: datetime) -> str | None:
    """The token of the row, unless it is this caller's turn to have it replaced."""
    if row is None or row.token_cipher is None or row.expires_at <= moment:
        return None
    is_asked_for = row.asker is not None and row.asking_until is not None and row.asking_until > moment
    return _decrypt(runtime, row.token_cipher) if row.refresh_at > moment or is_asked_for else None


def _has_just_failed(row: CachedToken, moment: datetime) -> bool:
    return row.asker is None and row.asking_until is not None and row.asking_until > moment


def _claim(runtime: Runtime, key: _Key) -> str | None:
    """Become the one who asks; None: somebody else is at it, or has just been."""
    asker, moment = uuid.uuid4().hex, clock.now()
    first = {"refresh_at": moment, "expires_at": moment}
    nobody = or_(CachedToken.asking_until.is_(None), CachedToken.asking_until <= moment)
    needed = or_(CachedToken.token_cipher.is_(None), CachedToken.refresh_at <= moment)
    with runtime.db.transaction() as tx:
        upsert(tx, CachedToken, key.columns(), {}, initial=first)
        claim = update(CachedToken).where(key.matches(), nobody, needed)
        values = {"asker": asker, "asking_until": moment + ASKING, "error": None}
        return asker if affect(tx, claim.values(values)) == 1 else None


def _ask(runtime: Runtime, registration: Registration, wanted: list[str], key: _Key, asker: str) -> str:
    mine = and_(key.matches(), CachedToken.asker == asker)
    try:
        token, life_s = _request(runtime, registration, wanted)
    except ExternalError as error:
        with runtime.db.transaction() as tx:
            failed = {"asker": None, "asking_until": clock.now() + AFTER_FAILURE, "error": _as_json(error)}
            tx.execute(update(CachedToken).where(mine).values(failed))
        raise
    moment = clock.now()
    values = {
        "token_cipher": runtime.signer.encrypt(PURPOSE, token.encode()),
        "refresh_at": moment + timedelta(seconds=life_s * FRESH_SHARE),
        "expires_at": moment + timedelta(seconds=life_s),
        "asker": None,
        "asking_until": None,
        "error": None,
    }
    with runtime.db.transaction() as tx:
        tx.execute(update(CachedToken).where(mine).values(values))
    return token


def _decrypt(runtime: Runtime, cipher: str) -> str:
    return runtime.signer.decrypt(PURPOSE, cipher).decode()


def _as_json(error: ExternalError) -> dict[str, Any]:
    return {
        "code": error.code,
        "message": error.message,
        "retryable": error.retryable,
        "retry_after_s": error.retry_after_s,
    }


def _as_error(found: dict[str, Any]) -> ExternalError:
    return ExternalError(
        found["code"], found["message"], retryable=found["retryable"], retry_after_s=found["retry_after_s"]
    )


def _request(runtime: Runtime, registration: Registration, scopes: list[str]) -> tuple[str, float]:
    moment = clock.now()
    assertion = get_signing_key(runtime).sign(
        {
            "iss": registration.client_id,
            "sub": registration.client_id,
            "aud": registration.token_audience or registration.token_url,
            "iat": int((moment - BEHIND).timestamp()),
            "exp": int((moment + ASSERTION_LIFE).timestamp()),
            "jti": uuid.uuid4().hex,
        }
    )
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
        "scope": " ".join(scopes),
    }
    headers = {"Accept": "application/json"}
    response = runtime.http.request("POST", registration.token_url, data=form, headers=headers, max_bytes=MAX_BYTES)
    return _parse(registration, response)


def _parse(registration: Registration, response: httpx.Response) -> tuple[str, float]:
    body = _json_object(response)
    token, life = body.get("access_token"), body.get("expires_in", DEFAULT_LIFE_S)
    if response.status_code in (200, 201) and isinstance(token, str) and token:
        known = isinstance(life, (int, float)) and not isinstance(life, bool) and life > 0
        return token, float(life) if known else DEFAULT_LIFE_S
    # a success without a token is somebody else's page: maintenance, a proxy
    busy = response.is_success or is_busy(response)
    code = str(body.get("error", ""))[:80]
    advice = {
        "invalid_scope": "it does not grant what is asked for. Allow grades (and names) for this tool in its settings.",
        "invalid_client": "it does not know this tool, or not its keys. Check client id and key URL in its settings.",
    }
    text = f"{registration.name} gave no access token ({response.status_code} {code}): "
    text += advice.get(
        code, "it is tried again." if busy else "check the tool's client id, key URL and services in its settings."
    )
    raise ExternalError(
        NO_TOKEN, text, {"status": response.status_code}, retryable=busy, retry_after_s=retry_after_s(response)
    )


def _json_object(response: httpx.Response) -> dict[str, Any]:
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
