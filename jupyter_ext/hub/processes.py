"""Looking at and signalling processes by number, without mistaking one for another that got the same number."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A process, known by its number and when it started (clock ticks since boot)."""

    pid: int
    started: int

    @classmethod
    def find(cls, pid: int) -> "Process | None":
        """The process with that number, unless there is none or it is a zombie."""
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else cls(pid, int(fields[19]))

    @property
    def is_alive(self) -> bool:
        """Whether this very process still runs."""
        return Process.find(self.pid) == self

    def children(self) -> list[int]:
        """Numbers of its child processes."""
        try:
            return [int(word) for word in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]
        except OSError:
            return []

    def send(self, sig: signal.Signals) -> None:
        """Signal it, if it is still there."""
        if self.is_alive:
            _kill(self.pid, sig)

    def send_to_children(self, sig: signal.Signals) -> None:
        """Signal its children, if it is still there."""
        if self.is_alive:
            for child in self.children():
                _kill(child, sig)


def _kill(pid: int, sig: signal.Signals) -> None:
    try:
        os.kill(pid, sig)
    except ProcessLookupError:
        return  # it ended in between, which is what was wanted
