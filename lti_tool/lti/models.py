"""The tables of LTI: who may launch, what was launched, and by whom."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from lti_tool.kernel.db import Base
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.types import EnumValue, UtcDateTime

ID_LENGTH = 255
"""Longest identifier of LTI 1.3 (deployment, context, resource link, sub)."""


class Approval(StrEnum):
    """pending → active; active ⇄ disabled. Only what is active may launch."""

    PENDING = "pending"
    ACTIVE = "active"
    DISABLED = "disabled"


class Registration(Base):
    """One client of one platform. Every Canvas school shares one issuer, so the pair is what is unique."""

    __tablename__ = "lti_registration"
    __table_args__ = (UniqueConstraint("issuer", "client_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(ID_LENGTH))
    issuer: Mapped[str] = mapped_column(String(ID_LENGTH))
    client_id: Mapped[str] = mapped_column(String(ID_LENGTH))
    auth_url: Mapped[str] = mapped_column(Text)
    token_url: Mapped[str] = mapped_column(Text)
    jwks_url: Mapped[str] = mapped_column(Text)
    token_audience: Mapped[str | None] = mapped_column(Text)
    """`aud` of our client assertion where the platform wants another than the token URL."""
    service_hosts: Mapped[list[str]] = mapped_column(JSON, default=list)
    """Further `host[:port]` that belong to the platform, beside those of its URLs."""
    dialect: Mapped[str] = mapped_column(String(40), default="generic")
    state: Mapped[Approval] = mapped_column(EnumValue(Approval), default=Approval.ACTIVE)
    learns_deployments: Mapped[bool] = mapped_column(default=True)
    """Is a deployment that was never seen accepted (or kept for approval)? Not when they were named at registration."""
    trusts_administrators: Mapped[bool] = mapped_column(default=False)
    """May its administrators sign in to the console of this tool, which shows every platform?"""
    registration_uri: Mapped[str | None] = mapped_column(Text)
    """Where the platform keeps what it knows of this tool, if it said (LTI Dynamic Registration 1.0, 3.6)."""
    registration_token_cipher: Mapped[str | None] = mapped_column(Text)
    """The token for that address, encrypted."""
    accepts_anonymous: Mapped[bool] = mapped_column(default=False)
    """Is a launch without `sub` let in, as a guest who only reads? 1EdTech's certification wants it refused."""
    legacy_problem: Mapped[str | None] = mapped_column(Text)
    """Why the last LTI 1.1 identity of this platform was not believed; None: it was, or there was none."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Deployment(Base):
    """One installation of the tool in a platform."""

    __tablename__ = "lti_deployment"
    __table_args__ = (UniqueConstraint("registration_id", "deployment_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    registration_id: Mapped[int] = mapped_column(ForeignKey(Registration.id))
    deployment_id: Mapped[str] = mapped_column(String(ID_LENGTH))
    state: Mapped[Approval] = mapped_column(EnumValue(Approval), default=Approval.ACTIVE)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Context(Base):
    """A course of the LMS; of an activity that is launched from outside any course, the activity alone."""

    __tablename__ = "lti_context"
    __table_args__ = (UniqueConstraint("deployment_row_id", "context_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    registration_id: Mapped[int] = mapped_column(ForeignKey(Registration.id), index=True)
    deployment_row_id: Mapped[int] = mapped_column(ForeignKey(Deployment.id))
    context_id: Mapped[str] = mapped_column(String(ID_LENGTH))
    title: Mapped[str] = mapped_column(String(ID_LENGTH), default="")
    assistant_rights: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    """Values of `kernel.permissions.Right` that its teacher gave the assistants; None: nobody has said."""
    memberships_url: Mapped[str | None] = mapped_column(Text)
    """Names and Role Provisioning Services, if the platform offers them here."""
    groups_url: Mapped[str | None] = mapped_column(Text)
    """Course Groups Service, if the platform offers it here."""
    group_sets_url: Mapped[str | None] = mapped_column(Text)
    groups_read_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the groups were last read."""
    lms_course: Mapped[str | None] = mapped_column(String(ID_LENGTH), index=True)
    """The platform's own number of the course, where its lists of previous courses speak of that (Canvas)."""


