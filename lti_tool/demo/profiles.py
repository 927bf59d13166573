"""How Moodle and Canvas differ, as data.

Every field names one behaviour; the endpoints ask the profile instead of comparing names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

_MEMBERSHIP = "http://purl.imsglobal.org/vocab/lis/v2/membership"
_INSTITUTION = "http://purl.imsglobal.org/vocab/lis/v2/institution/person"
_SYSTEM = "http://purl.imsglobal.org/vocab/lis/v2/system/person"
_AGS = "https://purl.imsglobal.org/spec/lti-ags/scope"
LINE_ITEM_SCOPE = f"{_AGS}/lineitem"
LINE_ITEM_READONLY_SCOPE = f"{_AGS}/lineitem.readonly"
RESULT_SCOPE = f"{_AGS}/result.readonly"
SCORE_SCOPE = f"{_AGS}/score"
MEMBERS_SCOPE = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"
NOTICES_SCOPE = "https://purl.imsglobal.org/spec/lti/scope/noticehandlers"
GROUPS_SCOPE = "https://purl.imsglobal.org/spec/lti-gs/scope/contextgroup.readonly"
SERVICE_SCOPES = (LINE_ITEM_SCOPE, LINE_ITEM_READONLY_SCOPE, RESULT_SCOPE, SCORE_SCOPE, MEMBERS_SCOPE)


NOTICE_TYPES = ("LtiHelloWorldNotice", "LtiContextCopyNotice")


class Role(StrEnum):
    """What a person is in the course."""

    LEARNER = "learner"
    TEACHER = "teacher"
    ASSISTANT = "assistant"
    OBSERVER = "observer"
    TEST_STUDENT = "test_student"
    ADMIN = "admin"


@dataclass(frozen=True)
class Profile:
    """The observable behaviour of one kind of platform."""

    name: str
    title: str
    """The name people know, for pages."""
    version: str
    # --- launch
    login_methods: tuple[str, ...]
    """HTTP methods of the login initiation; the first is the usual one."""
    numeric_sub: bool
    """``sub`` is the person's row number as a string, else a UUID."""
    json_message_hint: bool
    """``lti_message_hint`` is JSON, else an opaque word."""
    storage_target: str | None
    """``lti_storage_target`` of the login, when the platform offers postMessage storage."""
    cookie_same_site: str
    """``SameSite`` of its own session: with ``Lax`` it is lost when a frame's script navigates to the platform."""
    login_extras: Mapping[str, str]
    """Further fixed parameters of the login."""
    prompt_required: bool
    """The authentication request must say ``prompt=none``; else it may leave the prompt out."""
    redirect_query_subset: bool
    """A redirect URI may add query parameters to a registered one; else it is exact."""
    dead_launch_error: str | None
    """OAuth error posted to the tool when the hint was used before; None shows a page of the platform."""
    id_token_life_s: int
    context_type: str
    launch_roles: Mapping[Role, tuple[str, ...]]
    member_roles: Mapping[Role, tuple[str, ...]]
    sends_azp: bool
    sends_lis: bool
    mentors: frozenset[Role]
    """Roles whose launch names the people they watch."""
    vendor_variables: bool
    """Knows the ``$Canvas`` variables."""
    memberships_custom: bool
    """Add ``context_memberships_url`` to the custom claim."""
    shared_link_hides_line_item: bool
    """Two line items on one link: the launch names neither."""
    names_and_roles_after_use: bool
    """Deep linking launches lack the roster claim until the tool has an activity in the course."""
    # --- deep linking
    accept_multiple: bool
    deep_link_data: bool
    """Send ``data`` in the settings and want it back."""
    item_points_max: int | None
    """Largest ``scoreMaximum`` of a deep link item, which must then be whole; None: any positive number."""
    drop_bad_items: bool
    """Of several items, the bad ones are dropped silently; a single bad one is an error."""
    title_is_label: bool
    """The activity's title names the column, whatever ``lineItem.label`` says."""
    newline_splits_custom: bool
    """A newline in a custom value begins a new parameter."""
    # --- token
    strict_assertion: bool
    """Check ``aud``, ``iss`` and a fresh ``jti`` of the client assertion."""
    assertion_leeway_s: int
    """How far ``iat`` of a JWT from the tool may lie ahead."""
    intersect_scopes: bool
    """Grant what remains of the scopes asked for; else one that is not allowed refuses all."""
    jwks_failure_is_html: bool
    """A tool's JWKS that cannot be read answers an HTML page."""
    # --- assignment and grade services
    service_query: str
    """Query of every service URL; ``{tool}`` is the tool's number."""
    line_item_tail: str
    """Ends the path of a line item's URL."""
    stores_extra: bool
    """Dates and extensions of a line item are kept; else they are echoed once and forgotten."""
    put_unlinks: bool
    """PUT without ``resourceLinkId`` takes the line item off its link; else PUT renames the activity."""
    exact_media_types: bool
    """Refuse ``application/json``, lists and wildcards where the service names a media type."""
    line_items_page: int | None
    """Line items a page unless ``limit`` says less; None: all."""
    quoted_link_header: bool
    """Line items' ``Link`` has curly quotes and ``&amp;``."""
    results_take_limit: bool
    """Else ``limit`` on results answers an HTML 404."""
    timestamp_step_s: float
    """Timestamps are rounded down to this many seconds before they are compared; 0: compared as they are."""
    equal_timestamp_refused: bool
    stale_timestamp_status: int
    counted_progress: frozenset[str]
    """``gradingProgress`` values whose score counts; any other clears the grade."""
    preserve_score: bool
    """The submission extension may keep the grade that would be cleared."""
    score_maximum_status: int
    """Answer to a score without its maximum."""
    cap_scores: bool
    """Scores above the maximum are lowered to it."""
    negative_status: int | None
    """Answer to a negative score; None counts it as 0."""
    overrides_always_win: bool
    """A teacher's override stays; else a score replaces it unless it asks ``prioritize_non_tool_grade``."""
    bad_user_status: int
    numeric_users_only: bool
    """A ``userId`` that is no number breaks the answer (502 HTML); else both ``sub`` and the number are known."""
    reason_phrase_errors: bool
    """Service errors say why in the HTTP reason phrase and have the body ``[]``."""
    submission_extension: bool
    own_column_delete_status: int
    """Answer to DELETE of the line item an activity was made with; 204 deletes it."""
    line_item_dates: bool
    """Dates of a deep link item and of a line item become those of the activity; else they are echoed once."""
    submission_review: bool
    """Line items keep ``submissionReview``, and the gradebook opens the work by that message."""
    # --- other services
    groups: bool
    """Course Groups Service; core Moodle and Canvas lack it, a Moodle with the plugin has it."""
    notices: bool
    """Platform Notification Service."""
    # --- names and roles
    members_page: int | None
    """Members a page at most; None: all unless ``limit`` says less."""
    next_drops_role: bool
    """The next page's link loses the role filter."""
    # --- dynamic registration
    token_reads_configuration: bool
    """The registration token is needed as Bearer to read the OpenID configuration too."""
    unknown_scope_refused: bool
    registered_state: str
    """State of a tool that registered itself: ``active`` or ``pending``."""
    answer_has_deployment: bool


