"""The platform's signing keys, and the check of a JWT that a tool signed."""

from __future__ import annotations

import base64
import binascii
import json
import ssl
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from lti_tool.demo.model import CampusError, Tool
from lti_tool.demo.store import Store

_JWKS_LIMIT = 256 * 1024
"""Bytes of a tool's key set that are read."""


class JwksUnreadableError(CampusError):
    """The tool's key set could not be fetched."""


@cache
def trusted() -> ssl.SSLContext:
    """Whom TLS trusts, read once in a process: that takes 50 ms."""
    return ssl.create_default_context()


@lru_cache(maxsize=64)
def _read_key(pem: str, kid: str | None = None) -> RSAKey:
    return RSAKey.import_key(pem, {"kid": kid} if kid else None)


class PlatformKeys:
    """RSA keys kept in the store; the newest one signs and all are published."""

    def __init__(self, store: Store, first_pem: str | None = None) -> None:
        self._store = store
        if not store.list_signing_keys():
            self._add(_read_key(first_pem) if first_pem else RSAKey.generate_key(2048))

    def rotate(self, *, keep_old: bool = True) -> str:
        """Make a new signing key and return its kid; the old ones stay published unless told otherwise."""
        if not keep_old:
            self._store.delete_signing_keys()
        return self._add(RSAKey.generate_key(2048))

    def _add(self, key: RSAKey) -> str:
        kid = key.thumbprint()
        self._store.add_signing_key(kid, key.as_pem(private=True).decode())
        return kid

    @property
    def current(self) -> RSAKey:
        """The signing key."""
        kid, pem = self._store.list_signing_keys()[-1]
        return _read_key(pem, kid)

    def public_jwks(self) -> dict[str, Any]:
        """Return the key set to publish."""
        uses = {"alg": "RS256", "use": "sig"}
        pairs = self._store.list_signing_keys()
        return {"keys": [{**_read_key(pem, kid).as_dict(private=False), **uses, "kid": kid} for kid, pem in pairs]}

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return a compact JWS of the claims under the current key."""
        key = self.current
        return jwt.encode({"alg": "RS256", "typ": "JWT", "kid": key.kid}, dict(claims), key)


def decode_segment(token: str, index: int) -> dict[str, Any]:
    """Return the JSON object in one segment of a compact JWS, unverified (0 header, 1 payload).

    Raises:
        CampusError: it is not a compact JWS of JSON objects.
    """
    parts = token.split(".")
    if len(parts) != 3:
        raise CampusError("The JWT does not have three parts.")
    try:
        part = parts[index]
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, ValueError) as error:
        raise CampusError("The JWT cannot be decoded.") from error
    if not isinstance(found, dict):
        raise CampusError("The JWT does not hold JSON objects.")
    return found


def fetch_tool_keys(tool: Tool, timeout_s: float) -> KeySet:
    """Fetch the tool's published keys.

    Raises:
        JwksUnreadableError: no answer, not 200, too large or not a key set.
    """
    try:
        with httpx.Client(timeout=timeout_s, trust_env=False, verify=trusted()) as client:
            answer = client.get(tool.jwks_url, headers={"Accept": "application/json", "User-Agent": "Campus/1.0"})
        if answer.status_code != 200 or len(answer.content) > _JWKS_LIMIT:
            raise JwksUnreadableError(f"The tool's key set at {tool.jwks_url} answered {answer.status_code}.")
        return KeySet.import_key_set(answer.json())
    except (httpx.HTTPError, ValueError, TypeError, KeyError, AttributeError, JoseError) as error:
        raise JwksUnreadableError(f"The tool's key set at {tool.jwks_url} cannot be read.") from error


def verify_tool_jwt(tool: Tool, token: str, *, now: float, leeway_s: int, timeout_s: float) -> dict[str, Any]:
    """Check signature and times of a JWT from the tool and return its claims.

    Only RS256 with a ``kid`` that the tool publishes. ``exp`` and ``iat`` are required; ``iat`` may lie ``leeway_s``
    ahead (https://www.imsglobal.org/spec/security/v1p0/).

    Raises:
        CampusError: what is wrong, in words.
    """
    kid = decode_segment(token, 0).get("kid")
    if not isinstance(kid, str) or not kid:
        raise CampusError("The JWT header has no kid.", code="invalid_client")
    keys = fetch_tool_keys(tool, timeout_s)
    key = next((k for k in keys.keys if k.kid == kid), None)
    if key is None:
        raise CampusError(f"The tool does not publish a key with kid {kid!r}.", code="invalid_client")
    try:
        claims = jwt.decode(token, key, algorithms=["RS256"]).claims
    except (JoseError, ValueError) as error:
        raise CampusError("The signature of the JWT is wrong.", code="invalid_client") from error
    _check_times(claims, now, leeway_s)
    return dict(claims)


def _check_times(claims: Mapping[str, Any], now: float, leeway_s: int) -> None:
    for name in ("exp", "iat"):
        value = claims.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise CampusError(f"The JWT has no numeric {name}.")
    if claims["iat"] > now + leeway_s:
        raise CampusError(f"Cannot handle token with iat prior to {int(claims['iat'])}.")
    if claims["exp"] <= now:
        raise CampusError("The JWT has expired.")
