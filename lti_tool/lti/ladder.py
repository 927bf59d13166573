"""What ties a launch to the browser that began it: a ladder of ways, tried in order (docs/adr/0014).

1. The platform keeps a secret of ours in this browser (LTI Client Side postMessages, platform storage).
2. The browser keeps our partitioned cookie.
3. The login begins anew in a window of its own, where cookies work, by one click.

A browser that sends our cookie with the login stands on the second rung already, and nothing is tried. Every step goes
forward only, so that no browser is sent in a circle.
"""

import re
import secrets
from dataclasses import dataclass
from enum import StrEnum

from lti_tool.kernel.errors import Forbidden
from lti_tool.lti.state import AGAIN, LoginState, digest

STEP = "coursebridge_step"
"""Parameter of our own that a login carries from one of its steps to the next."""
_TARGET = re.compile(r"[A-Za-z0-9_.-]{1,100}")


class Rung(StrEnum):
    """What proved that the browser of a launch is the one that began it."""

    STORAGE = "storage"
    COOKIE = "cookie"
    WINDOW = "window"
    """Our cookie, in a window of its own."""


class Step(StrEnum):
    """Where a login stands. start → stored | (cookie | silent → window → window-cookie)."""

    START = ""
    STORED = "stored"
    """The platform's storage gave back what it was given."""
    COOKIE = "cookie"
    """The browser was given our cookie: does it come back?"""
    SILENT = "silent"
    """The same, after the platform's storage did not answer."""
    WINDOW = "window"
    """Somebody opened the window."""
    WINDOW_COOKIE = "window-cookie"
    """The window was given our cookie."""

    @property
    def is_cookie_due(self) -> bool:
        """Was the cookie given in the step before, so that a browser that keeps it sends it now?"""
        return self in (Step.COOKIE, Step.SILENT, Step.WINDOW_COOKIE)

    @property
    def is_in_window(self) -> bool:
        """Does the login go on in a window of its own?"""
        return self in (Step.WINDOW, Step.WINDOW_COOKIE)

    def after_cookie(self) -> "Step":
        """The step in which the cookie that is given now should come back."""
        return Step.WINDOW_COOKIE if self.is_in_window else Step.COOKIE


_STEPS: dict[str, Step] = {step.value: step for step in Step}


@dataclass(frozen=True)
class Browser:
    """What a launch's request shows of its browser."""

    cookie: str | None
    """The value of our cookie."""
    stored: str | None
    """What the platform's storage answered, as told by our own page; None: it was not asked yet."""


@dataclass(frozen=True)
class Proof:
    """The browser of a launch is the one of its login."""

    rung: Rung
    browser_secret: str | None
    """The cookie that the session is bound to; None: this browser sends none, the session is its address."""


def read_step(value: str | None) -> Step:
    """From a parameter that anybody may have made up; what it says decides no more than which page is shown."""
    return _STEPS.get(value or "", Step.START)


def read_target(value: str | None) -> str:
    """The name of the platform's storage frame (`lti_storage_target`), empty if it cannot be one."""
    return value if value and _TARGET.fullmatch(value) else ""


def storage_key(state: LoginState) -> str:
    """What the secret of a login is kept under."""
    return "coursebridge-" + state.nonce[:16]


def prove_browser(state: LoginState, browser: Browser) -> Proof:
    """Which rung holds.

    Raises: Forbidden: it is another browser, or one that should have sent our cookie.
    """
    if state.storage and browser.stored and secrets.compare_digest(digest(browser.stored), state.storage):
        return Proof(Rung.STORAGE, browser.cookie)
    if browser.cookie is None:
        raise Forbidden(
            "browser_unknown",
            f"Your browser did not send back what it was given a moment ago. {AGAIN} "
            "If this page comes again, allow cookies for this site.",
        )
    if not secrets.compare_digest(digest(browser.cookie), state.browser):
        raise Forbidden("browser_changed", f"This sign-in was begun in another browser or window. {AGAIN}")
    return Proof(Rung.WINDOW if read_step(state.step).is_in_window else Rung.COOKIE, browser.cookie)
