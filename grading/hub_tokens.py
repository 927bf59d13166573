"""Whose a JupyterHub token is, and for which servers, as the Hub says; remembered for at most a minute."""

import hashlib
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from lti_tool.kernel import clock
from lti_tool.kernel.errors import ExternalError, Forbidden, Unauthenticated
from lti_tool.kernel.http import OutboundHttp
from lti_tool.kernel.runtime import Runtime

REMEMBER_S = 60
MOST = 10_000
ANY_SERVER = "*"
MARKING_SERVER, WRITING_SERVER = "grade-", "write-"
MAX_SERVER_NAME = 30
"""JupyterHub's limit."""


@dataclass(frozen=True)
class HubToken:
    """What the Hub says of a token."""

    hub_name: str
    servers: frozenset[str]
    """Names of the person's servers that it opens; their own has the name "". `ANY_SERVER`: all of them."""

    def require_marking_server(self, key: str) -> None:
        """Raises: Forbidden: it does not open the marking server of this placement.

        Whatever runs on a learner's server has its token, a notebook of another course too. What a class has handed in,
        and what it is given, is for the server that was started for it.
        """
        name = marking_server_name(key)
        if not self.servers & {name, ANY_SERVER}:
            raise Forbidden(
                "marking_server_needed",
                "This is done on the course's marking server: open formgrader from your LMS and use a terminal there.",
                {"scope": f"access:servers!server={self.hub_name}/{name}"},
            )

    def require_writing_server(self, key: str) -> None:
        """Raises: Forbidden: it does not open the server for writing the quizzes of this placement.

        Sources have solutions and hidden tests in them, which a notebook of another course has no business with.
        """
        name = writing_server_name(key)
        if not self.servers & {name, ANY_SERVER}:
            raise Forbidden(
                "writing_server_needed",
                "Sources are for the course's server for writing: press Write on the quiz's page.",
                {"scope": f"access:servers!server={self.hub_name}/{name}"},
            )


_lock = threading.Lock()
_known: dict[str, tuple[HubToken, datetime]] = {}


def marking_server_name(key: str) -> str:
    """The Hub's name of the server that marks a placement, as the Hub's side makes it from the key."""
    return _server_name(MARKING_SERVER, key)


def writing_server_name(key: str) -> str:
    """The same of the server on which the quizzes of a placement's course are written."""
    return _server_name(WRITING_SERVER, key)


def _server_name(prefix: str, key: str) -> str:
    slug, _, number = key.rpartition("-")
    room = MAX_SERVER_NAME - len(prefix) - len(number) - 1
    return f"{prefix}{slug[:room].rstrip('-')}-{number}"


def servers_in(scopes: Iterable[object], hub_name: str) -> frozenset[str]:
    """The person's servers that scopes open, as JupyterHub expands them."""
    whole, one = (f"access:servers!user={hub_name}", "access:servers"), f"access:servers!server={hub_name}/"
    texts = [scope for scope in scopes if isinstance(scope, str)]
    if any(scope in whole for scope in texts):
        return frozenset({ANY_SERVER})
    return frozenset(scope.removeprefix(one) for scope in texts if scope.startswith(one))


def find_owner(runtime: Runtime, token: str | None) -> HubToken:
    """Whose token this is. Asks the Hub: never inside a transaction.

    Raises: Unauthenticated: the Hub does not know it. ExternalError: the Hub does not answer.
    """
    if not token or len(token) > 200 or not token.isascii() or not token.isprintable():
        raise Unauthenticated("hub_token_missing", "Send the JupyterHub token as `Authorization: Bearer …`.")
    key = hashlib.sha256(f"{runtime.settings.hub.api_url}\0{token}".encode()).hexdigest()
    with _lock:
        known, until = _known.get(key, (None, clock.now()))
    if known and clock.now() < until:
        return known
    known = _ask(runtime, token)
    with _lock:
        if len(_known) >= MOST:
            _known.clear()
        _known[key] = (known, clock.now() + timedelta(seconds=REMEMBER_S))
    return known


def _ask(runtime: Runtime, token: str) -> HubToken:
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
    scopes = facts.get("scopes")
    return HubToken(facts["name"], servers_in(scopes if isinstance(scopes, list) else (), facts["name"]))


@cache
def _hub_http() -> OutboundHttp:
    # The operator names the Hub, and it stands on loopback or a private network as a rule.
    return OutboundHttp(allow_private=True)
