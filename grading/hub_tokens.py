"""Who a JupyterHub token belongs to, as the Hub says; remembered for at most a minute."""

import hashlib
import threading
from datetime import datetime, timedelta
from functools import cache

from lti_tool.kernel import clock
from lti_tool.kernel.errors import ExternalError, Unauthenticated
from lti_tool.kernel.http import OutboundHttp
from lti_tool.kernel.runtime import Runtime

REMEMBER_S = 60
MOST = 10_000

_lock = threading.Lock()
_known: dict[str, tuple[str, datetime]] = {}


def hub_name_of(runtime: Runtime, token: str | None) -> str:
    """The Hub's name of the person whose token this is. Asks the Hub: never inside a transaction.

    Raises: Unauthenticated: the Hub does not know it. ExternalError: the Hub does not answer.
    """
    if not token or len(token) > 200 or not token.isascii() or not token.isprintable():
        raise Unauthenticated("hub_token_missing", "Send the JupyterHub token as `Authorization: Bearer …`.")
    key = hashlib.sha256(f"{runtime.settings.hub.api_url}\0{token}".encode()).hexdigest()
    with _lock:
        name, until = _known.get(key, ("", clock.now()))
    if name and clock.now() < until:
        return name
    name = _ask(runtime, token)
    with _lock:
        if len(_known) >= MOST:
            _known.clear()
        _known[key] = (name, clock.now() + timedelta(seconds=REMEMBER_S))
    return name


def _ask(runtime: Runtime, token: str) -> str:
    url = f"{runtime.settings.hub.api_url}/user"
    answer = _hub_http().request("GET", url, headers={"Authorization": f"token {token}"})
    if answer.status_code in (401, 403):
        raise Unauthenticated(
            "hub_token_refused",
            "JupyterHub does not know this token. Restart your server from the Hub, then try again.",
        )
    if answer.status_code != 200:
        raise ExternalError(
            "hub_failed", f"JupyterHub answered {answer.status_code}. Try again in a minute.", retryable=True
        )
    try:
        facts = answer.json()
    except ValueError as error:
        raise ExternalError("hub_failed", "JupyterHub gave no readable answer. Try again.", retryable=True) from error
    if not isinstance(facts, dict) or facts.get("kind", "user") != "user" or not isinstance(facts.get("name"), str):
        raise Unauthenticated("hub_token_refused", "This token does not belong to a person.")
    return str(facts["name"])


@cache
def _hub_http() -> OutboundHttp:
    # The operator names the Hub, and it stands on loopback or a private network as a rule.
    return OutboundHttp(allow_private=True)
