"""Saves of many learners in one commit.

Whoever comes first writes what has come in meanwhile from others too, in one transaction; everybody waits until theirs
is committed, so that "saved" is only said of what is on the disk. A busy class costs few commits, and a lone learner
waits for nobody.
"""

import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Row

from lti_tool.kernel.db import Database, Tx
from lti_tool.web.session import find_session_rows
from plugins.progress.merging import Change
from plugins.progress.recording import Key, record

AT_ONCE = 200
"""Changes in one commit."""
GATHER_S = 0.002
"""How long a busy writer waits for more to come before it writes: fewer commits make room for more saves."""


def _locked() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass(frozen=True)
class Claim:
    """Changes that somebody says are of a session, which is looked up together with those of others."""

    digest: str
    """Of the session's token."""
    changes_of: Callable[[Row[Any] | None], Sequence[Change] | None]
    """From the row of the session (None: there is none) to the changes; None: not theirs to make."""
    refs: frozenset[str]
    """The items that the changes are about."""
    list_limited: Callable[[Collection[str]], frozenset[str]]
    """Which of these items have to be asked about: then the claim is refused. One answers for all in a commit."""
    size: int
    """Changes that there are at most."""


@dataclass(eq=False)
class _Waiting:
    changes: Sequence[Change] = ()
    claim: Claim | None = None
    is_refused: bool = False
    is_done: bool = False
    turn: threading.Lock = field(default_factory=_locked)
    """Released once these changes are written, or it is the turn of this request to write."""
    unknown: set[Key] = field(default_factory=set)
    error: Exception | None = None


class GroupCommit:
    """The one writer of a process."""

    def __init__(self, db: Database) -> None:
        """`db` is where the changes go."""
        self._db = db
        self._list = threading.Lock()
        self._waiting: list[_Waiting] = []
        self._is_writing = False
        self._is_busy = False

    def save(self, changes: Sequence[Change]) -> set[Key]:
        """Write changes; returns when they are committed, with the keys of items that are not in the course.

        Raises: whatever the database does; then nothing of these changes is kept.
        """
        return self._wait(_Waiting(changes)).unknown

    def save_claimed(self, claim: Claim) -> tuple[Sequence[Change], set[Key]] | None:
        """As `save`, for changes of a session that is read in the same transaction; None: refused, nothing is kept."""
        done = self._wait(_Waiting(claim=claim))
        return None if done.is_refused else (done.changes, done.unknown)

    def _wait(self, mine: _Waiting) -> _Waiting:
        with self._list:
            self._waiting.append(mine)
            is_first, self._is_writing = not self._is_writing, True
        if not is_first:
            mine.turn.acquire()
        if not mine.is_done:
            self._write_some()
        if mine.error is not None:
            raise mine.error
        return mine

    def _write_some(self) -> None:
        """Write what waits, hand over to whoever came first since, and only then wake those who are done."""
        if self._is_busy:
            time.sleep(GATHER_S)
        some = self._take()
        self._is_busy = len(some) > 1
        try:
            self._write(some)
        finally:
            with self._list:
                following = self._waiting[0] if self._waiting else None
                self._is_writing = following is not None
            for entry in [following, *some] if following else some:
                entry.turn.release()

    def _take(self) -> list[_Waiting]:
        with self._list:
            taken, size = 0, 0
            for entry in self._waiting:
                count = entry.claim.size if entry.claim else len(entry.changes)
                if taken and size + count > AT_ONCE:
                    break
                taken, size = taken + 1, size + count
            some, self._waiting = self._waiting[:taken], self._waiting[taken:]
        return some

    def _write(self, entries: list[_Waiting]) -> None:
        claims = [(entry, entry.claim) for entry in entries if entry.claim is not None]
        try:
            limited = _list_limited([claim for _entry, claim in claims])
            with self._db.transaction() as tx:
                _check_claims(tx, claims, limited)
                unknown = record(tx, [change for entry in entries for change in entry.changes], is_last=True)
        except Exception as error:
            if len(entries) > 1:  # what one of them brought is not to cost the others theirs
                for entry in entries:
                    self._write([entry])
            else:
                entries[0].error, entries[0].is_done = error, True
            return
        except BaseException:  # the process is being stopped: nobody is to wait for ever
            for entry in entries:
                entry.error, entry.is_done = RuntimeError("The server is being stopped."), True
            raise
        for entry in entries:
            entry.unknown = unknown & {
                (change.who.placement_id, change.who.user_id, change.ref) for change in entry.changes
            }
            entry.is_done = True


def _list_limited(claims: Sequence[Claim]) -> frozenset[str]:
    refs = frozenset[str]().union(*(claim.refs for claim in claims))
    return claims[0].list_limited(refs) if refs else frozenset()


def _check_claims(tx: Tx, claims: Sequence[tuple[_Waiting, Claim]], limited: frozenset[str]) -> None:
    """One query for all of them: a session that has ended meanwhile saves nothing any more."""
    rows = find_session_rows(tx, {claim.digest for _entry, claim in claims}) if claims else {}
    for entry, claim in claims:
        is_free = limited.isdisjoint(claim.refs)
        changes = claim.changes_of(rows.get(claim.digest)) if is_free else None
        entry.is_refused, entry.changes = changes is None, changes or ()


_writers: WeakKeyDictionary[Database, GroupCommit] = WeakKeyDictionary()
_making = threading.Lock()


def writer_of(db: Database) -> GroupCommit:
    """The writer of a database in this process."""
    with _making:
        if db not in _writers:
            _writers[db] = GroupCommit(db)
        return _writers[db]
