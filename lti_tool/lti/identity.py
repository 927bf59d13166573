"""The opaque names of people."""

import base64

from lti_tool.kernel.signing import Signer
from lti_tool.lti.models import Registration

HUB_NAME_LENGTH = 26


def hub_name_of(signer: Signer, registration: Registration, sub: str) -> str:
    """Opaque and stable; not computable without our secret."""
    code = base64.b32encode(signer.digest("hub-name", registration.issuer, registration.client_id, sub))
    return "u-" + code[:HUB_NAME_LENGTH].decode().lower()


def first_name_of(hub_name: str) -> str:
    """What somebody is called whose platform does not give a name."""
    return f"User {hub_name[2:8].upper()}"
