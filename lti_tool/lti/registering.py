"""What comes of a dynamic registration: a new platform, or newer addresses of one that is registered already.

Moodle keeps the client id when an administrator chooses to update the tool, and Canvas when a key is registered again.
"""

from lti_tool.kernel.audit import Actor, Via
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Conflict
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.models import Approval, Registration
from lti_tool.lti.platforms import ENDPOINTS, edit_endpoints
from lti_tool.lti.registrations import (
    PlatformFacts,
    add_registration,
    find_registration,
    get_registration,
    is_platform_url,
)

PURPOSE = "lti-registration-token"


def issuer_of(tx: Tx, registration_id: int | None) -> str | None:
    """The issuer that a link is for; None: it registers any platform."""
    return None if registration_id is None else get_registration(tx, registration_id).issuer


def store_registered(tx: Tx, runtime: Runtime, facts: PlatformFacts, updates: int | None) -> tuple[Registration, bool]:
    """The platform as it is registered now, and whether it was before. `updates`: the platform that the link was for.

    Raises: Conflict: the answer is about another client, or moves a platform to other hosts without a link for that.
    """
    allow_http = runtime.settings.lti.allow_private_hosts
    known = find_registration(tx, facts.issuer, facts.client_id)
    by = Actor(f"{facts.name} (registration link)", Via.PLATFORM)
    if updates is not None and (known is None or known.id != updates):
        raise Conflict(
            "client_changed",
            f"The LMS made a new client ({facts.client_id}) instead of updating the one that this link is for. Remove "
            "it there and choose to update the tool, or ask for a link that registers a new platform.",
        )
    if known is None:
        state = Approval.PENDING if runtime.settings.lti.approve_registrations else Approval.ACTIVE
        row = add_registration(tx, facts, state=state, allow_http=allow_http, by=by)
    else:
        if updates is None:
            _require_same_hosts(known, facts, allow_http=allow_http)
        wanted = {name: getattr(facts, name) for name in ENDPOINTS}
        row = edit_endpoints(tx, known.id, wanted, by, allow_http=allow_http)
    _keep_address(runtime, row, facts)
    return row, known is not None


def read_registration_token(runtime: Runtime, row: Registration) -> str | None:
    """The token for the address where a platform keeps the registration, if it gave one."""
    cipher = row.registration_token_cipher
    return runtime.signer.decrypt(PURPOSE, cipher).decode() if cipher else None


def _require_same_hosts(known: Registration, facts: PlatformFacts, *, allow_http: bool) -> None:
    """A link for new platforms may come from anybody who was invited once: it moves no other platform elsewhere."""
    for url in (facts.auth_url, facts.token_url, facts.jwks_url):
        if not is_platform_url(known, url, allow_http=allow_http):
            raise Conflict(
                "registration_exists",
                f"{known.name} is registered already, at other addresses. Ask the people who run the tool for a link "
                f"that updates platform {known.id}.",
            )


def _keep_address(runtime: Runtime, row: Registration, facts: PlatformFacts) -> None:
    url, token = facts.registration_uri, facts.registration_token
    if url and token and is_platform_url(row, url, allow_http=runtime.settings.lti.allow_private_hosts):
        row.registration_uri = url
        row.registration_token_cipher = runtime.signer.encrypt(PURPOSE, token.encode())
