"""The state of a login: a signed, expiring token that the browser carries, so that a login stores nothing here."""

import hashlib
import secrets
from dataclasses import dataclass

from lti_tool.kernel import clock
from lti_tool.kernel.errors import Gone, Invalid
from lti_tool.kernel.runtime import Runtime

PURPOSE = "lti-state"
STATE_BYTES = 12_000
YEAR_S = 365 * 24 * 3600
AGAIN = "Go back to your course and open the activity again."


@dataclass(frozen=True)
class LoginState:
    """What a launch must fit to."""

    registration_id: int
    nonce: str
    target_link_uri: str
    login_hint: str
    """Digest of the login_hint: makes states of different people differ even if a nonce were to repeat."""
    deployment_id: str | None
    """If the login named one, the launch must name the same."""
    browser: str
    """Digest of the browser's cookie."""
    storage: str
    """Digest of what the platform keeps for us in this browser; empty where it keeps nothing."""
    storage_target: str
    """Name of the frame that keeps it; empty where the platform offers none."""
    step: str
    """How the login came this far, see `ladder`."""
    issued_at: int
    """Seconds since 1970."""


def make_nonce() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)


def digest(text: str) -> str:
    """What the state says about a secret or a hint."""
    return hashlib.sha256(text.encode()).hexdigest()


def write_state(runtime: Runtime, state: LoginState) -> str:
    """The token for the `state` parameter."""
    return runtime.signer.sign(PURPOSE, vars(state))


def read_state(runtime: Runtime, token: str) -> LoginState:
    """The state again; its age is for `check_age`. Raises: Invalid: not ours."""
    if len(token) > STATE_BYTES:
        raise Invalid("state_invalid", f"The LMS sent back something else than it was given. {AGAIN}")
    try:
        return LoginState(**runtime.signer.verify(PURPOSE, token, YEAR_S))
    except (Invalid, Gone, ValueError, TypeError) as error:
        raise Invalid("state_invalid", f"The LMS sent back something else than it was given. {AGAIN}") from error


def check_age(runtime: Runtime, state: LoginState) -> None:
    """Raises: Gone: the login was too long ago."""
    if clock.now().timestamp() - state.issued_at > runtime.settings.lti.state_s:
        raise Gone("state_expired", f"Signing in took too long. {AGAIN}")
