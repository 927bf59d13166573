"""The claims beside the core of a launch: services, whose work is looked at, where a course came from."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from lti_tool.kernel.errors import Invalid
from lti_tool.lti.claim_reader import OPAQUE_LENGTH, URL_LENGTH, Reader, bad_claim
from lti_tool.lti.models import ID_LENGTH

LTI = "https://purl.imsglobal.org/spec/lti/claim/"
VERSION = "1.3.0"
GROUPS = "https://purl.imsglobal.org/spec/lti-gs/claim/groupsservice"
NOTICES = LTI + "platformnotificationservice"
FOR_USER = LTI + "for_user"
LTI_1P1 = LTI + "lti1p1"
MENTOR = LTI + "role_scope_mentor"
HISTORY_PARAMETER = "coursebridge_history"
"""`$Context.id.history`."""
LINK_HISTORY_PARAMETER = "coursebridge_link_history"
"""`$ResourceLink.id.history`."""
COURSE_PARAMETER = "coursebridge_course"
"""`$Canvas.course.id`: what Canvas's list of previous courses speaks of."""
PREVIOUS_PARAMETER = "coursebridge_previous"
"""`$Canvas.course.previousCourseIds`."""
OBSERVEES_PARAMETER = "coursebridge_observees"
"""`$com.instructure.User.observees`."""
MOST_IDS = 1000
MOST_OBSERVED = 100
MOST_PREVIOUS = 50
"""Courses before this one that are looked for here."""


@dataclass(frozen=True)
class Envelope:
    """What every signed message of a platform has, launches and notices alike."""

    issuer: str
    audiences: tuple[str, ...]
    azp: str | None
    exp: float
    iat: float
    nbf: float | None
    nonce: str
    deployment_id: str


@dataclass(frozen=True)
class GroupsClaim:
    """Course Groups Service 1.0: https://www.imsglobal.org/spec/lti-gs/v1p0/."""

    groups_url: str
    sets_url: str | None
    scopes: tuple[str, ...]


@dataclass(frozen=True)
class NoticesClaim:
    """Platform Notification Service 1.0: https://www.imsglobal.org/spec/lti-pns/v1p0/."""

    url: str
    types: tuple[str, ...]
    scopes: tuple[str, ...]


@dataclass(frozen=True)
class LegacyClaim:
    """Who the person was under LTI 1.1: https://www.imsglobal.org/spec/lti/v1p3/migr/."""

    consumer_key: str
    signature: str
    user_id: str | None
    """None: the same as `sub`."""


@dataclass(frozen=True)
class HistoryClaim:
    """Where a course or an activity was copied from, the newest first. All empty where the platform does not say."""

    contexts: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    course: str = ""
    """The platform's own number of this course, which other platforms' lists do not use."""
    previous_courses: tuple[str, ...] = ()


def read_envelope(top: Reader) -> Envelope:
    """Raises: Invalid: something is missing, or the version is not ours."""
    if top.text(LTI + "version", required=True) != VERSION:
        raise bad_claim("version", f"is not {VERSION}")
    return Envelope(
        issuer=top.text("iss", required=True),
        audiences=_audiences(top),
        azp=top.find_text("azp"),
        exp=top.moment("exp"),
        iat=top.moment("iat"),
        nbf=top.moment("nbf") if top.has("nbf") else None,
        nonce=top.text("nonce", required=True),
        deployment_id=top.text(LTI + "deployment_id", required=True),
    )


def _audiences(top: Reader) -> tuple[str, ...]:
    try:
        found: tuple[str, ...] = (top.text("aud", required=True),)
    except Invalid:
        found = top.texts("aud", required=True)
    if not found:
        raise bad_claim("aud", "is empty")
    return found


def read_groups(top: Reader) -> GroupsClaim | None:
    """The claim, None where the platform has no groups."""
    claim = top.find(GROUPS)
    url = claim.find_text("context_groups_url", URL_LENGTH) if claim else None
    if claim is None or not url:
        return None
    return GroupsClaim(url, claim.find_text("context_group_sets_url", URL_LENGTH) or None, claim.texts("scope"))


def read_notices(top: Reader) -> NoticesClaim | None:
    """The claim, None where the platform sends no notices."""
    claim = top.find(NOTICES)
    url = claim.find_text("platform_notification_service_url", URL_LENGTH) if claim else None
    if claim is None or not url:
        return None
    return NoticesClaim(url, claim.texts("notice_types_supported"), claim.texts("scope"))


def read_for_user(top: Reader, *, required: bool) -> str | None:
    """`sub` of the learner whose work is to be shown (Submission Review 1.0)."""
    claim = top.find(FOR_USER, required=required)
    return claim.find_text("user_id", required=True) if claim else None


def read_legacy(top: Reader) -> LegacyClaim | None:
    """The claim, None without a consumer key: then there is nothing that could be believed."""
    claim = top.find(LTI_1P1)
    key = claim.find_text("oauth_consumer_key") if claim else None
    if claim is None or not key:
        return None
    return LegacyClaim(key, claim.text("oauth_consumer_key_sign"), claim.find_text("user_id") or None)


def read_observed(top: Reader, custom: Reader | None) -> tuple[str, ...]:
    """`sub` of everybody whom the person mentors, by the claim or by Canvas's variable."""
    named = top.texts(MENTOR, limit=MOST_IDS)
    told = read_ids(custom.find_text(OBSERVEES_PARAMETER, OPAQUE_LENGTH) if custom else None)
    return tuple(dict.fromkeys(sub for sub in (*named, *told) if _fits(sub)))[:MOST_OBSERVED]


def read_history(custom: Reader | None) -> HistoryClaim:
    """From the custom parameters that the platform was asked to fill."""
    if custom is None:
        return HistoryClaim()
    lists = {
        name: read_ids(custom.find_text(name, OPAQUE_LENGTH * 2))
        for name in (HISTORY_PARAMETER, LINK_HISTORY_PARAMETER, PREVIOUS_PARAMETER)
    }
    course = custom.find_text(COURSE_PARAMETER) or ""
    return HistoryClaim(
        contexts=tuple(map(unquote, lists[HISTORY_PARAMETER]))[:MOST_PREVIOUS],
        links=tuple(map(unquote, lists[LINK_HISTORY_PARAMETER]))[:MOST_PREVIOUS],
        course="" if course.startswith("$") else course,
        previous_courses=lists[PREVIOUS_PARAMETER][:MOST_PREVIOUS],
    )


def read_ids(text: str | None) -> tuple[str, ...]:
    """The entries of a list with commas. A variable that the platform does not know arrives as its own name.

    Canvas ends a long list of courses with the word `truncated`, or `timed out`.
    """
    if not text or text.startswith("$"):
        return ()
    return tuple(_ids(part.strip() for part in text.split(",")))


def _ids(parts: Iterable[str]) -> Iterable[str]:
    for count, part in enumerate(parts):
        if part.lower() in ("truncated", "timed out") or count >= MOST_IDS:
            return
        if _fits(part):
            yield part


def _fits(text: str) -> bool:
    return 0 < len(text) <= ID_LENGTH and "\0" not in text
