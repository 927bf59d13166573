"""Sessions that live in a frame's path, not in a shared cookie (docs/adr/0003).

After a launch every page of the frame is below `/s/<token>/`. The token is the session, so two activities open in
one browser never mix, every form is safe from forgery (nobody else can know its address) and pages work where no cookie
survives. Where the browser did keep our cookie, the session is bound to it too, and the address alone opens nothing.
The server keeps only digests.
"""

import hashlib
import secrets
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import g, request
from sqlalchemy import JSON, Row, Select, String, Table, bindparam, delete, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column

from lti_tool.kernel import clock
from lti_tool.kernel.db import Base, Tx, together
from lti_tool.kernel.errors import AppError, Forbidden, Unauthenticated
from lti_tool.kernel.permissions import Right, Role, rights_of
from lti_tool.kernel.prepared import Prepared
from lti_tool.kernel.types import EnumValue, UtcDateTime
from lti_tool.kernel.upsert import insert_new
from lti_tool.web.runtime import current_runtime
from lti_tool.web.wsgi import read_cookie

BROWSER_COOKIE = "__Host-coursebridge"
PREFIX = "/s/"
TOKEN_KEY = "coursebridge.session_token"
HOLES_KEY = "coursebridge_holes"
_OF_REQUEST, _UNREAD = "coursebridge_session", object()
WINDOW_PASS = "window_pass"
KEPT = timedelta(days=7)

P = ParamSpec("P")
R = TypeVar("R")


class SessionRow(Base):
    """One launch's session."""

    __tablename__ = "web_session"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    browser_digest: Mapped[str | None] = mapped_column(String(64))
    user_id: Mapped[int] = mapped_column(index=True)
    registration_id: Mapped[int] = mapped_column(index=True)
    context_id: Mapped[int | None]
    link_id: Mapped[int | None]
    course_slug: Mapped[str | None] = mapped_column(String(80))
    placement_id: Mapped[int | None]
    role: Mapped[Role] = mapped_column(EnumValue(Role))
    granted: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    """Rights of assistants in the LMS course; None: the teacher has not said."""
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


_SESSIONS = cast(Table, SessionRow.__table__)
_BY_DIGEST = Prepared(select(_SESSIONS).where(_SESSIONS.c.digest == bindparam("digest")))


@dataclass(frozen=True)
class SignedIn:
    """Who a launch signed in, and where: all that views and templates need, read in one query."""

    user_id: int
    registration_id: int
    context_id: int | None
    link_id: int | None
    course_slug: str | None
    """The one course that this session may open."""
    role: Role
    display_name: str
    hub_name: str
    course_title: str
    platform_name: str
    frame_origin: str
    """Origin of the LMS, the only one that may frame the pages; empty: none."""
    return_url: str
    """Where the LMS wants the person back; empty if it did not say."""
    locale: str
    deep_linking: dict[str, Any] | None = None
    """Set while a teacher picks content: the deep linking settings of the launch."""
    brand: str = ""
    """The platform's brand colour, six hexadecimal digits; empty: it sent none (web/brand.py)."""
    placement_id: int | None = None
    """That course as the LMS course of this session uses it; set whenever `course_slug` is."""
    administers: bool = False
    """May this person open the console of the tool? An administrator of a platform that is trusted for that."""
    granted: tuple[str, ...] | None = None
    """What the teacher of the LMS course lets assistants do; None: nobody has said."""
    ends_at: datetime | None = None
    """When the session is over; a session made from this one ends then too. None: of a launch just now."""
    launched: dict[str, Any] | None = None
    """How the launch went, for `/lti/check`."""

    @property
    def rights(self) -> frozenset[Right]:
        """What this person may do in the course."""
        return rights_of(self.role, self.granted)


_FACTS = (
    "display_name",
    "hub_name",
    "course_title",
    "platform_name",
    "frame_origin",
    "return_url",
    "locale",
    "deep_linking",
    "brand",
    "administers",
    "launched",
)


