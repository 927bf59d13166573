"""Access tokens of platforms: client assertions, and a cache that all processes share.

https://www.imsglobal.org/spec/security/v1p0/#using-json-web-tokens-with-oauth-2-0-client-credentials-grant. The cache
is keyed by registration and sorted scopes, never by issuer: every Canvas school has the same one.
"""

import hashlib
import threading
import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import delete

from lti_tool.kernel import clock
from lti_tool.kernel.errors import ExternalError
from lti_tool.kernel.runtime import Runtime
from lti_tool.kernel.upsert import upsert
from lti_tool.lti.keys import get_signing_key
from lti_tool.lti.models import CachedToken, Registration
from lti_tool.lti.retry_after import retry_after_s

PURPOSE = "lti-access-token"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_LIFE = timedelta(minutes=5)
BEHIND = timedelta(seconds=30)
"""Moodle refuses an assertion whose `iat` its own clock has not reached."""
DEFAULT_LIFE_S = 300
"""When the platform does not say how long a token lasts."""
FRESH_SHARE = 0.9
MAX_BYTES = 100_000

_locks: dict[tuple[int, str], threading.Lock] = {}
_locks_guard = threading.Lock()


def get_token(runtime: Runtime, registration: Registration, scopes: Iterable[str]) -> str:
    """A token that is good for a while yet. In a process one caller at a time asks for it. Raises: ExternalError."""
    wanted = sorted(set(scopes))
    digest = hashlib.sha256(" ".join(wanted).encode()).hexdigest()
    found = _read(runtime, registration.id, digest)
    if found is not None:
        return found
    with _lock(registration.id, digest):
        found = _read(runtime, registration.id, digest)
        if found is not None:
            return found
        token, life_s = _request(runtime, registration, wanted)
        _keep(runtime, registration.id, digest, token, life_s)
        return token


def forget_token(runtime: Runtime, registration: Registration, scopes: Iterable[str], token: str) -> None:
    """The platform refused this token: the next call asks for another."""
    digest = hashlib.sha256(" ".join(sorted(set(scopes))).encode()).hexdigest()
    with runtime.db.transaction() as tx:
        row = tx.get(CachedToken, (registration.id, digest))
        if row is not None and runtime.signer.decrypt(PURPOSE, row.token_cipher).decode() == token:
            tx.delete(row)


def forget_expired_tokens(runtime: Runtime) -> None:
    """Delete tokens that are over."""
    with runtime.db.transaction() as tx:
        tx.execute(delete(CachedToken).where(CachedToken.expires_at < clock.now()))


def _read(runtime: Runtime, registration_id: int, digest: str) -> str | None:
    with runtime.db.reading() as tx:
        row = tx.get(CachedToken, (registration_id, digest))
    if row is None or row.refresh_at <= clock.now():
        return None
    return runtime.signer.decrypt(PURPOSE, row.token_cipher).decode()


def _keep(runtime: Runtime, registration_id: int, digest: str, token: str, life_s: float) -> None:
    moment = clock.now()
    values = {
        "token_cipher": runtime.signer.encrypt(PURPOSE, token.encode()),
        "refresh_at": moment + timedelta(seconds=life_s * FRESH_SHARE),
        "expires_at": moment + timedelta(seconds=life_s),
    }
    with runtime.db.transaction() as tx:
        upsert(tx, CachedToken, {"registration_id": registration_id, "scopes_digest": digest}, values)


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
    busy = response.is_success or response.status_code in (408, 425, 429) or response.status_code >= 500
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
        "token_refused", text, {"status": response.status_code}, retryable=busy, retry_after_s=retry_after_s(response)
    )


def _json_object(response: httpx.Response) -> dict[str, Any]:
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _lock(registration_id: int, digest: str) -> threading.Lock:
    with _locks_guard:
        return _locks.setdefault((registration_id, digest), threading.Lock())