class Link(Base):
    """A resource link: one activity that a teacher placed in the LMS."""

    __tablename__ = "lti_link"
    __table_args__ = (UniqueConstraint("deployment_row_id", "resource_link_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    registration_id: Mapped[int] = mapped_column(ForeignKey(Registration.id), index=True)
    deployment_row_id: Mapped[int] = mapped_column(ForeignKey(Deployment.id))
    context_id: Mapped[int | None] = mapped_column(ForeignKey(Context.id), index=True)
    resource_link_id: Mapped[str] = mapped_column(String(ID_LENGTH))
    title: Mapped[str] = mapped_column(String(ID_LENGTH), default="")
    item_ref: Mapped[str | None] = mapped_column(String(ID_LENGTH), index=True)
    """What it shows."""
    named_ref: Mapped[str | None] = mapped_column(String(ID_LENGTH))
    """What the platform named at the last launch. A teacher's choice made here holds until it names another."""
    is_inherited: Mapped[bool] = mapped_column(default=False)
    """Does it show what the activity that it was copied from shows?"""
    lineitem_url: Mapped[str | None] = mapped_column(Text)
    lineitem_gone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the platform said that the line item is not there any more: no other one is made unless somebody asks."""
    lineitems_url: Mapped[str | None] = mapped_column(Text)
    scopes: Mapped[list[str]] = mapped_column(JSON, default=list)
    """The AGS scopes that the platform granted at the last launch."""
    results_asked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When its column was last to be compared with what was sent, whatever came of it."""


class User(Base):
    """A person as one platform knows them. Identity is (registration, sub), never an e-mail address."""

    __tablename__ = "lti_user"
    __table_args__ = (UniqueConstraint("registration_id", "sub"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    registration_id: Mapped[int] = mapped_column(ForeignKey(Registration.id))
    sub: Mapped[str] = mapped_column(String(ID_LENGTH))
    hub_name: Mapped[str] = mapped_column(String(40), unique=True)
    """Opaque and stable: the name in JupyterHub and in the gradebook."""
    display_name: Mapped[str] = mapped_column(String(ID_LENGTH))
    is_test: Mapped[bool] = mapped_column(default=False)


class Membership(Base):
    """The role of a person in an LMS course: by their last launch there, and by the LMS's list of participants."""

    __tablename__ = "lti_membership"

    user_id: Mapped[int] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"), primary_key=True)
    context_id: Mapped[int] = mapped_column(ForeignKey(Context.id), primary_key=True, index=True)
    role: Mapped[Role] = mapped_column(EnumValue(Role))
    launched_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """The last launch; None: never, only the list names them."""
    listed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When a list last named them; None: never."""
    listed_role: Mapped[Role | None] = mapped_column(EnumValue(Role))
    """What the list said then. It may differ from launches for good: Moodle asks for another permission there."""
    left_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When we learned that they left; None: they are in the course."""


class Roster(Base):
    """How the list of participants of an LMS course was read (`lti/roster.py`)."""

    __tablename__ = "lti_roster"

    context_id: Mapped[int] = mapped_column(ForeignKey(Context.id), primary_key=True)
    next_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    """When it is due again."""
    requested_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When somebody last asked for it, by the button or by a launch."""
    tried_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When a reading last ended, whatever came of it."""
    began_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the last reading that went well began."""
    full_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the last reading of the whole list began."""
    differences_url: Mapped[str | None] = mapped_column(Text)
    """Where the platform tells what has changed since; None: the next reading is of the whole list."""
    failures: Mapped[int] = mapped_column(default=0)
    """In a row."""
    error: Mapped[str] = mapped_column(Text, default="")
    """Why the last reading failed; empty: it went well."""
    listed: Mapped[int] = mapped_column(default=0)
    """People on the last whole list."""
    joined: Mapped[int] = mapped_column(default=0)
    """Of the last reading that changed something, as are the next two."""
    left: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int] = mapped_column(default=0)
    changed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When a reading last changed something."""


class Visit(Base):
    """A person's last launch of an activity: where their grade goes."""

    __tablename__ = "lti_visit"

    user_id: Mapped[int] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"), primary_key=True)
    link_id: Mapped[int] = mapped_column(ForeignKey(Link.id), primary_key=True, index=True)
    role: Mapped[Role] = mapped_column(EnumValue(Role))
    lineitem_url: Mapped[str | None] = mapped_column(Text)
    """The line item at that launch; another one now is announced again."""
    item_ref: Mapped[str | None] = mapped_column(String(ID_LENGTH))
    placement_id: Mapped[int | None] = mapped_column(ForeignKey("lti_placement.id"))
    """Of the course that it showed."""


class Placement(Base):
    """A course of ours as one course of the LMS uses it: whoever learns or teaches does so in one of these."""

    __tablename__ = "lti_placement"
    # a number that was given once names folders and databases, so it is never given again
    __table_args__ = (UniqueConstraint("context_id", "course_slug"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    context_id: Mapped[int] = mapped_column(ForeignKey(Context.id))
    course_slug: Mapped[str] = mapped_column(String(80), index=True)
    is_assigned: Mapped[bool] = mapped_column(default=False)
    """An activity there shows the course, so it is for the whole class; False: some found it in the catalogue."""


class ToolKey(Base):
    """A signing key of ours. Published from the start, used from `signs_from` on, gone after `retires_at`."""

    __tablename__ = "lti_key"

    serial: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """1, 2, 3 …: two processes that make the next key together agree on one."""
    kid: Mapped[str] = mapped_column(String(64), unique=True)
    public_jwk: Mapped[dict[str, Any]] = mapped_column(JSON)
    private_cipher: Mapped[str] = mapped_column(Text)
    """PEM, encrypted with the operator's secret key."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    signs_from: Mapped[datetime] = mapped_column(UtcDateTime)
    retires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Invite(Base):
    """A one-time link that registers a platform, or updates a registered one. Only its digest is kept."""

    __tablename__ = "lti_invite"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(ID_LENGTH))
    registration_id: Mapped[int | None] = mapped_column(ForeignKey(Registration.id, ondelete="CASCADE"))
    """The platform that it updates; None: it registers a new one."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Refusal(Base):
    """A reason why launches of a platform were refused though their signature held, and how often."""

    __tablename__ = "lti_refusal"

    registration_id: Mapped[int] = mapped_column(ForeignKey(Registration.id, ondelete="CASCADE"), primary_key=True)
    code: Mapped[str] = mapped_column(String(80), primary_key=True)
    text: Mapped[str] = mapped_column(Text)
    """What people read the last time."""
    number: Mapped[int]
    """How often it was noted: at most once in ten seconds."""
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)


class CachedToken(Base):
    """An access token of a platform, shared by all processes."""

    __tablename__ = "lti_token_cache"

    registration_id: Mapped[int] = mapped_column(ForeignKey(Registration.id, ondelete="CASCADE"), primary_key=True)
    scopes_digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    token_cipher: Mapped[str | None] = mapped_column(Text)
    """None: there is none yet, or the platform refused it."""
    refresh_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """From then on another one is asked for, by one process; the others use this one until it expires."""
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    asker: Mapped[str | None] = mapped_column(String(32))
    """Whoever asks the platform for a token at this moment."""
    asking_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Whoever asks has died if it takes longer; after a failure: until then nobody asks again."""
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """What came of the last asking, for those who waited for it; None: a token."""


class CachedKeys(Base):
    """A platform's key set, shared by all processes."""

    __tablename__ = "lti_jwks_cache"

    registration_id: Mapped[int] = mapped_column(ForeignKey(Registration.id, ondelete="CASCADE"), primary_key=True)
    keys: Mapped[dict[str, Any]] = mapped_column(JSON)
    """kid → JWK, RSA signing keys only."""
    fetched_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When `keys` came from the platform; None: never."""
    tried_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When a fetch was last begun, whatever came of it."""
    is_fetching: Mapped[bool] = mapped_column(default=False)
    """Somebody is at it: others wait a moment for what they find."""


MODELS = (
    Registration,
    Deployment,
    Context,
    Link,
    User,
    Membership,
    Roster,
    Visit,
    Placement,
    ToolKey,
    Invite,
    Refusal,
    CachedToken,
    CachedKeys,
)