def start_session(tx: Tx, signed_in: SignedIn, browser_secret: str | None) -> str:
    """Make a session and return its token. `browser_secret` is the value of our cookie if the browser sent it back."""
    token, moment = secrets.token_urlsafe(32), clock.now()
    life = timedelta(hours=current_runtime().settings.web.session_hours)
    row = {
        "digest": digest_of(token),
        "browser_digest": digest_of(browser_secret) if browser_secret else None,
        "user_id": signed_in.user_id,
        "registration_id": signed_in.registration_id,
        "context_id": signed_in.context_id,
        "link_id": signed_in.link_id,
        "course_slug": signed_in.course_slug,
        "placement_id": signed_in.placement_id,
        "role": signed_in.role,
        "granted": None if signed_in.granted is None else list(signed_in.granted),
        "facts": {name: getattr(signed_in, name) for name in _FACTS},
        "created_at": moment,
        "expires_at": signed_in.ends_at or moment + life,
    }
    insert_new(tx, SessionRow, row)
    return token


def accept_session(row: Row[Any] | None, browser_secret: str | None) -> SignedIn | None:
    """What a stored session says, unless it is over or belongs to another browser."""
    if row is None or row.expires_at <= clock.now():
        return None
    if row.browser_digest and (
        not browser_secret or not secrets.compare_digest(row.browser_digest, digest_of(browser_secret))
    ):
        return None
    return read_session(row)


def find_session_rows(tx: Tx, digests: Iterable[str]) -> dict[str, Row[Any]]:
    """The columns of several stored sessions, by digest. One round trip."""
    with together(tx) as ask:
        rows = ask(_BY_DIGEST, [{"digest": digest} for digest in sorted(digests)])
    return {row.digest: row for row in rows()}


def read_session(row: "SessionRow | Row[Any]") -> SignedIn:
    """What a stored session says. Whether it is over, and whose browser asks, is for the caller to check."""
    return SignedIn(
        user_id=row.user_id,
        registration_id=row.registration_id,
        context_id=row.context_id,
        link_id=row.link_id,
        course_slug=row.course_slug,
        placement_id=row.placement_id,
        role=row.role,
        granted=None if row.granted is None else tuple(row.granted),
        ends_at=row.expires_at,
        **row.facts,
    )


def end_sessions_of(tx: Tx, user_id: int) -> None:
    """Sign a person out everywhere."""
    tx.execute(delete(SessionRow).where(SessionRow.user_id == user_id))


def grant_to_assistants(tx: Tx, context_id: int, granted: Iterable[str]) -> None:
    """Give the assistants of an LMS course these rights in the sessions that they have open."""
    open_now = update(SessionRow).where(SessionRow.context_id == context_id, SessionRow.role == Role.ASSISTANT)
    tx.execute(open_now.values(granted=list(granted)).execution_options(synchronize_session=False))


def end_sessions_in(tx: Tx, context_id: int, user_ids: Collection[int]) -> None:
    """Sign people out of everything that they opened from one LMS course."""
    mine = (SessionRow.user_id.in_(user_ids), SessionRow.context_id == context_id)
    tx.execute(delete(SessionRow).where(*mine))


def end_sessions_of_platform(tx: Tx, registration_id: int) -> None:
    """Sign everybody of a platform out."""
    tx.execute(delete(SessionRow).where(SessionRow.registration_id == registration_id))


def end_sessions_of_contexts(tx: Tx, context_ids: Select[int]) -> None:
    """Sign everybody of these LMS courses out. `context_ids` is a query."""
    tx.execute(delete(SessionRow).where(SessionRow.context_id.in_(context_ids)))


def forget_expired_sessions(tx: Tx) -> None:
    """Delete sessions that were over a week ago; until then "the session is over" can be read in the LMS's frame."""
    tx.execute(delete(SessionRow).where(SessionRow.expires_at < clock.now() - KEPT))


def digest_of(token: str) -> str:
    """What is stored of a secret."""
    return hashlib.sha256(token.encode()).hexdigest()


def session_path(token: str, path: str) -> str:
    """The path of a page within a session. `path` begins with `/`."""
    return f"{PREFIX}{token}{path}"


def current_session() -> SignedIn:
    """The session of this request. Raises: Unauthenticated."""
    found = find_current_session()
    if found is None:
        raise Unauthenticated(
            "session_over",
            "You are not signed in here, or the session is over. Open the activity again from your course.",
        )
    return found


