"""A signed token (compact JWS, RFC 7515) of a platform: strict in form, one algorithm, one reading.

Directly on `cryptography`: a launch parses the payload once, and what a general library allows beside is not there to
be switched off. What is refused here and tolerated elsewhere: padding, other characters and stray bits in base64url, a
member that is named twice, numbers that JSON does not have.
"""

import base64
import binascii
import json
from collections.abc import Callable
from typing import Any, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

ALGORITHM = "RS256"
KID_LENGTH = 255
_PADDING, _HASH = PKCS1v15(), SHA256()
_TO_PLAIN = bytes.maketrans(b"-_", b"+/")


class BadTokenError(ValueError):
    """The token cannot be trusted; the text goes on after "The launch from the LMS …"."""


def read_signed(token: str, find_key: Callable[[str], RSAPublicKey]) -> Any:
    """The payload, after its signature was found good under the key that `find_key` has for its `kid`.

    The algorithm is ours, not the header's; the key is found by `kid` alone (RFC 8725, 3.1 and 3.10): `jku`, `jwk`,
    `x5u` and `x5c` play no part, and `crit` names nothing that we know.

    Raises: BadTokenError, and what `find_key` raises.
    """
    try:
        head, body, signature = token.encode("ascii").split(b".")
        header = _json(_decoded(head))
    except (ValueError, RecursionError) as error:
        raise BadTokenError("is not a signed token") from error
    key = find_key(_kid(header))
    try:
        key.verify(_decoded(signature), head + b"." + body, _PADDING, _HASH)
        return _json(_decoded(body))
    except (InvalidSignature, ValueError, RecursionError) as error:
        raise BadTokenError("has a signature that does not hold") from error


def _kid(header: Any) -> str:
    if not isinstance(header, dict):
        raise BadTokenError("is not a signed token")
    if header.get("alg") != ALGORITHM:
        raise BadTokenError(f"is not signed with {ALGORITHM}")
    if "crit" in header or "b64" in header:
        raise BadTokenError("asks for an extension that is not known here")
    if str(header.get("typ", "JWT")).upper() not in ("JWT", "NONE"):
        raise BadTokenError("is a token for another purpose")
    kid = header.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= KID_LENGTH:
        raise BadTokenError("does not name its key")
    return kid


def _decoded(part: bytes) -> bytes:
    """base64url as RFC 7515 has it: no padding, no other character, one spelling. Raises: ValueError."""
    raw = binascii.a2b_base64(part.translate(_TO_PLAIN) + b"=" * (-len(part) % 4), strict_mode=True)
    if base64.urlsafe_b64encode(raw).rstrip(b"=") != part:
        raise ValueError("another spelling of the same bytes")
    return raw


def _json(raw: bytes) -> Any:
    """Raises: ValueError, RecursionError."""
    return json.loads(raw.decode(), object_pairs_hook=_object, parse_constant=_refuse_constant)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):  # which one counts is for the reader to choose, so it is for an attacker, too
        raise ValueError("a member that is named twice")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
