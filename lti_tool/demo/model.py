"""The things a campus keeps, as frozen rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lti_tool.demo.profiles import Role


class CampusError(Exception):
    """Something the campus refuses, with the reason for people and an HTTP status."""

    def __init__(self, message: str, status: int = 400, code: str = "invalid_request") -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        """OAuth or platform error code."""


@dataclass(frozen=True)
class Person:
    """Somebody with an account on the campus."""

    id: int
    username: str
    given_name: str
    family_name: str
    email: str
    role: Role
    sub: str
    """The subject in LTI messages: numeric on Moodle, a UUID on Canvas."""
    observes: str | None = None
    """Username of the learner an observer may watch."""
    enrolled: bool = True
    """In the course; an administrator is not."""
    suspended: bool = False
    """In the course without access to it, for the time being."""

    @property
    def name(self) -> str:
        """Full name."""
        return f"{self.given_name} {self.family_name}".strip()

    @property
    def is_graded(self) -> bool:
        """Has a row in the gradebook."""
        return self.enrolled and not self.suspended and self.role in {Role.LEARNER, Role.TEST_STUDENT}

    @property
    def is_staff(self) -> bool:
        """Sees the gradebook and the roster of everyone."""
        return self.role in {Role.TEACHER, Role.ASSISTANT, Role.ADMIN}

    @property
    def may_edit(self) -> bool:
        """Adds and deletes activities."""
        return self.role in {Role.TEACHER, Role.ADMIN}


@dataclass(frozen=True)
class Course:
    """The one course of the campus."""

    id: str
    title: str
    label: str


@dataclass(frozen=True)
class Tool:
    """A registered tool; one deployment each."""

    id: int
    name: str
    client_id: str
    deployment_id: str
    login_url: str
    jwks_url: str
    redirect_uris: tuple[str, ...]
    target_link_uri: str
    deep_link_url: str
    scopes: tuple[str, ...]
    custom: Mapping[str, str] = field(default_factory=dict)
    state: str = "active"
    """``active`` or ``pending`` (an administrator must accept it first)."""
    shares_name: bool = True
    shares_email: bool = True

    @property
    def is_active(self) -> bool:
        """Can be launched."""
        return self.state == "active"


@dataclass(frozen=True)
class Activity:
    """A resource link in the course."""

    id: int
    tool_id: int
    title: str
    text: str
    url: str
    custom: Mapping[str, str]
    resource_link_id: str


@dataclass(frozen=True)
class LineItem:
    """A column of the gradebook."""

    id: int
    tool_id: int
    activity_id: int | None
    """The activity whose resource link it belongs to."""
    label: str
    score_maximum: float
    resource_id: str = ""
    tag: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Dates and extensions, kept as they came."""
    own_column: bool = False
    """Made together with its activity, not by the tool later."""


@dataclass(frozen=True)
class Grade:
    """What the gradebook says about a person in a column, in the column's points."""

    line_item_id: int
    person_id: int
    score: float | None
    comment: str = ""
    activity_progress: str = ""
    grading_progress: str = ""
    score_time: float = 0.0
    """Epoch seconds of the newest score's timestamp."""
    override: float | None = None
    """The teacher's own grade, which wins."""
    submission: Mapping[str, Any] = field(default_factory=dict)
    """What the tool said about the submission."""

    @property
    def final(self) -> float | None:
        """The grade that counts."""
        return self.score if self.override is None else self.override


@dataclass(frozen=True)
class ReceivedScore:
    """One POST to a scores endpoint, accepted or not."""

    id: int
    line_item_id: int
    user_id: str
    """``userId`` as it came."""
    received_at: float
    status: int
    reason: str
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Launch:
    """A launch that was started and may be authorised once."""

    id: str
    """Stands in ``lti_message_hint``."""
    person_id: int
    tool_id: int
    activity_id: int | None
    """None: deep linking."""
    return_token: str
    """Names this launch in the deep linking return URL."""
    used: bool = False
    returned: bool = False
    for_user: str | None = None
    """Username of the learner whose submission is reviewed."""

    @property
    def is_deep_linking(self) -> bool:
        """The teacher selects content."""
        return self.activity_id is None


@dataclass(frozen=True)
class FormPost:
    """A form that a browser submits on its own."""

    url: str
    fields: Mapping[str, str]
    method: str = "POST"
