"""The claims of an `id_token`, each checked for its JSON type and size before anybody uses it.

https://www.imsglobal.org/spec/lti/v1p3/#lti-message-general-details. A claim that we read and that has another type
than the specification gives it refuses the launch; what we do not read is left alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lti_tool.kernel.errors import Invalid
from lti_tool.lti.models import ID_LENGTH

LTI = "https://purl.imsglobal.org/spec/lti/claim/"
DL = "https://purl.imsglobal.org/spec/lti-dl/claim/"
AGS = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
NRPS = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
ITEM_PARAMETER = "coursebridge_item"
BRAND_PARAMETER = "coursebridge_brand"
"""A colour, or Canvas's brand configuration (web/brand.py reads it)."""

RESOURCE_LINK = "LtiResourceLinkRequest"
DEEP_LINKING = "LtiDeepLinkingRequest"
MESSAGE_TYPES = (RESOURCE_LINK, DEEP_LINKING)
VERSION = "1.3.0"

URL_LENGTH = 4000
ROLES_LIMIT = 200
OPAQUE_LENGTH = 32_000


@dataclass(frozen=True)
class ContextClaim:
    """The course of the LMS that the launch came from."""

    id: str
    title: str


@dataclass(frozen=True)
class LinkClaim:
    """The activity that was opened."""

    id: str
    title: str


@dataclass(frozen=True)
class AgsClaim:
    """Where grades go, and what the platform granted."""

    scopes: tuple[str, ...]
    lineitem: str | None
    lineitems: str | None


@dataclass(frozen=True)
class DeepLinkingClaim:
    """What the platform takes back from content selection."""

    return_url: str
    accept_types: tuple[str, ...]
    accept_multiple: bool
    accept_lineitem: bool | None
    """None: the platform did not say."""
    data: str | None


@dataclass(frozen=True)
class Claims:
    """A launch, typed. Values are checked for form here and for meaning in `launch`."""

    issuer: str
    audiences: tuple[str, ...]
    azp: str | None
    sub: str
    exp: float
    iat: float
    nbf: float | None
    nonce: str
    message_type: str
    deployment_id: str
    target_link_uri: str | None
    roles: tuple[str, ...]
    name: str
    locale: str
    context: ContextClaim | None
    link: LinkClaim | None
    ags: AgsClaim | None
    memberships_url: str | None
    deep_linking: DeepLinkingClaim | None
    item_ref: str | None
    brand: str
    """As sent: a colour, Canvas's brand configuration, or the name of a variable that the platform does not know."""
    return_url: str | None
    platform_name: str
    platform_family: str


def parse_claims(payload: Any) -> Claims:
    """The claims of a token whose signature holds. Raises: Invalid: names the claim that is wrong."""
    top = Reader(payload, "id_token")
    message_type = top.text(LTI + "message_type", required=True)
    if message_type not in MESSAGE_TYPES:
        raise _bad("message_type", "is not one that this tool answers")
    if top.text(LTI + "version", required=True) != VERSION:
        raise _bad("version", f"is not {VERSION}")
    sub = top.text("sub", required=True)
    if not sub.isascii():
        raise _bad("sub", "has characters outside ASCII")
    is_link = message_type == RESOURCE_LINK
    context, link = top.find(LTI + "context"), top.find(LTI + "resource_link", required=is_link)
    nrps, platform = top.find(NRPS), top.find(LTI + "tool_platform")
    presentation, custom = top.find(LTI + "launch_presentation"), top.find(LTI + "custom")
    return Claims(
        issuer=top.text("iss", required=True),
        audiences=_audiences(top),
        azp=top.find_text("azp"),
        sub=sub,
        exp=top.moment("exp"),
        iat=top.moment("iat"),
        nbf=top.moment("nbf") if top.has("nbf") else None,
        nonce=top.text("nonce", required=True),
        message_type=message_type,
        deployment_id=top.text(LTI + "deployment_id", required=True),
        target_link_uri=top.find_text(LTI + "target_link_uri", URL_LENGTH, required=is_link),
        roles=top.texts(LTI + "roles", required=True, limit=ROLES_LIMIT),
        name=_name(top),
        locale=presentation.shown("locale") if presentation else "",
        context=ContextClaim(context.text("id", required=True), context.shown("title") or context.shown("label"))
        if context
        else None,
        link=LinkClaim(link.text("id", required=True), link.shown("title")) if link and is_link else None,
        ags=_ags(top),
        memberships_url=nrps.find_text("context_memberships_url", URL_LENGTH) if nrps else None,
        deep_linking=None if is_link else _deep_linking(top),
        item_ref=(custom.find_text(ITEM_PARAMETER) or None) if custom else None,
        brand=(custom.find_text(BRAND_PARAMETER, OPAQUE_LENGTH) or "") if custom else "",
        return_url=presentation.find_text("return_url", URL_LENGTH) if presentation else None,
        platform_name=(platform.shown("name") or platform.shown("description")) if platform else "",
        platform_family=platform.shown("product_family_code").lower() if platform else "",
    )


