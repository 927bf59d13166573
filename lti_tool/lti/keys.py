"""The tool's own keys: made on first use, published at /lti/jwks, rotated beside each other."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy import Select, func, or_, select, update
from sqlalchemy.exc import IntegrityError

from lti_tool.kernel import clock
from lti_tool.kernel.audit import OPERATOR, Actor, record
from lti_tool.kernel.db import Tx
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.models import ToolKey

BITS = 2048
PURPOSE = "lti-key"
LEAD = timedelta(hours=1)
"""A new key is published this long before it signs, so that no platform meets it unknown."""
GRACE = timedelta(days=7)
"""An old key stays published this long after it last signed."""


@dataclass(frozen=True)
class SigningKey:
    """The key that signs now."""

    kid: str
    private: rsa.RSAPrivateKey

    def sign(self, claims: dict[str, Any]) -> str:
        """A compact JWS of the claims, RS256."""
        return jwt.encode(claims, self.private, algorithm="RS256", headers={"kid": self.kid})


def ensure_key(runtime: Runtime) -> None:
    """Make the first key unless there is one. Two processes that start together end with one."""
    with runtime.db.reading() as tx:
        if _newest(tx, clock.now()) is not None:
            return
    _add(runtime, serial=1, signs_from=clock.now())


def get_signing_key(runtime: Runtime) -> SigningKey:
    """The newest key that may sign; makes the first one."""
    ensure_key(runtime)
    with runtime.db.reading() as tx:
        row = _newest(tx, clock.now())
    if row is None:
        raise RuntimeError("There is no signing key although one was just made.")
    pem = runtime.signer.decrypt(PURPOSE, row.private_cipher)
    return SigningKey(row.kid, _read_private(pem))


def _make_private() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=BITS)


@lru_cache(maxsize=4)
def _read_private(pem: bytes) -> rsa.RSAPrivateKey:
    # reading takes a hundred times as long as signing: the numbers of the key are checked
    private = serialization.load_pem_private_key(pem, password=None)
    if not isinstance(private, rsa.RSAPrivateKey):
        raise TypeError("The stored signing key is not an RSA key.")
    return private


def list_published_keys(runtime: Runtime) -> list[dict[str, Any]]:
    """The public keys that platforms should know now, newest first."""
    ensure_key(runtime)
    with runtime.db.reading() as tx:
        return [row.public_jwk for row in tx.scalars(_published(clock.now()))]


def rotate(runtime: Runtime, by: Actor = OPERATOR, *, lead: timedelta = LEAD, grace: timedelta = GRACE) -> str:
    """Publish a new key that takes over after `lead`; the old ones go `grace` after that. Returns the new key's id."""
    ensure_key(runtime)
    takes_over = clock.now() + lead
    with runtime.db.reading() as tx:
        serial = (tx.scalar(select(func.max(ToolKey.serial))) or 0) + 1
    kid = _add(runtime, serial=serial, signs_from=takes_over)
    with runtime.db.transaction() as tx:
        older = update(ToolKey).where(ToolKey.serial < serial, ToolKey.retires_at.is_(None))
        tx.execute(older.values(retires_at=takes_over + grace))
        record(tx, by, "key.rotate", f"key {kid}", after={"signs_from": takes_over.isoformat()})
    return kid


def list_keys(tx: Tx) -> list[ToolKey]:
    """The keys that are published now, newest first, with their dates."""
    return list(tx.scalars(_published(clock.now())))


def _add(runtime: Runtime, *, serial: int, signs_from: datetime) -> str:
    private = _make_private()
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
    public = {"kty": "RSA", "n": jwk["n"], "e": jwk["e"], "alg": "RS256", "use": "sig"}
    public["kid"] = kid = runtime.signer.digest("kid", public["n"]).hex()[:32]
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    row = ToolKey(
        serial=serial,
        kid=kid,
        public_jwk=public,
        private_cipher=runtime.signer.encrypt(PURPOSE, pem),
        created_at=clock.now(),
        signs_from=signs_from,
    )
    try:
        with runtime.db.transaction() as tx:
            tx.add(row)
    except IntegrityError:  # another process made this serial first: its key is as good
        with runtime.db.reading() as tx:
            return tx.scalars(select(ToolKey.kid).where(ToolKey.serial == serial)).one()
    return kid


def _newest(tx: Tx, moment: datetime) -> ToolKey | None:
    return tx.scalar(_published(moment).where(ToolKey.signs_from <= moment).limit(1))


def _published(moment: datetime) -> Select[ToolKey]:
    current = or_(ToolKey.retires_at.is_(None), ToolKey.retires_at > moment)
    return select(ToolKey).where(current).order_by(ToolKey.serial.desc())
