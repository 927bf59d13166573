"""The claims of an `id_token`, each checked for its JSON type and size before anybody uses it.

https://www.imsglobal.org/spec/lti/v1p3/#lti-message-general-details. A claim that we read and that has another type
than the specification gives it refuses the launch; what we do not read is left alone.
"""

from dataclasses import dataclass
from typing import Any

from lti_tool.lti.claim_reader import OPAQUE_LENGTH, URL_LENGTH, Reader, bad_claim
from lti_tool.lti.claims_more import (
    LTI,
    VERSION,
    Envelope,
    GroupsClaim,
    HistoryClaim,
    LegacyClaim,
    NoticesClaim,
    read_envelope,
    read_for_user,
    read_groups,
    read_history,
    read_legacy,
    read_notices,
    read_observed,
)

__all__ = ["LTI", "NO_HISTORY", "VERSION", "Claims", "Reader", "parse_claims"]

DL = "https://purl.imsglobal.org/spec/lti-dl/claim/"
AGS = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
NRPS = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
ITEM_PARAMETER = "coursebridge_item"
BRAND_PARAMETER = "coursebridge_brand"
"""A colour, or Canvas's brand configuration (web/brand.py reads it)."""

RESOURCE_LINK = "LtiResourceLinkRequest"
DEEP_LINKING = "LtiDeepLinkingRequest"
REVIEW = "LtiSubmissionReviewRequest"
MESSAGE_TYPES = (RESOURCE_LINK, DEEP_LINKING, REVIEW)

ROLES_LIMIT = 200
NO_HISTORY = HistoryClaim()


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
    targets: tuple[str, ...] = ()
    """`iframe`, `window`, `embed`: how the platform can show what is chosen."""
    auto_create: bool = False
    """Is what is chosen in the course at once, without anybody saving it there?"""


@dataclass(frozen=True)
class Claims(Envelope):
    """A launch, typed. Values are checked for form here and for meaning in `launch`."""

    sub: str
    """Empty: an anonymous launch."""
    message_type: str
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
    for_user: str | None = None
    """`sub` of the learner whose work is to be shown."""
    groups: GroupsClaim | None = None
    notices: NoticesClaim | None = None
    legacy: LegacyClaim | None = None
    observed: tuple[str, ...] = ()
    """`sub` of everybody whom the person mentors."""
    history: HistoryClaim = NO_HISTORY


def parse_claims(payload: Any) -> Claims:
    """The claims of a token whose signature holds. Raises: Invalid: names the claim that is wrong."""
    top = Reader(payload, "id_token")
    message_type = top.text(LTI + "message_type", required=True)
    if message_type not in MESSAGE_TYPES:
        raise bad_claim("message_type", "is not one that this tool answers")
    is_link, is_review = message_type == RESOURCE_LINK, message_type == REVIEW
    context, link = top.find(LTI + "context"), top.find(LTI + "resource_link", required=is_link)
    nrps, platform = top.find(NRPS), top.find(LTI + "tool_platform")
    presentation, custom = top.find(LTI + "launch_presentation"), top.find(LTI + "custom")
    return Claims(
        **vars(read_envelope(top)),
        sub=_sub(top),
        message_type=message_type,
        target_link_uri=top.find_text(LTI + "target_link_uri", URL_LENGTH, required=is_link or is_review),
        roles=top.texts(LTI + "roles", required=True, limit=ROLES_LIMIT),
        name=_name(top),
        locale=presentation.shown("locale") if presentation else "",
        context=_context(context),
        link=LinkClaim(link.text("id", required=True), link.shown("title"))
        if link and (is_link or is_review)
        else None,
        ags=_ags(top),
        memberships_url=nrps.find_text("context_memberships_url", URL_LENGTH) if nrps else None,
        deep_linking=_deep_linking(top) if message_type == DEEP_LINKING else None,
        item_ref=(custom.find_text(ITEM_PARAMETER) or None) if custom else None,
        brand=(custom.find_text(BRAND_PARAMETER, OPAQUE_LENGTH) or "") if custom else "",
        return_url=presentation.find_text("return_url", URL_LENGTH) if presentation else None,
        platform_name=(platform.shown("name") or platform.shown("description")) if platform else "",
        platform_family=platform.shown("product_family_code").lower() if platform else "",
        for_user=read_for_user(top, required=is_review),
        groups=read_groups(top),
        notices=read_notices(top),
        legacy=read_legacy(top),
        observed=read_observed(top, custom),
        history=read_history(custom),
    )


def _sub(top: Reader) -> str:
    """Absent in an anonymous launch; whether those are taken is the registration's to say."""
    if not top.has("sub"):
        return ""
    sub = top.text("sub", required=True)
    if not sub.isascii():
        raise bad_claim("sub", "has characters outside ASCII")
    return sub


def _context(context: Reader | None) -> ContextClaim | None:
    if context is None:
        return None
    return ContextClaim(context.text("id", required=True), context.shown("title") or context.shown("label"))


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
        raise bad_claim("deep_linking_settings", "is missing")
    return DeepLinkingClaim(
        return_url=claim.find_text("deep_link_return_url", URL_LENGTH, required=True) or "",
        accept_types=claim.texts("accept_types", required=True),
        accept_multiple=claim.flag("accept_multiple") or False,
        accept_lineitem=claim.flag("accept_lineitem"),
        data=claim.find_text("data", OPAQUE_LENGTH),
        targets=claim.texts("accept_presentation_document_targets"),
        auto_create=claim.flag("auto_create") or False,
    )
