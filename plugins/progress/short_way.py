"""The short way of a save, from WSGI to the group commit (docs/adr/0011).

Heartbeats are most of what a server gets while a class is at work. Those in which everything is as it should be are
taken here: no page is made, and the session is read together with those of the others in the same commit. Whatever
else comes goes the whole way, with its body, and is told there what is wrong.
"""

import json
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from sqlalchemy import Row

from lti_tool.kernel.errors import AppError
from lti_tool.kernel.runtime import Runtime
from lti_tool.web.security import data_headers, is_foreign_post
from lti_tool.web.session import BROWSER_COOKIE, TOKEN_KEY, accept_session, digest_of
from lti_tool.web.wsgi import read_body, read_cookie
from plugins.progress.gates import Gate, list_limited
from plugins.progress.group_commit import Claim, writer_of
from plugins.progress.merging import Change, Learner
from plugins.progress.saves import MOST_BYTES, Batch, answer_of, changes_of, learner_key, read_batch

PATH = "/progress/saves"


class ShortWay:
    """WSGI middleware, within `web.session.SessionPrefix`."""

    def __init__(self, app: WSGIApplication, runtime: Runtime, gates: Sequence[Gate]) -> None:
        """`app` takes the whole way, as does what `gates` say may be closed to somebody."""
        self._app = app
        self._gates = gates
        self._runtime = runtime
        self._headers = [("Content-Type", "application/json"), *data_headers(runtime.settings)]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        if environ["PATH_INFO"] == PATH and _may_be_saves(environ) and (body := read_body(environ, MOST_BYTES)):
            answer = self._take(environ, body)
            if answer is not None:
                start_response("200 OK", [*self._headers, ("Content-Length", str(len(answer)))])
                return [answer]
        return self._app(environ, start_response)

    def _take(self, environ: WSGIEnvironment, body: bytes) -> bytes | None:
        """The answer to saves that are committed; None: they are not."""
        try:
            batch = read_batch(body)
        except AppError:
            return None
        secret = read_cookie(environ, BROWSER_COOKIE)

        def changes_of_session(row: Row[Any] | None) -> Sequence[Change] | None:
            return _changes_of(self._runtime, row, secret, batch)

        claim = Claim(
            digest_of(environ[TOKEN_KEY]),
            changes_of_session,
            frozenset(save.ref for save in batch.saves),
            partial(list_limited, self._gates, self._runtime),
            len(batch.saves),
        )
        done = writer_of(self._runtime.db).save_claimed(claim)
        return None if done is None else json.dumps(answer_of(batch, *done)).encode()


def _may_be_saves(environ: WSGIEnvironment) -> bool:
    return environ["REQUEST_METHOD"] == "POST" and TOKEN_KEY in environ and not is_foreign_post(environ)


def _changes_of(runtime: Runtime, row: Row[Any] | None, secret: str | None, batch: Batch) -> Sequence[Change] | None:
    """The changes that the session may make with these saves; None: it may not."""
    session = accept_session(row, secret)
    if session is None or not session.role.is_learner or session.placement_id is None:
        return None
    who = Learner(session.placement_id, session.user_id)
    if batch.who != learner_key(runtime.signer, who):
        return None
    return list(changes_of(batch, who, session.course_slug or ""))
