"""Signed, expiring tokens, and encryption of secrets at rest."""

import base64
import hashlib
import hmac
import json
from typing import Any

from cryptography.fernet import Fernet
from itsdangerous import BadSignature, Serializer, SignatureExpired, TimestampSigner, URLSafeTimedSerializer
from itsdangerous.encoding import base64_encode
from itsdangerous.signer import HMACAlgorithm

from lti_tool.kernel import clock
from lti_tool.kernel.errors import Gone, Invalid


class _Json:
    """Without spaces, by an encoder that is made once."""

    dumps = staticmethod(json.JSONEncoder(separators=(",", ":")).encode)
    loads = staticmethod(json.loads)


class _ClockSigner(TimestampSigner):
    """Takes the time from our clock."""

    def get_timestamp(self) -> int:
        return int(clock.now().timestamp())


class _Serializer(URLSafeTimedSerializer):
    """For one key, which is derived already. Spends no time on compressing: what is signed here is short."""

    def __init__(self, key: bytes) -> None:
        super().__init__(key, serializer=_Json)
        self._one = _ClockSigner(key, key_derivation="none", algorithm=HMACAlgorithm(hashlib.sha256))

    def make_signer(self, salt: str | bytes | None = None) -> TimestampSigner:
        return self._one

    def dump_payload(self, obj: Any) -> bytes:
        return base64_encode(Serializer.dump_payload(self, obj))


class Signer:
    """Signs with keys derived from the secret key, one per purpose."""

    def __init__(self, secret_key: str) -> None:
        """`secret_key` is the operator's secret; losing it ends sessions and tickets."""
        self._secret = secret_key
        self._serializers: dict[str, _Serializer] = {}

    def sign(self, purpose: str, payload: Any) -> str:
        """A URL-safe token that carries a JSON payload, readable by anyone, forgeable by nobody."""
        return self._serializer(purpose).dumps(payload)

    def verify(self, purpose: str, token: str, max_age_s: int) -> Any:
        """The payload of a token.

        Raises: Gone: it is older than `max_age_s` seconds. Invalid: it is not ours.
        """
        try:
            return self._serializer(purpose).loads(token, max_age=max_age_s)
        except SignatureExpired as error:
            raise Gone(f"{purpose}_expired", "This link has expired. Go back and open it again.") from error
        except (BadSignature, UnicodeEncodeError) as error:  # the latter: half of a character
            raise Invalid(f"{purpose}_invalid", "This link is not valid. Go back and open it again.") from error

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

    def _serializer(self, purpose: str) -> _Serializer:
        if purpose not in self._serializers:
            self._serializers[purpose] = _Serializer(self._key(purpose))
        return self._serializers[purpose]
