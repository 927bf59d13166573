"""The state of a login: a signed, expiring token that the browser carries, so that a login stores nothing here."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from lti_tool.kernel import clock
from lti_tool.kernel.errors import Forbidden, Gone, Invalid
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
    """Digest of the browser's secret."""
    browser_known: bool
    """Did the browser send our cookie with the login? Then it keeps cookies here and must send it again."""
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
    return runtime.signer.sign(PURPOSE, asdict(state))


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


def check_browser(state: LoginState, browser_secret: str | None, headers: Mapping[str, str]) -> str | None:
    """The browser's secret if it is the one that began this login, None where a frame keeps no cookies (docs/adr/0003).

    Raises: Forbidden: it is another browser, or one that should have sent our cookie.
    """
    if browser_secret:
        if not secrets.compare_digest(digest(browser_secret), state.browser):
            raise Forbidden("browser_changed", f"This sign-in was begun in another browser or window. {AGAIN}")
        return browser_secret
    framed = headers.get("Sec-Fetch-Dest") in ("iframe", "frame") and headers.get("Sec-Fetch-Site") in (
        "cross-site",
        "same-site",
    )
    if state.browser_known or not framed:
        raise Forbidden(
            "browser_unknown",
            f"Your browser did not send back the cookie that it was given a moment ago. {AGAIN} "
            "If this page comes again, allow cookies for this site.",
        )
    return None
