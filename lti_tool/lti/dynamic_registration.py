"""Dynamic registration 1.0: the platform's administrator opens our one-time link, and both sides say what they need.

https://www.imsglobal.org/spec/lti-dr/v1p0
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from lti_tool.kernel.audit import Actor, record
from lti_tool.kernel.errors import AppError, Conflict, ExternalError, Invalid
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti import ags, groups, line_items, notice_service, nrps, results
from lti_tool.lti.claim_reader import Reader
from lti_tool.lti.claims import DEEP_LINKING, RESOURCE_LINK, REVIEW
from lti_tool.lti.dialects import CANVAS as CANVAS_DIALECT
from lti_tool.lti.dialects import Dialect, detect_dialect, get_dialect
from lti_tool.lti.invites import release_invite, use_invite
from lti_tool.lti.login import LAUNCH_PATH, LOGIN_PATH
from lti_tool.lti.models import Approval
from lti_tool.lti.registering import issuer_of, read_registration_token, store_registered
from lti_tool.lti.registrations import PlatformFacts, get_registration, is_platform_url, origin_of, target_of

PLATFORM = "https://purl.imsglobal.org/spec/lti-platform-configuration"
TOOL = "https://purl.imsglobal.org/spec/lti-tool-configuration"
CANVAS = "https://canvas.instructure.com/lti/"
SCOPES = (line_items.LINE_ITEM_SCOPE, results.RESULT_SCOPE, ags.SCORE_SCOPE, nrps.SCOPE)
"""Asked for everywhere …"""
FURTHER_SCOPES = (groups.SCOPE, notice_service.SCOPE)
"""… and these where the platform says that it knows them: Canvas refuses a whole registration for one it does not."""
DESCRIPTION = "Courses, notebook quizzes and grades"
TOOL_ID = "coursebridge"
CLAIMS = ("iss", "sub", "name", "given_name", "family_name", "locale")
MAX_BYTES = 200_000
URL_LENGTH = 2000
TOKEN_LENGTH = 4000


@dataclass(frozen=True)
class Registered:
    """What the page at the end says."""

    platform_name: str
    registration_id: int
    needs_approval: bool
    origin: str
    is_update: bool = False


@dataclass(frozen=True)
class _Configuration:
    issuer: str
    auth_url: str
    token_url: str
    jwks_url: str
    registration_url: str
    audience: str | None
    family: str
    scopes: tuple[str, ...]
    messages: tuple[str, ...]


@dataclass(frozen=True)
class _Kept:
    scopes: tuple[str, ...]
    messages: tuple[str, ...]


def register(runtime: Runtime, invite: str, configuration_url: str, registration_token: str | None) -> Registered:
    """Register with the platform that opened the link. The invite is spent before anything is fetched.

    Raises: NotFound, Gone: the link. Invalid, ExternalError: the platform; then the link can be used again.
    """
    with runtime.db.transaction() as tx:
        used = use_invite(tx, invite)
        require_issuer = issuer_of(tx, used.registration_id)
    try:
        found = _read_configuration(runtime, configuration_url, registration_token)
        if require_issuer not in (None, found.issuer):
            raise _failed(f"this link updates {require_issuer}, not {found.issuer}")
        facts = _ask(runtime, found, registration_token, used.name)
        with runtime.db.transaction() as tx:
            row, is_update = store_registered(tx, runtime, facts, used.registration_id)
    except AppError:
        with runtime.db.transaction() as tx:
            release_invite(tx, invite)
        raise
    return Registered(row.name, row.id, row.state is Approval.PENDING, origin_of(facts.auth_url), is_update)


def _read_configuration(runtime: Runtime, url: str, token: str | None) -> _Configuration:
    """The platform's OpenID configuration. It must speak for its own host, or anybody could register as anybody."""
    if not origin_of(url) or len(url) > URL_LENGTH:
        raise Invalid(
            "registration_incomplete", "Open this link from your LMS: it adds the address of its configuration."
        )
    response = runtime.http.request("GET", url, headers=_bearer(token), max_bytes=MAX_BYTES)
    if response.status_code != 200:
        raise _failed(f"its configuration cannot be read ({response.status_code})")
    top = Reader(_json(response), "openid_configuration")
    platform = top.find(PLATFORM)
    found = _Configuration(
        issuer=top.text("issuer", required=True),
        auth_url=top.find_text("authorization_endpoint", URL_LENGTH, required=True) or "",
        token_url=top.find_text("token_endpoint", URL_LENGTH, required=True) or "",
        jwks_url=top.find_text("jwks_uri", URL_LENGTH, required=True) or "",
        registration_url=top.find_text("registration_endpoint", URL_LENGTH, required=True) or "",
        audience=top.find_text("authorization_server", URL_LENGTH),
        family=platform.shown("product_family_code").lower() if platform else "",
        scopes=top.texts("scopes_supported"),
        messages=_message_types(platform),
    )
    for other in (found.issuer, found.registration_url):
        if not _belong_together(found.issuer, url, other):
            raise _failed("its configuration speaks for another host than the one it comes from")
    return found


