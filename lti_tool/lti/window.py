"""The same page in a window of its own.

A top-level window has another cookie jar than the frame, so the frame's session does not open there. The frame's page
carries a pass that only somebody who could read that page has; posting it gives a code that works once within 60
seconds and makes a new session, bound to the new window's cookie.
"""

from dataclasses import dataclass
from datetime import timedelta

from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import AppError, Gone, Unauthenticated
from lti_tool.kernel.once import use_once
from lti_tool.kernel.runtime import Runtime
from lti_tool.web.session import SessionRow, SignedIn, digest_of, read_session

PASS = "lti-window-pass"
CODE = "lti-window-code"
CODE_S = 60


@dataclass(frozen=True)
class Opened:
    """What a code stands for."""

    signed_in: SignedIn
    path: str


def write_pass(runtime: Runtime, session_token: str, path: str) -> str:
    """What a page carries to open itself in a window; as good as the session, as long as the session."""
    return runtime.signer.sign(PASS, {"session": digest_of(session_token), "path": path})


def write_code(runtime: Runtime, session_token: str, window_pass: str) -> str:
    """A one-time code for a pass of this session. Raises: Unauthenticated: the pass is not of this session."""
    life = runtime.settings.web.session_hours * 3600
    try:
        found = runtime.signer.verify(PASS, window_pass, life)
    except AppError as error:
        raise _over() from error
    if found["session"] != digest_of(session_token):
        raise _over()
    return runtime.signer.sign(CODE, found)


def spend_code(tx: Tx, runtime: Runtime, code: str) -> Opened:
    """What to open. Raises: Gone: used before or too old. Invalid: not ours. Unauthenticated: the session is over."""
    found = runtime.signer.verify(CODE, code, CODE_S)
    if not use_once(tx, CODE, code, clock.now() + timedelta(seconds=2 * CODE_S)):
        raise Gone("window_used", "This window was opened before. Go back to your course and open it again from there.")
    row = tx.get(SessionRow, found["session"])
    if row is None or row.expires_at <= clock.now():
        raise _over()
    return Opened(read_session(row), found["path"])


def _over() -> Unauthenticated:
    return Unauthenticated("session_over", "The session is over. Open the activity again from your course.")
