"""Failures on demand, per endpoint, so that one can see what the tool does about them."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

from lti_tool.demo.model import CampusError

ENDPOINTS = (
    "token",
    "scores",
    "lineitems",
    "results",
    "jwks",
    "members",
    "groups",
    "notices",
    "configuration",
    "registration",
)
KINDS = {
    "status": "answers with this HTTP status (value)",
    "rate_limit": "answers 429 with Retry-After of this many seconds (value)",
    "slow": "waits this many milliseconds (value), then answers",
    "timeout": "waits this many milliseconds (value), then closes without doing anything",
    "drop": "does the work, then closes the connection without an answer",
    "revoke": "forgets every access token first",
    "html": "answers 200 with an HTML page",
    "foreign_next": "says that the list goes on at another address",
}
_DEFAULT_VALUE = {"status": 500, "rate_limit": 1, "slow": 2000, "timeout": 30000}


@dataclass(frozen=True)
class Fault:
    """One failure at one endpoint."""

    endpoint: str
    kind: str
    value: int = 0
    """Status, seconds or milliseconds, as the kind says."""
    times: int | None = None
    """How often; None until cleared."""


class Faults:
    """The faults in force, in memory; thread-safe. A fault comes first in, first used."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._hits: dict[str, list[float]] = {}

    def set(self, endpoint: str, kind: str, *, value: int | None = None, times: int | None = None) -> Fault:
        """Add a fault.

        Raises:
            CampusError: no such endpoint or kind, or a number below 1 for ``times``.
        """
        if endpoint not in ENDPOINTS or kind not in KINDS:
            raise CampusError(f"There is no fault {kind!r} at {endpoint!r}.")
        if times is not None and times < 1:
            raise CampusError("A fault happens at least once.")
        fault = Fault(endpoint, kind, _DEFAULT_VALUE.get(kind, 0) if value is None else value, times)
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self, endpoint: str | None = None) -> None:
        """End the faults of one endpoint, or all."""
        with self._lock:
            self._faults = [f for f in self._faults if endpoint and f.endpoint != endpoint]

    def current(self) -> list[Fault]:
        """Return the faults in force."""
        with self._lock:
            return list(self._faults)

    def hits(self, endpoint: str) -> int:
        """Return how many requests this endpoint has had, failed or not."""
        with self._lock:
            return len(self._hits.get(endpoint, []))

    def hit_times(self, endpoint: str) -> list[float]:
        """Return when this endpoint has had its requests, in seconds on the campus clock."""
        with self._lock:
            return list(self._hits.get(endpoint, []))

    def take(self, endpoint: str, at: float) -> Fault | None:
        """Note a request and return the fault it meets, using up one time."""
        with self._lock:
            self._hits.setdefault(endpoint, []).append(at)
            for index, fault in enumerate(self._faults):
                if fault.endpoint != endpoint:
                    continue
                if fault.times == 1:
                    del self._faults[index]
                elif fault.times is not None:
                    self._faults[index] = replace(fault, times=fault.times - 1)
                return fault
        return None