def _message_types(platform: Reader | None) -> tuple[str, ...]:
    """The messages that the platform sends. An entry that is no such thing is passed over: nothing depends on it."""
    return _types(platform.find_list("messages_supported") if platform else ())


def _types(messages: Sequence[Any]) -> tuple[str, ...]:
    return tuple(str(each.get("type", "")) for each in messages if isinstance(each, dict))


def _belong_together(issuer: str, first: str, second: str) -> bool:
    hosts = [origin_of(url).partition("://")[2] for url in (first, second)]
    if hosts[0] and hosts[0] == hosts[1]:
        return True
    dialect = detect_dialect(issuer)
    hosted = bool(dialect.issuer_suffix) and (urlsplit(issuer).hostname or "").endswith(dialect.issuer_suffix)
    return hosted and all(host.endswith(dialect.host_suffixes) for host in hosts)


def _ask(runtime: Runtime, found: _Configuration, token: str | None, name: str) -> PlatformFacts:
    wanted = tool_configuration(runtime, found.scopes, detect_dialect(found.issuer, found.family), found.messages)
    response = runtime.http.request(
        "POST", found.registration_url, headers=_bearer(token), json=wanted, max_bytes=MAX_BYTES
    )
    if response.status_code not in (200, 201):
        raise _failed(f"it refused the registration ({response.status_code})")
    answer = Reader(_json(response), "registration")
    tool = answer.find(TOOL)
    deployment = tool.find_text("deployment_id") if tool else None
    return PlatformFacts(
        name=name or origin_of(found.issuer).partition("://")[2],
        issuer=found.issuer,
        client_id=answer.text("client_id", required=True),
        auth_url=found.auth_url,
        token_url=found.token_url,
        jwks_url=found.jwks_url,
        deployment_ids=(deployment,) if deployment else (),
        token_audience=found.audience,
        family=found.family,
        registration_uri=answer.find_text("registration_client_uri", URL_LENGTH),
        registration_token=answer.find_text("registration_access_token", TOKEN_LENGTH),
    )


def tool_configuration(
    runtime: Runtime, supported_scopes: tuple[str, ...], dialect: Dialect, messages: tuple[str, ...] = ()
) -> dict[str, Any]:
    """What the platform is told about this tool. Canvas refuses a scope that it does not know."""
    root, name = runtime.settings.root_url, runtime.settings.lti.tool_name
    scopes = [scope for scope in SCOPES if not supported_scopes or scope in supported_scopes]
    scopes += [scope for scope in FURTHER_SCOPES if scope in supported_scopes]
    launch = root + LAUNCH_PATH
    return {
        "application_type": "web",
        "response_types": ["id_token"],
        "grant_types": ["client_credentials", "implicit"],
        "initiate_login_uri": root + LOGIN_PATH,
        "redirect_uris": [launch],
        "client_name": name,
        "jwks_uri": f"{root}/lti/jwks",
        "token_endpoint_auth_method": "private_key_jwt",
        "scope": " ".join(scopes),
        TOOL: {
            "domain": urlsplit(root).netloc,
            "description": DESCRIPTION,
            "target_link_uri": launch,
            "custom_parameters": dict(dialect.custom),
            "claims": list(CLAIMS),
            "messages": _messages(launch, name, dialect, messages),
            CANVAS + "privacy_level": "name_only",
            CANVAS + "tool_id": TOOL_ID,
        },
    }