def find_current_session() -> SignedIn | None:
    """The session of this request, read once, or None."""
    kept: Any = g.get(_OF_REQUEST, _UNREAD)
    if kept is _UNREAD:
        token = request.environ.get(TOKEN_KEY)
        kept = _read(token) if token else None
        take_for_current(kept)
    found: SignedIn | None = kept
    return found


def take_for_current(session: SignedIn | None) -> None:
    """Have this be the session of this request."""
    setattr(g, _OF_REQUEST, session)


def do_without_session() -> None:
    """For the page of an error: where the session cannot be read either, there is none."""
    try:
        find_current_session()
    except SQLAlchemyError:
        take_for_current(None)


def window_pass(url: str) -> str:
    """What a form carries that posts to `url` (of this session) in a new window.

    A top-level window has another cookie jar than the frame, so the cookie that binds the session is not sent there.
    The pass proves that whoever posts could read this session's page. It opens this one address, by POST only.
    """
    path = url.removeprefix(request.script_root)

    def sign() -> str:
        token = request.environ.get(TOKEN_KEY)
        if token is None:
            return ""
        return current_runtime().signer.sign(WINDOW_PASS, {"session": digest_of(token), "path": path})

    return write_own(sign)


def write_own(make: Callable[[], str]) -> str:
    """What `make` makes of this session alone; on a page that is kept for others as well, a hole (`web/kept.py`).

    `make` is asked again within the request of each session: it holds nothing of this one. What it makes needs no
    escaping.
    """
    dig: Callable[[Callable[[], str]], str] | None = g.get(HOLES_KEY)
    return dig(make) if dig else make()


def _read(token: str) -> SignedIn | None:
    rows = current_runtime().db.read(_BY_DIGEST, {"digest": digest_of(token)})
    row = rows[0] if rows else None
    found = accept_session(row, read_cookie(request.environ, BROWSER_COOKIE))
    if found is None and row is not None and row.expires_at > clock.now() and _holds_window_pass(token):
        found = read_session(row)
    return found


def _holds_window_pass(token: str) -> bool:
    if request.method != "POST" or WINDOW_PASS not in request.form:
        return False
    runtime = current_runtime()
    try:
        said = runtime.signer.verify(WINDOW_PASS, request.form[WINDOW_PASS], runtime.settings.web.session_hours * 3600)
    except AppError:
        return False
    return bool(said == {"session": digest_of(token), "path": request.path})


def roles_required(*roles: Role) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let only these roles in. Raises (when called): Unauthenticated, Forbidden."""

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            if current_session().role not in roles:
                raise Forbidden("role_refused", "This page is not for your role in this course.")
            return view(*args, **kwargs)

        return guarded

    return decorate


def require_right(right: Right) -> SignedIn:
    """The session, if its person has this right. Raises: Unauthenticated, Forbidden."""
    session = current_session()
    if right not in session.rights:
        message = "This page is not for your role in this course."
        if session.role is Role.ASSISTANT:
            message = "The teacher of this course has not given assistants the right to do this. Ask the teacher."
        raise Forbidden("right_missing", message, {"right": right.value})
    return session


def right_required(right: Right) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let only those in who have this right. Raises (when called): Unauthenticated, Forbidden."""

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            require_right(right)
            return view(*args, **kwargs)

        return guarded

    return decorate


def open_course(slug: str) -> SignedIn:
    """The session, if it may open this course. Raises: Unauthenticated, Forbidden."""
    session = current_session()
    if session.course_slug != slug:
        raise Forbidden("course_refused", "This session is for another course. Open the activity again from your LMS.")
    return session


class SessionPrefix:
    """WSGI middleware: moves `/s/<token>` from the path to SCRIPT_NAME: every generated link stays in the session."""

    def __init__(self, app: WSGIApplication) -> None:
        """`app` is what comes next."""
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        path = environ.get("PATH_INFO", "")
        if path.startswith(PREFIX):
            token, slash, rest = path.removeprefix(PREFIX).partition("/")
            environ[TOKEN_KEY] = token
            environ["coursebridge.root"] = environ.get("SCRIPT_NAME", "")
            environ["SCRIPT_NAME"] = f"{environ.get('SCRIPT_NAME', '')}{PREFIX}{token}"
            environ["PATH_INFO"] = slash + rest
        return self._app(environ, start_response)
