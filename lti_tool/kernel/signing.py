"""Signed, expiring tokens, and encryption of secrets at rest."""

import base64
import hashlib
import hmac
import json
from typing import Any

from cryptography.fernet import Fernet

from lti_tool.kernel import clock
from lti_tool.kernel.errors import Gone, Invalid

_write_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


class Signer:
    """Signs with keys derived from the secret key, one per purpose.

    A token is `payload.time.signature`, as itsdangerous writes it uncompressed (JSON, seconds since 1970, HMAC-SHA256;
    each in base64url). Four of them are written or read in a launch, so this is done with the standard library.
    """

    def __init__(self, secret_key: str) -> None:
        """`secret_key` is the operator's secret; losing it ends sessions and tickets."""
        self._secret = secret_key
        self._signing_keys: dict[str, bytes] = {}

    def sign(self, purpose: str, payload: Any) -> str:
        """A URL-safe token that carries a JSON payload, readable by anyone, forgeable by nobody."""
        moment = int(clock.now().timestamp())
        time = moment.to_bytes((moment.bit_length() + 7) // 8, "big")
        signed = _encoded(_write_json(payload).encode()) + b"." + _encoded(time)
        return (signed + b"." + self._signature(purpose, signed)).decode()

    def verify(self, purpose: str, token: str, max_age_s: int) -> Any:
        """The payload of a token.

        Raises: Gone: it is older than `max_age_s` seconds. Invalid: it is not ours.
        """
        signed, _dot, signature = token.encode(errors="surrogatepass").rpartition(b".")
        if not hmac.compare_digest(signature, self._signature(purpose, signed)):
            raise Invalid(f"{purpose}_invalid", "This link is not valid. Go back and open it again.")
        payload, _dot, time = signed.rpartition(b".")  # which we have written, so that it can be read
        age_s = int(clock.now().timestamp()) - int.from_bytes(_decoded(time), "big")
        if not 0 <= age_s <= max_age_s:
            raise Gone(f"{purpose}_expired", "This link has expired. Go back and open it again.")
        return json.loads(_decoded(payload))

    def digest(self, purpose: str, *parts: str) -> bytes:
        """A keyed 32-byte digest of texts: the same each time, not computable without the secret."""
        message = b"\0".join(part.encode() for part in parts)
        return hmac.new(self._key(purpose), message, hashlib.sha256).digest()

    def encrypt(self, purpose: str, plain: bytes) -> str:
        """Encrypt a secret to keep it in the database."""
        return self._fernet(purpose).encrypt(plain).decode()

    def decrypt(self, purpose: str, cipher: str) -> bytes:
        """Decrypt what `encrypt` made. Raises cryptography.fernet.InvalidToken under another secret key."""
        return self._fernet(purpose).decrypt(cipher.encode())

    def _key(self, purpose: str) -> bytes:
        return hmac.new(self._secret.encode(), b"coursebridge:" + purpose.encode(), hashlib.sha256).digest()

    def _fernet(self, purpose: str) -> Fernet:
        return Fernet(base64.urlsafe_b64encode(self._key("encrypt:" + purpose)))

    def _signature(self, purpose: str, signed: bytes) -> bytes:
        key = self._signing_keys.get(purpose)
        if key is None:
            key = hashlib.sha256(purpose.encode() + b"signer" + self._key(purpose)).digest()
            self._signing_keys[purpose] = key
        return _encoded(hmac.digest(key, signed, "sha256"))


def _encoded(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _decoded(part: bytes) -> bytes:
    return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