def send_configuration(runtime: Runtime, registration_id: int, by: Actor) -> None:
    """Tell a platform anew what this tool is, where it keeps the registration (LTI Dynamic Registration 1.0, 3.6).

    Raises: NotFound. Conflict: the platform offers no such address. ExternalError: it refuses, or does not answer.
    """
    with runtime.db.reading() as tx:
        row = get_registration(tx, registration_id)
    url, token = row.registration_uri, read_registration_token(runtime, row)
    if not url or not token:
        raise Conflict(
            "registration_fixed",
            f"{row.name} offers no address to change the registration at. Make a link that updates it, and open that "
            "in the LMS.",
        )
    if not is_platform_url(row, url, allow_http=runtime.settings.lti.allow_private_hosts):
        raise ExternalError(
            "foreign_address", "The address of the registration is not the platform's.", retryable=False
        )
    kept = _read_kept(runtime, row.name, url, token)
    wanted = tool_configuration(runtime, (*SCOPES, *kept.scopes), get_dialect(row.dialect), kept.messages)
    wanted |= {"client_id": row.client_id}
    response = runtime.http.request("PUT", url, headers=_bearer(token), json=wanted, max_bytes=MAX_BYTES)
    if response.status_code not in (200, 201):
        text = f"{row.name} refused the change ({response.status_code}). Make a link that updates it instead."
        raise ExternalError("registration_refused", text, retryable=False)
    with runtime.db.transaction() as tx:
        record(tx, by, "platform.send_configuration", target_of(row), after={"scope": wanted["scope"]})


def _read_kept(runtime: Runtime, name: str, url: str, token: str) -> _Kept:
    """What the platform let this tool have beyond what everybody is asked for; a change replaces all that it keeps."""
    response = runtime.http.request("GET", url, headers=_bearer(token), max_bytes=MAX_BYTES)
    if response.status_code != 200:
        text = f"{name} does not show the registration ({response.status_code}). Make a link that updates it instead."
        raise ExternalError("registration_refused", text, retryable=False)
    answer = Reader(_json(response), "registration")
    tool = answer.find(TOOL)
    scopes = (answer.find_text("scope", MAX_BYTES) or "").split()
    return _Kept(tuple(scopes), _types(tool.find_list("messages") if tool else ()))


def _messages(launch: str, name: str, dialect: Dialect, supported: tuple[str, ...]) -> list[dict[str, Any]]:
    """The messages that we answer, and for Canvas where each has its place and how large its window is."""
    said = {"target_link_uri": launch, "label": name}
    picker: dict[str, Any] = {"type": DEEP_LINKING, **said}
    found: list[dict[str, Any]] = [
        {"type": RESOURCE_LINK, **said},
        {**picker, "placements": ["ContentArea"]},
        {**picker, "placements": [CANVAS + "assignment_selection"]},
    ]
    if dialect.name == CANVAS_DIALECT.name:
        size = {CANVAS + "launch_width": 885, CANVAS + "launch_height": 650}
        staff = {CANVAS + "visibility": "admins"}  # whoever teaches: Canvas has no word for that alone
        navigation = {CANVAS + "course_navigation/default_enabled": False, CANVAS + "visibility": "members"}
        places = ("assignment_selection", "link_selection", "editor_button")
        found = [
            {"type": RESOURCE_LINK, **said, "placements": [CANVAS + "course_navigation"], **navigation},
            *({**picker, "placements": [CANVAS + place], **size, **staff} for place in places),
        ]
        found[0][CANVAS + "display_type"] = "full_width_in_context"
    if REVIEW in supported:
        found.append({"type": REVIEW, **said})
    return found


def _bearer(token: str | None) -> dict[str, str]:
    headers = {"Accept": "application/json"}
    if token:
        if not token.isascii() or not token.isprintable() or len(token) > 8000:
            raise Invalid("registration_token", "The LMS sent a registration token that cannot be used.")
        headers["Authorization"] = f"Bearer {token}"
    return headers


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except (ValueError, RecursionError) as error:
        raise _failed("it did not answer with JSON") from error


def _failed(why: str) -> ExternalError:
    return ExternalError(
        "registration_failed",
        f"The LMS could not be registered: {why}. Start the registration in the LMS again; this link still works.",
        retryable=False,
    )
