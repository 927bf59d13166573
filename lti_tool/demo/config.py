"""What a campus needs to know before it starts."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


class Clock:
    """Wall clock in epoch seconds (UTC) that a test can move.

    The offset is added to the machine's time, so time still passes while a test runs.
    """

    def __init__(self, offset_s: float = 0.0) -> None:
        self.offset_s = offset_s

    def now(self) -> float:
        """Return the time in epoch seconds."""
        return time.time() + self.offset_s

    def advance(self, seconds: float) -> None:
        """Move the clock by ``seconds``, which may be negative."""
        self.offset_s += seconds


@dataclass(frozen=True)
class CampusConfig:
    """Settings of one campus."""

    profile: str = "moodle"
    """Which platform to behave like: ``moodle`` or ``canvas``."""
    host: str = "127.0.0.1"
    """Address to listen on; a loopback address."""
    port: int = 8401
    """TCP port; 0 takes a free one."""
    base_url: str | None = None
    """Public URL without a slash at the end; by default ``http://host:port``."""
    issuer: str | None = None
    """The ``iss`` of every message; by default the base URL. Canvas shares one issuer between schools."""
    database: str = ":memory:"
    """Path of the SQLite file, or ``:memory:`` to forget everything at the end."""
    test_api: bool = False
    """Serve the JSON test API under ``/_test`` (no login). Never on a machine that others reach."""
    seed: bool = True
    """Make the course "Notebooks 101" and its people on the first start."""
    signing_key_pem: str | None = None
    """First signing key, RSA in PEM; by default a new one is made."""
    tool_timeout_s: float = 5.0
    """How long to wait for the tool's JWKS."""
    clock: Clock = field(default_factory=Clock)
    """Where the time comes from."""