MOODLE = Profile(
    name="moodle",
    title="Moodle",
    version="2024100706",
    login_methods=("POST",),
    numeric_sub=True,
    json_message_hint=True,
    storage_target=None,
    cookie_same_site="Lax",
    login_extras={},
    prompt_required=False,
    redirect_query_subset=False,
    dead_launch_error=None,
    id_token_life_s=60,
    context_type="CourseSection",
    launch_roles={
        Role.LEARNER: (f"{_MEMBERSHIP}#Learner",),
        Role.TEACHER: (f"{_MEMBERSHIP}#Instructor",),
        Role.ASSISTANT: (f"{_MEMBERSHIP}#Instructor",),
        Role.OBSERVER: (f"{_MEMBERSHIP}#Learner",),
        Role.TEST_STUDENT: (f"{_MEMBERSHIP}#Learner",),
        Role.ADMIN: (f"{_INSTITUTION}#Administrator", f"{_MEMBERSHIP}#Instructor", f"{_SYSTEM}#Administrator"),
    },
    member_roles={
        Role.LEARNER: ("Learner",),
        Role.TEACHER: ("Instructor",),
        Role.ASSISTANT: ("Learner",),  # the roster asks for another capability than the launch does
        Role.OBSERVER: ("Learner",),
        Role.TEST_STUDENT: ("Learner",),
        Role.ADMIN: ("Instructor",),
    },
    sends_azp=False,
    sends_lis=True,
    mentors=frozenset(),
    vendor_variables=False,
    memberships_custom=True,
    shared_link_hides_line_item=True,
    names_and_roles_after_use=True,
    accept_multiple=True,
    deep_link_data=False,
    item_points_max=100,
    drop_bad_items=True,
    title_is_label=True,
    newline_splits_custom=True,
    strict_assertion=False,
    assertion_leeway_s=0,
    intersect_scopes=True,
    jwks_failure_is_html=True,
    service_query="type_id={tool}",
    line_item_tail="/lineitem",
    stores_extra=False,
    put_unlinks=True,
    exact_media_types=True,
    line_items_page=None,
    quoted_link_header=True,
    results_take_limit=False,
    timestamp_step_s=1.0,
    equal_timestamp_refused=True,
    stale_timestamp_status=409,
    counted_progress=frozenset({"FullyGraded"}),
    preserve_score=False,
    score_maximum_status=400,
    cap_scores=True,
    negative_status=None,
    overrides_always_win=True,
    bad_user_status=400,
    numeric_users_only=True,
    reason_phrase_errors=True,
    submission_extension=False,
    own_column_delete_status=204,
    line_item_dates=False,
    submission_review=True,
    groups=True,
    notices=False,
    members_page=None,
    next_drops_role=True,
    token_reads_configuration=False,
    unknown_scope_refused=False,
    registered_state="pending",
    answer_has_deployment=True,
)

