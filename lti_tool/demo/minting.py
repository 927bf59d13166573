"""Launch messages as a hostile or broken platform would send them, for tests of the tool's checks.

The good path signs with joserfc in ``keys``; here the bytes are put together by hand, because a sound library refuses
to write what these tests need (``alg: none``, HS256 under a public key, unknown ``crit``).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from lti_tool.demo import claims as launch
from lti_tool.demo.campus import Campus
from lti_tool.demo.model import Activity, Person, Tool

_HASHES: dict[str, hashes.HashAlgorithm] = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}


@dataclass(frozen=True)
class SigningKey:
    """A private key and the name it goes by."""

    pem: bytes
    """PKCS 8, RSA or P-256; for HS256 the secret itself."""
    kid: str = "another-key"


def segment(value: bytes | Mapping[str, Any]) -> str:
    """Return one base64url segment of a compact JWS."""
    data = value if isinstance(value, bytes) else json.dumps(dict(value)).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def compact_jws(header: Mapping[str, Any], payload: bytes | Mapping[str, Any], pem: bytes) -> str:
    """Return a compact JWS signed as ``header["alg"]`` says: RS*, PS256, ES256, HS256, or anything else unsigned."""
    text = f"{segment(header)}.{segment(payload)}"
    return f"{text}.{segment(_signature(str(header.get('alg', '')), text.encode(), pem))}"


@lru_cache(maxsize=64)
def _read_key(pem: bytes) -> PrivateKeyTypes:
    return load_pem_private_key(pem, None)


def _signature(algorithm: str, text: bytes, pem: bytes) -> bytes:
    if algorithm == "HS256":
        return hmac.new(pem, text, hashlib.sha256).digest()
    size = _HASHES.get(algorithm[2:])
    if size is None or algorithm[:2] not in {"RS", "PS", "ES"}:
        return b""
    key = _read_key(pem)
    if isinstance(key, rsa.RSAPrivateKey):
        pad = padding.PSS(padding.MGF1(size), size.digest_size) if algorithm[0] == "P" else padding.PKCS1v15()
        return key.sign(text, pad, size)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(key.sign(text, ec.ECDSA(size)))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    raise ValueError(f"No signature {algorithm} with this key.")


def mint_id_token(
    campus: Campus,
    tool: Tool,
    person: Person,
    activity: Activity | None,
    *,
    nonce: str,
    claims: Mapping[str, Any] | None = None,
    header: Mapping[str, Any] | None = None,
    drop: Iterable[str] = (),
    drop_header: Iterable[str] = (),
    key: SigningKey | None = None,
    payload: bytes | None = None,
    return_token: str = "",
) -> str:
    """Return an id_token: the platform's own, changed as asked.

    Args:
        activity: None makes a deep linking message.
        claims: replaces whole claims by their full name.
        header: replaces header members; ``alg`` also chooses the signature.
        drop: claims to leave out; ``drop_header``: header members to leave out.
        key: signs instead of the platform's key, and names itself in ``kid``.
        payload: the raw payload, instead of any claims.
        return_token: names the launch in the deep linking return URL.
    """
    current = campus.keys.current
    key = key or SigningKey(current.as_pem(private=True), str(current.kid))
    body = launch.launch_claims(campus, tool, person, activity, nonce)
    if activity is None:
        body[launch.DEEP_LINKING_SETTINGS] = launch.deep_linking_settings(campus, return_token)
    left_out, no_header = set(drop), set(drop_header)
    body = {name: value for name, value in {**body, **(claims or {})}.items() if name not in left_out}
    head: dict[str, Any] = {"alg": "RS256", "typ": "JWT", "kid": key.kid, **(header or {})}
    head = {name: value for name, value in head.items() if name not in no_header}
    return compact_jws(head, body if payload is None else payload, key.pem)
