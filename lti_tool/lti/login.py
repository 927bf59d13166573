"""OIDC third-party login: from the platform's initiation to its authentication request.

https://www.imsglobal.org/spec/security/v1p0/#step-1-third-party-initiated-login
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl, quote_plus, urlencode, urlsplit, urlunsplit

from lti_tool.kernel import clock
from lti_tool.kernel.errors import Invalid
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.ladder import STEP, Step, read_step, read_target
from lti_tool.lti.models import ID_LENGTH, Registration
from lti_tool.lti.registrations import get_registration_for_login, origin_of, require_active
from lti_tool.lti.state import LoginState, digest, make_nonce, write_state

LIMITS = {
    "iss": ID_LENGTH,
    "client_id": ID_LENGTH,
    "target_link_uri": 2000,
    "login_hint": 4000,
    "lti_message_hint": 8000,
    "lti_deployment_id": ID_LENGTH,
    "deployment_id": ID_LENGTH,
    "lti_storage_target": ID_LENGTH,
    STEP: 40,
}
_CONTROL = re.compile(r"[\x00-\x1f]")
LOGIN_PATH = "/lti/login"
LAUNCH_PATH = "/lti/launch"


@dataclass(frozen=True)
class LoginRequest:
    """The parameters of the platform, checked for form."""

    issuer: str
    login_hint: str
    target_link_uri: str
    client_id: str | None
    message_hint: str | None
    deployment_id: str | None
    storage_target: str
    """The frame in which the platform keeps data for tools, empty if it offers none."""
    step: Step
    """How far this login has come."""

    def parameters(self, step: Step) -> dict[str, str]:
        """The same login again, in its next step."""
        given = {
            "iss": self.issuer,
            "login_hint": self.login_hint,
            "target_link_uri": self.target_link_uri,
            "client_id": self.client_id,
            "lti_message_hint": self.message_hint,
            "lti_deployment_id": self.deployment_id,
            "lti_storage_target": self.storage_target,
        }
        return {name: value for name, value in given.items() if value} | {STEP: step.value}


def parse_login(values: Mapping[str, Iterable[str]]) -> LoginRequest:
    """From the request's parameters, each with all its values. Raises: Invalid."""
    found: dict[str, str] = {}
    for name, longest in LIMITS.items():
        if name not in values:
            continue
        given = list(values[name])
        if len(given) > 1:
            raise Invalid("login_invalid", f"The LMS sent {name} twice. {_OPEN}")
        if given and (len(given[0]) > longest or _CONTROL.search(given[0])):
            raise Invalid("login_invalid", f"The LMS sent a {name} that cannot be used. {_OPEN}")
        if given and given[0]:
            found[name] = given[0]
    missing = [name for name in ("iss", "login_hint", "target_link_uri") if name not in found]
    if missing:
        raise Invalid(
            "login_incomplete", f"A launch begins in your course, not here ({', '.join(missing)} is missing). {_OPEN}"
        )
    return LoginRequest(
        issuer=found["iss"],
        login_hint=found["login_hint"],
        target_link_uri=found["target_link_uri"],
        client_id=found.get("client_id"),
        message_hint=found.get("lti_message_hint"),
        deployment_id=found.get("lti_deployment_id") or found.get("deployment_id"),
        storage_target=read_target(found.get("lti_storage_target")),
        step=read_step(found.get(STEP)),
    )


def find_platform(runtime: Runtime, request: LoginRequest, seen: Callable[[Registration], None]) -> Registration:
    """Whose login this is. Reads one row and writes none. `seen` is told the platform before it may be refused.

    Raises: Invalid, Forbidden: the platform is not known or not active, or the target is not ours.
    """
    registration = get_registration_for_login(runtime.db, request.issuer, request.client_id)
    seen(registration)
    require_active(registration)
    check_target(runtime, request.target_link_uri)
    return registration


def make_state(registration: Registration, request: LoginRequest, cookie: str, stored: str = "") -> LoginState:
    """A fresh state and nonce, tied to the browser by its cookie and, if there is one, by the secret that is stored."""
    return LoginState(
        registration_id=registration.id,
        nonce=make_nonce(),
        target_link_uri=request.target_link_uri,
        login_hint=digest(request.login_hint),
        deployment_id=request.deployment_id,
        browser=digest(cookie),
        storage=digest(stored) if stored else "",
        storage_target=request.storage_target,
        step=Step.STORED if stored else request.step,
        issued_at=int(clock.now().timestamp()),
    )


def authentication_url(runtime: Runtime, registration: Registration, request: LoginRequest, state: LoginState) -> str:
    """Where to send the browser: the platform's authentication endpoint, asked for a launch that answers this state."""
    redirect_uri, hint = runtime.settings.root_url + LAUNCH_PATH, request.message_hint
    same = _url_of_every_login(registration.auth_url, registration.client_id, redirect_uri, hint is not None)
    own = f"login_hint={quote_plus(request.login_hint)}&state={write_state(runtime, state)}&nonce={state.nonce}"
    return f"{same}&{own}" + (f"&lti_message_hint={quote_plus(hint)}" if hint is not None else "")


@lru_cache(maxsize=1000)
def _url_of_every_login(auth_url: str, client_id: str, redirect_uri: str, has_hint: bool) -> str:
    """What is the same in every login of a platform; what is not is left out of the address that it gave us."""
    parameters = {
        "scope": "openid",
        "response_type": "id_token",
        "response_mode": "form_post",
        "prompt": "none",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
    }
    return add_query(auth_url, parameters, without=["login_hint", "state", "nonce"] + ["lti_message_hint"] * has_hint)


def check_target(runtime: Runtime, url: str) -> None:
    """Raises: Invalid: a target_link_uri that is not an address of this tool."""
    root = urlsplit(runtime.settings.root_url)
    own = origin_of(url) == origin_of(runtime.settings.root_url) != ""
    if not own or urlsplit(url).path not in (root.path + LAUNCH_PATH, root.path, root.path + "/"):
        raise Invalid(
            "target_invalid", f"The activity in the LMS points to an address that is not this tool's. {_OPEN}"
        )


def add_query(url: str, parameters: Mapping[str, str], *, without: Collection[str] = ()) -> str:
    """A URL with more parameters; those it has, and nothing else, stay, except for these names."""
    parts, gone = urlsplit(url), {*parameters, *without}
    kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in gone]
    return urlunsplit(parts._replace(query=urlencode([*kept, *parameters.items()]), fragment=""))


_OPEN = "Open the activity again from your course; if this page comes again, tell the people who run the LMS."
