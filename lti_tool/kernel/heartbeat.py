"""Workers say every few seconds that they live, so that a page can tell when one does not."""

import logging
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import String, delete, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column

from lti_tool.kernel import clock
from lti_tool.kernel.db import Base, Database, Tx
from lti_tool.kernel.types import UtcDateTime
from lti_tool.kernel.upsert import upsert

log = logging.getLogger(__name__)

EVERY_S = 15.0
SILENT = timedelta(seconds=60)
"""Whoever has said nothing this long has stopped, or hangs."""
FORGOTTEN = timedelta(days=1)


class WorkerRow(Base):
    """One worker process and the last time that it was heard of."""

    __tablename__ = "kernel_worker"

    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    """`<queues>@<host>:<process id>`."""
    queues: Mapped[str] = mapped_column(String(120))
    sweeps: Mapped[bool]
    """Does it look after the job table too?"""
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True)
class Worker:
    """What a process says of itself."""

    queues: str
    sweeps: bool

    @property
    def name(self) -> str:
        """Of this process."""
        return f"{self.queues}@{socket.gethostname()}:{os.getpid()}"[:255]


def beat(tx: Tx, worker: Worker) -> None:
    """Say that this process lives; forget those that have long been silent."""
    moment = clock.now()
    told = {"queues": worker.queues, "sweeps": worker.sweeps, "seen_at": moment}
    upsert(tx, WorkerRow, {"name": worker.name}, told, initial={"started_at": moment})
    tx.execute(delete(WorkerRow).where(WorkerRow.seen_at < moment - FORGOTTEN))


def stop_beating(tx: Tx, worker: Worker) -> None:
    """The process ends as it should: nobody has to miss it."""
    tx.execute(delete(WorkerRow).where(WorkerRow.name == worker.name))


def list_workers(tx: Tx) -> list[WorkerRow]:
    """Those that were heard of within a day, by name."""
    return list(tx.scalars(select(WorkerRow).order_by(WorkerRow.name)))


class Heart(threading.Thread):
    """Beats in a thread, over a database connection of its own. A database that is away is tried again."""

    def __init__(self, db: Database, worker: Worker, every_s: float = EVERY_S) -> None:
        """Call `start`; `stop` before the process ends."""
        super().__init__(name="heart", daemon=True)
        self._db, self._worker, self._every_s = db, worker, every_s
        self._stopped = threading.Event()

    def run(self) -> None:
        """Beat until told to stop."""
        while True:
            self._write(beat)
            if self._stopped.wait(self._every_s):
                break
        self._write(stop_beating)
        self._db.close()

    def stop(self) -> None:
        """End, and say so."""
        self._stopped.set()
        self.join(timeout=5)

    def _write(self, what: Callable[[Tx, Worker], None]) -> None:
        try:
            with self._db.transaction() as tx:
                what(tx, self._worker)
        except SQLAlchemyError as error:
            log.warning("heartbeat_failed", extra={"why": type(error).__name__})
