"""Saves of many learners in one commit.

Whoever comes first writes what has come in meanwhile from others too, in one transaction; everybody waits until theirs
is committed, so that "saved" is only said of what is on the disk. A busy class costs few commits, and a lone learner
waits for nobody.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from lti_tool.kernel.db import Database
from plugins.progress.merging import Change
from plugins.progress.recording import Key, record

AT_ONCE = 200
"""Changes in one commit."""
GATHER_S = 0.002
"""How long a busy writer waits for more to come before it writes: fewer commits make room for more saves."""


@dataclass(eq=False)
class _Waiting:
    changes: Sequence[Change]
    is_done: bool = False
    unknown: set[Key] = field(default_factory=set)
    error: Exception | None = None


class GroupCommit:
    """The one writer of a process."""

    def __init__(self, db: Database) -> None:
        """`db` is where the changes go."""
        self._db = db
        self._turn = threading.Lock()
        self._list = threading.Lock()
        self._waiting: list[_Waiting] = []
        self._is_busy = False

    def save(self, changes: Sequence[Change]) -> set[Key]:
        """Write changes; returns when they are committed, with the keys of items that are not in the course.

        Raises: whatever the database does; then nothing of these changes is kept.
        """
        mine = _Waiting(changes)
        with self._list:
            self._waiting.append(mine)
        while not mine.is_done:
            with self._turn:
                if not mine.is_done:
                    if self._is_busy:
                        time.sleep(GATHER_S)
                    some = self._take()
                    self._is_busy = len(some) > 1
                    self._write(some)
        if mine.error is not None:
            raise mine.error
        return mine.unknown

    def _take(self) -> list[_Waiting]:
        with self._list:
            taken, size = 0, 0
            for entry in self._waiting:
                if taken and size + len(entry.changes) > AT_ONCE:
                    break
                taken, size = taken + 1, size + len(entry.changes)
            some, self._waiting = self._waiting[:taken], self._waiting[taken:]
        return some

    def _write(self, entries: list[_Waiting]) -> None:
        try:
            with self._db.transaction() as tx:
                unknown = record(tx, [change for entry in entries for change in entry.changes])
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


_writers: WeakKeyDictionary[Database, GroupCommit] = WeakKeyDictionary()
_making = threading.Lock()


def writer_of(db: Database) -> GroupCommit:
    """The writer of a database in this process."""
    with _making:
        if db not in _writers:
            _writers[db] = GroupCommit(db)
        return _writers[db]
