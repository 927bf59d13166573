"""The opaque names of people."""

import base64

from sqlalchemy import select

from lti_tool.kernel.db import Tx
from lti_tool.kernel.signing import Signer
from lti_tool.lti.models import Registration, User

HUB_NAME_LENGTH = 26
NOBODY = "\N{EMPTY SET}"
"""Begins what stands in the place of `sub` where there is none. No platform's `sub` is like it: those are ASCII."""


def hub_name_of(signer: Signer, registration: Registration, sub: str, life: int = 1) -> str:
    """Opaque and stable; not computable without our secret.

    `life` counts up when somebody comes again whose data were erased: their old work keeps the old name.
    """
    again = (str(life),) if life > 1 else ()
    code = base64.b32encode(signer.digest("hub-name", registration.issuer, registration.client_id, sub, *again))
    return "u-" + code[:HUB_NAME_LENGTH].decode().lower()


def free_hub_name(tx: Tx, signer: Signer, registration: Registration, sub: str) -> str:
    """The name of this person: of the first life that belongs to nobody who was erased."""
    life = 1
    while True:
        name = hub_name_of(signer, registration, sub, life)
        if tx.scalar(select(User.sub).where(User.hub_name == name)) in (None, sub):
            return name
        life += 1


def first_name_of(hub_name: str) -> str:
    """What somebody is called whose platform does not give a name."""
    return f"User {hub_name[2:8].upper()}"