_CANVAS_ROLES: Mapping[Role, tuple[str, ...]] = {
    Role.LEARNER: (f"{_INSTITUTION}#Student", f"{_MEMBERSHIP}#Learner", f"{_SYSTEM}#User"),
    Role.TEACHER: (f"{_INSTITUTION}#Instructor", f"{_MEMBERSHIP}#Instructor", f"{_SYSTEM}#User"),
    Role.ASSISTANT: (
        f"{_INSTITUTION}#Student",  # a learner in another course: institution roles prove nothing here
        f"{_MEMBERSHIP}#Instructor",
        "http://purl.imsglobal.org/vocab/lis/v2/membership/Instructor#TeachingAssistant",
        f"{_SYSTEM}#User",
    ),
    Role.OBSERVER: (f"{_INSTITUTION}#Observer", f"{_MEMBERSHIP}#Mentor", f"{_SYSTEM}#User"),
    Role.TEST_STUDENT: (f"{_MEMBERSHIP}#Learner", f"{_SYSTEM}#TestUser"),
    Role.ADMIN: (f"{_INSTITUTION}#Administrator", f"{_SYSTEM}#User"),
}

CANVAS = Profile(
    name="canvas",
    title="Canvas",
    version="cloud",
    login_methods=("POST", "GET"),
    numeric_sub=False,
    json_message_hint=False,
    storage_target="post_message_forwarding",
    cookie_same_site="None",
    login_extras={"canvas_region": "us-east-1", "canvas_environment": "prod"},
    prompt_required=True,
    redirect_query_subset=True,
    dead_launch_error="launch_no_longer_valid",
    id_token_life_s=3600,
    context_type="http://purl.imsglobal.org/vocab/lis/v2/course#CourseOffering",
    launch_roles=_CANVAS_ROLES,
    member_roles={role: tuple(r for r in roles if "/membership" in r) for role, roles in _CANVAS_ROLES.items()},
    sends_azp=True,
    sends_lis=False,
    mentors=frozenset({Role.OBSERVER}),
    vendor_variables=True,
    memberships_custom=False,
    shared_link_hides_line_item=False,
    names_and_roles_after_use=False,
    accept_multiple=False,
    deep_link_data=True,
    item_points_max=None,
    drop_bad_items=False,
    title_is_label=False,
    newline_splits_custom=False,
    strict_assertion=True,
    assertion_leeway_s=60,
    intersect_scopes=False,
    jwks_failure_is_html=False,
    service_query="",
    line_item_tail="",
    stores_extra=True,
    put_unlinks=False,
    exact_media_types=False,
    line_items_page=10,
    quoted_link_header=False,
    results_take_limit=True,
    timestamp_step_s=0.0,
    equal_timestamp_refused=False,
    stale_timestamp_status=400,
    counted_progress=frozenset({"FullyGraded", "PendingManual"}),
    preserve_score=True,
    score_maximum_status=422,
    cap_scores=False,
    negative_status=422,
    overrides_always_win=False,
    bad_user_status=422,
    numeric_users_only=False,
    reason_phrase_errors=False,
    submission_extension=True,
    own_column_delete_status=401,
    line_item_dates=True,
    submission_review=False,
    groups=False,
    notices=True,
    members_page=50,
    next_drops_role=False,
    token_reads_configuration=True,
    unknown_scope_refused=True,
    registered_state="active",
    answer_has_deployment=False,
)

PROFILES: Mapping[str, Profile] = {MOODLE.name: MOODLE, CANVAS.name: CANVAS}


def supported_scopes(profile: Profile) -> tuple[str, ...]:
    """The service scopes that a platform of this kind knows."""
    further = ((profile.groups, GROUPS_SCOPE), (profile.notices, NOTICES_SCOPE))
    return (*SERVICE_SCOPES, *(scope for is_there, scope in further if is_there))