class Reader:
    """Reads typed values from a JSON object. `null` is the same as absent."""

    def __init__(self, value: Any, name: str) -> None:
        """Raises: Invalid: the value is no object. `name` is used in messages."""
        if not isinstance(value, Mapping):
            raise _bad(name, "is not a JSON object")
        self._value = value

    def has(self, key: str) -> bool:
        """Is there a value?"""
        return self._value.get(key) is not None

    def find(self, key: str, *, required: bool = False) -> "Reader | None":
        """An object, or None."""
        if not self.has(key):
            _check_absent(key, required)
            return None
        return Reader(self._value[key], _short(key))

    def find_text(self, key: str, longest: int = ID_LENGTH, *, required: bool = False) -> str | None:
        """A string that fits and that every database can hold, or None. A required one is not empty."""
        if not self.has(key):
            _check_absent(key, required)
            return None
        value = self._value[key]
        if not isinstance(value, str):
            raise _bad(key, "is not a string")
        if len(value) > longest:
            raise _bad(key, f"is longer than {longest} characters")
        if required and not value.strip():
            raise _bad(key, "is empty")
        if "\0" in value or not _is_unicode(value):
            raise _bad(key, "has characters that cannot be stored")
        return value

    def text(self, key: str, *, required: bool = False) -> str:
        """Like `find_text`, empty when absent."""
        return self.find_text(key, required=required) or ""

    def shown(self, key: str) -> str:
        """A text that is only ever shown: cut to what a row holds, on one line."""
        value = self.find_text(key, OPAQUE_LENGTH) or ""
        return " ".join(value.split())[:ID_LENGTH]

    def texts(self, key: str, *, required: bool = False, limit: int = 100) -> tuple[str, ...]:
        """A list of strings; empty when absent."""
        if not self.has(key):
            _check_absent(key, required)
            return ()
        values = self._value[key]
        if not isinstance(values, list) or not all(isinstance(value, str) and _is_unicode(value) for value in values):
            raise _bad(key, "is not a list of strings")
        if len(values) > limit:
            raise _bad(key, f"has more than {limit} entries")
        return tuple(values)

    def flag(self, key: str) -> bool | None:
        """true, false or None; the strings that some platforms send instead are understood."""
        value = self._value.get(key)
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        if value is None or isinstance(value, bool):
            return value
        raise _bad(key, "is neither true nor false")

    def moment(self, key: str) -> float:
        """Seconds since 1970, required (RFC 7519, NumericDate)."""
        value = self._value.get(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e11:
            raise _bad(key, "is not a time in seconds")
        return float(value)


def _audiences(top: Reader) -> tuple[str, ...]:
    try:
        found: tuple[str, ...] = (top.text("aud", required=True),)
    except Invalid:
        found = top.texts("aud", required=True)
    if not found:
        raise _bad("aud", "is empty")
    return found


def _name(top: Reader) -> str:
    parts = (top.shown("given_name"), top.shown("family_name"))
    return top.shown("name") or " ".join(part for part in parts if part)


def _ags(top: Reader) -> AgsClaim | None:
    claim = top.find(AGS)
    if claim is None:
        return None
    return AgsClaim(
        claim.texts("scope"),
        claim.find_text("lineitem", URL_LENGTH) or None,
        claim.find_text("lineitems", URL_LENGTH) or None,
    )


def _deep_linking(top: Reader) -> DeepLinkingClaim:
    """https://www.imsglobal.org/spec/lti-dl/v2p0/#deep-linking-settings."""
    claim = top.find(DL + "deep_linking_settings", required=True)
    if claim is None:
        raise _bad("deep_linking_settings", "is missing")
    return DeepLinkingClaim(
        return_url=claim.find_text("deep_link_return_url", URL_LENGTH, required=True) or "",
        accept_types=claim.texts("accept_types", required=True),
        accept_multiple=claim.flag("accept_multiple") or False,
        accept_lineitem=claim.flag("accept_lineitem"),
        data=claim.find_text("data", OPAQUE_LENGTH),
    )


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_absent(key: str, required: bool) -> None:
    if required:
        raise _bad(key, "is missing")


def _short(key: str) -> str:
    return key.rpartition("/")[2]


def _bad(key: str, why: str) -> Invalid:
    return Invalid(
        "claim_invalid",
        f"The LMS sent a launch that does not fit LTI 1.3: {_short(key)} {why}. Tell the people who run the LMS.",
        {"claim": _short(key)},
    )
