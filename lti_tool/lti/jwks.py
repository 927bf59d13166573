"""Platforms' public keys, cached in the database for all processes.

A warm launch fetches nothing. A key id that is not there causes one fetch, then none for 30 seconds whatever comes
(an attacker can invent key ids). While a platform's key URL fails, keys up to 24 hours old still serve. A platform that
does not answer is left alone (`reach`): then only a launch that no known key serves asks it, at most once a minute.
"""

import json
import logging
import time
from datetime import timedelta
from functools import lru_cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from sqlalchemy import and_, update

from lti_tool.kernel import clock
from lti_tool.kernel.db import affect
from lti_tool.kernel.errors import ExternalError, Invalid
from lti_tool.kernel.runtime import Runtime
from lti_tool.kernel.upsert import upsert
from lti_tool.lti.models import CachedKeys, Registration
from lti_tool.lti.reach import calling
from lti_tool.lti.reading import StoredKeys
from lti_tool.lti.retry_after import is_busy, retry_after_s

log = logging.getLogger(__name__)

COOL_DOWN = timedelta(seconds=30)
FRESH = timedelta(hours=1)
"""Older keys are fetched again, so that a key the platform withdrew goes here too."""
STALE = timedelta(hours=24)
WAIT_S, POLL_S = 5.0, 0.05
"""How long a launch waits for a fetch that somebody else began."""
MAX_BYTES = 200_000
MAX_KEYS = 100
MIN_BITS = 2048
AGAIN = "Try again in a minute."


def find_key(runtime: Runtime, registration: Registration, cached: StoredKeys | None, kid: str) -> RSAPublicKey:
    """The platform's key of this id; `cached` is its row as read with the registration.

    Raises: Invalid: there is no such key, or the platform's keys cannot be read.
    """
    jwk = _cached_key(cached, kid, FRESH)
    if jwk is None:
        stale = _cached_key(cached, kid, STALE)
        if _may_fetch(runtime, registration, cached):
            jwk = _fetched_key(runtime, registration, kid, stale)
        else:
            jwk = stale or _awaited_key(runtime, registration, kid)
    if jwk is None:
        raise Invalid("key_unknown", f"{registration.name} signed with a key that it does not publish. {AGAIN}")
    return _public_key(jwk["n"], jwk["e"])


def fetch_keys(runtime: Runtime, registration: Registration) -> dict[str, Any]:
    """Fetch a platform's keys, by key id. Raises: ExternalError."""
    headers = {"Accept": "application/json"}
    response = runtime.http.request("GET", registration.jwks_url, headers=headers, max_bytes=MAX_BYTES)
    if response.status_code != 200:
        text = f"The key URL answered {response.status_code}."
        raise ExternalError("jwks_status", text, retryable=is_busy(response), retry_after_s=retry_after_s(response))
    return _usable_keys(response.content)


def _cached_key(cached: StoredKeys | None, kid: str, life: timedelta) -> Any:
    """The JWK if the row has it and is younger than `life`."""
    if cached is None or cached.fetched_at is None or clock.now() - cached.fetched_at >= life:
        return None
    return cached.keys.get(kid)


def _fetched_key(runtime: Runtime, registration: Registration, kid: str, stale: Any) -> Any:
    """The JWK from the platform; the stale one if the platform cannot be read."""
    mine = update(CachedKeys).where(CachedKeys.registration_id == registration.id)
    try:
        with calling(runtime, registration, is_awaited=stale is None):
            keys = fetch_keys(runtime, registration)
    except ExternalError as error:
        facts = {"registration": registration.id, "code": error.code, "stale": stale is not None}
        log.warning("jwks_failed", extra=facts)
        with runtime.db.transaction() as tx:
            tx.execute(mine.values(is_fetching=False))
        if stale is None:
            text = f"The keys of {registration.name} could not be read, so the launch cannot be checked. {AGAIN}"
            raise Invalid("keys_unavailable", text) from error
        return stale
    with runtime.db.transaction() as tx:
        tx.execute(mine.values(keys=keys, fetched_at=clock.now(), is_fetching=False))
    return keys.get(kid)


def _awaited_key(runtime: Runtime, registration: Registration, kid: str) -> Any:
    """What another process or thread finds that is fetching at this moment: a class opens its activity together."""
    for _ in range(int(WAIT_S / POLL_S)):
        with runtime.db.reading() as tx:
            cached = tx.get(CachedKeys, registration.id)
        if cached is None or not cached.is_fetching or clock.now() - cached.tried_at > COOL_DOWN:
            break
        time.sleep(POLL_S)
    return _cached_key(cached, kid, STALE)


def _may_fetch(runtime: Runtime, registration: Registration, cached: StoredKeys | None) -> bool:
    """Claim the next fetch for this caller, unless somebody tried within the cool-down."""
    moment = clock.now()
    if cached is not None and cached.tried_at > moment - COOL_DOWN:
        return False
    with runtime.db.transaction() as tx:
        if cached is None:
            first = {"keys": {}, "tried_at": moment - COOL_DOWN, "is_fetching": False}
            upsert(tx, CachedKeys, {"registration_id": registration.id}, {}, initial=first)
        cool = and_(CachedKeys.registration_id == registration.id, CachedKeys.tried_at <= moment - COOL_DOWN)
        claim = update(CachedKeys).where(cool).values(tried_at=moment, is_fetching=True)
        return affect(tx, claim) == 1


def _usable_keys(body: bytes) -> dict[str, Any]:
    """RSA signing keys with an id; the first of an id wins. Raises: ExternalError: this is no key set."""
    try:
        document = json.loads(body)
        found = document["keys"][:MAX_KEYS]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ExternalError(
            "jwks_invalid", "The key URL did not answer with a JSON Web Key Set.", retryable=False
        ) from error
    keys: dict[str, Any] = {}
    for jwk in found:
        if (
            not isinstance(jwk, dict)
            or jwk.get("kty") != "RSA"
            or jwk.get("use", "sig") != "sig"
            or jwk.get("alg", "RS256") != "RS256"
        ):
            continue
        kid, n, e = jwk.get("kid"), jwk.get("n"), jwk.get("e")
        if isinstance(kid, str) and kid and isinstance(n, str) and isinstance(e, str) and len(n) < 4000:
            keys.setdefault(kid, {"kty": "RSA", "n": n, "e": e})
    return keys


@lru_cache(maxsize=256)
def _public_key(n: str, e: str) -> RSAPublicKey:
    """The key of a JWK's modulus and exponent, parsed once in each process."""
    try:
        key = jwt.algorithms.RSAAlgorithm.from_jwk({"kty": "RSA", "n": n, "e": e})
    except (ValueError, jwt.PyJWTError) as error:
        raise Invalid(
            "key_invalid", "The LMS publishes a key that cannot be used. Tell the people who run the LMS."
        ) from error
    if not isinstance(key, RSAPublicKey) or key.key_size < MIN_BITS:
        raise Invalid(
            "key_invalid", f"The LMS publishes a key of less than {MIN_BITS} bits. Tell the people who run the LMS."
        )
    return key
