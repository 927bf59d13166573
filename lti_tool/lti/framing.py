"""Who may frame a page that belongs to no session: an error of a launch, or the end of a registration.

Such a page stands in the LMS's frame too. It says something and changes nothing, and only the platform that it is
for may frame it: the one of this login, launch or registration, or the one whose session this was.
"""

from functools import lru_cache
from urllib.parse import urlsplit

from flask import Response, g, request
from sqlalchemy.exc import SQLAlchemyError

from lti_tool.lti.blueprint import BLUEPRINT
from lti_tool.lti.dialects import get_dialect
from lti_tool.lti.models import Registration
from lti_tool.lti.registrations import origin_of
from lti_tool.web.runtime import current_runtime
from lti_tool.web.security import POLICY
from lti_tool.web.session import TOKEN_KEY, SessionRow, digest_of, find_current_session


def let_frame(registration: Registration) -> None:
    """The rest of this request's answer may stand in a frame of this platform."""
    let_frame_origins(list_framing_origins(registration))


def list_framing_origins(registration: Registration) -> list[str]:
    """Where a platform shows our pages: also on hosts of its own that the operator has named, as vanity domains are."""
    named = tuple(registration.service_hosts)
    return list(_framing_origins(registration.dialect, registration.issuer, registration.auth_url, named))


@lru_cache(maxsize=1000)
def _framing_origins(dialect_name: str, issuer: str, auth_url: str, named_hosts: tuple[str, ...]) -> tuple[str, ...]:
    dialect, host = get_dialect(dialect_name), urlsplit(issuer).hostname or ""
    hosted = bool(dialect.issuer_suffix) and host.endswith(dialect.issuer_suffix)
    suffixes = [f"https://*{suffix}" for suffix in dialect.host_suffixes] if hosted else []
    named = [origin_of(f"{urlsplit(auth_url).scheme}://{name}") for name in named_hosts]
    found = (origin_of(auth_url), origin_of(issuer), *suffixes, *named)
    return tuple(dict.fromkeys(origin for origin in found if origin))


def let_frame_origins(origins: list[str]) -> None:
    """The same for a platform that is not registered: what it says of itself, for a page that only tells it so."""
    g.lti_frame_origins = list(dict.fromkeys(origin for origin in origins if origin))


@BLUEPRINT.after_app_request
def _add_policy(response: Response) -> Response:
    if find_current_session() is None and "Content-Security-Policy" not in response.headers:
        origins = g.get("lti_frame_origins") or _lost_session_origins(response)
        if origins:
            response.headers["Content-Security-Policy"] = policy_for(tuple(origins))
    return response


@lru_cache(maxsize=1000)
def policy_for(origins: tuple[str, ...]) -> str:
    """The policy of an answer that pages of these origins may frame."""
    return POLICY.format(ancestors=" ".join(["'self'", *origins]), forms="'self'")


def _lost_session_origins(response: Response) -> list[str]:
    """The LMS in whose frame a session was that is over, so that "the session is over" can be read there."""
    token = request.environ.get(TOKEN_KEY)
    if not token or response.status_code < 400:
        return []
    try:
        with current_runtime().db.reading() as tx:
            row = tx.get(SessionRow, digest_of(token))
    except SQLAlchemyError:  # which is what this page tells of; it is in nobody's frame then
        return []
    return [row.facts["frame_origin"]] if row and row.facts.get("frame_origin") else []
