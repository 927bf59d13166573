"""Who people were under LTI 1.1: believed only when the platform proves that it knows the old secret.

https://www.imsglobal.org/spec/lti/v1p3/migr/#oauth_consumer_key_sign
"""

import base64
import hashlib
import hmac
import logging

from sqlalchemy import select

from lti_tool.kernel import clock
from lti_tool.kernel.audit import OPERATOR, Actor, record
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Invalid
from lti_tool.kernel.runtime import Runtime
from lti_tool.kernel.signing import Signer
from lti_tool.kernel.upsert import upsert
from lti_tool.lti.claims import Claims
from lti_tool.lti.models import ID_LENGTH, Registration
from lti_tool.lti.models_services import LegacyConsumer, LegacyUser
from lti_tool.lti.registrations import get_registration, target_of

log = logging.getLogger(__name__)

PURPOSE = "lti-legacy-secret"


def keep_legacy_secret(
    tx: Tx, signer: Signer, registration_id: int, consumer_key: str, secret: str, by: Actor = OPERATOR
) -> None:
    """Keep the key and secret of LTI 1.1 of a platform, or another secret for the key. Raises: NotFound, Invalid."""
    row = get_registration(tx, registration_id)
    if not 0 < len(consumer_key) <= ID_LENGTH or not secret:
        raise Invalid(
            "legacy_invalid", f"The consumer key has 1 to {ID_LENGTH} characters, and the secret is not empty."
        )
    key = {"registration_id": registration_id, "consumer_key": consumer_key}
    cipher = signer.encrypt(PURPOSE, secret.encode())
    upsert(tx, LegacyConsumer, key, {"secret_cipher": cipher}, initial={"created_at": clock.now()})
    record(tx, by, "platform.legacy", target_of(row), after={"consumer_key": consumer_key})


def learn_legacy(tx: Tx, runtime: Runtime, registration: Registration, claims: Claims, user_id: int) -> None:
    """Record who the person was, if the signature holds. If not, the launch goes on and the operator is told."""
    if claims.legacy is None:
        return
    named = (
        LegacyConsumer.registration_id == registration.id,
        LegacyConsumer.consumer_key == claims.legacy.consumer_key,
    )
    consumer = tx.scalar(select(LegacyConsumer).where(*named))
    problem = _find_problem(runtime.signer, claims, consumer)
    if problem is not None:
        log.warning("legacy_ignored", extra={"registration": registration.id, "why": problem})
    if problem != registration.legacy_problem:
        tx.get_one(Registration, registration.id).legacy_problem = problem
    if problem is None and consumer is not None:
        legacy_id = claims.legacy.user_id or claims.sub
        key = {"consumer_id": consumer.id, "legacy_id": legacy_id}
        upsert(tx, LegacyUser, key, {"user_id": user_id}, initial={"mapped_at": clock.now()})


def sign_legacy(claims: Claims, consumer_key: str, secret: bytes) -> str:
    """What a platform that knows the secret sends: of these values, in this order, with `&` between them."""
    moment = int(claims.exp) if claims.exp.is_integer() else claims.exp
    parts = (consumer_key, claims.deployment_id, claims.issuer, claims.audiences[0], str(moment), claims.nonce)
    return base64.b64encode(hmac.new(secret, "&".join(parts).encode(), hashlib.sha256).digest()).decode()


def find_user_by_legacy_id(tx: Tx, registration_id: int, consumer_key: str, legacy_id: str) -> int | None:
    """Id of the person who was that user of LTI 1.1."""
    return tx.scalar(
        select(LegacyUser.user_id)
        .join(LegacyConsumer, LegacyConsumer.id == LegacyUser.consumer_id)
        .where(LegacyConsumer.registration_id == registration_id, LegacyConsumer.consumer_key == consumer_key)
        .where(LegacyUser.legacy_id == legacy_id)
    )


def _find_problem(signer: Signer, claims: Claims, consumer: LegacyConsumer | None) -> str | None:
    """Why the identity is not believed; None: it is."""
    if claims.legacy is None or consumer is None:
        return "The LMS names an LTI 1.1 consumer key that is not known here (`coursebridge platform legacy`)."
    if not claims.legacy.signature:
        return "The LMS names LTI 1.1 identities without a signature."
    expected = sign_legacy(claims, consumer.consumer_key, signer.decrypt(PURPOSE, consumer.secret_cipher))
    if not hmac.compare_digest(expected.encode(), claims.legacy.signature.encode()):
        return "The LMS signs LTI 1.1 identities with another secret than the one that is known here."
    return None
