"""People on the doorstep: their ticket is used up, and they are not signed in yet. Kept in memory, for minutes."""

import secrets
import time
from dataclasses import dataclass

from jupyter_ext.hub.tool import Visit

LIFE_S = 300.0
JUST_NOW_S = 60.0
MOST = 10_000


@dataclass(frozen=True)
class Arrival:
    """Somebody's visit, and whether their browser has shown that they asked for it themselves."""

    visit: Visit
    is_proved: bool
    secret: str
    """What the browser that brought the ticket keeps in a cookie; another browser opens nothing."""
    until: float
    """On the monotonic clock, in seconds."""


class Arrivals:
    """Who is on the doorstep, by a key that may be seen. Only a ticket that the tool took makes an entry."""

    def __init__(self) -> None:
        self._found: dict[str, Arrival] = {}
        self._noted: dict[str, float] = {}

    def add(self, visit: Visit, *, is_proved: bool) -> tuple[str, str]:
        """Remember a visit; its key and the secret for the browser."""
        now = time.monotonic()
        self._found = {key: found for key, found in self._found.items() if found.until > now}
        if len(self._found) >= MOST:
            self._found.pop(next(iter(self._found)))
        key, secret = secrets.token_urlsafe(9), secrets.token_urlsafe(32)
        self._found[key] = Arrival(visit, is_proved, secret, now + LIFE_S)
        return key, secret

    def find(self, key: str, secret: str) -> Arrival | None:
        """The visit that this browser brought, unless it is over."""
        found = self._found.get(key)
        if found is None or found.until <= time.monotonic():
            return None
        return found if secrets.compare_digest(found.secret.encode(), secret.encode()) else None

    def end(self, key: str) -> None:
        """Forget a visit: each signs in once."""
        self._found.pop(key, None)

    def note(self, name: str) -> None:
        """Somebody has just been signed in, to go on to a server."""
        now = time.monotonic()
        self._noted = {other: until for other, until in self._noted.items() if until > now} | {name: now + JUST_NOW_S}

    def is_noted(self, name: str) -> bool:
        """Whether that was within the last minute, and they are not there yet."""
        return self._noted.get(name, 0.0) > time.monotonic()

    def forget(self, name: str) -> None:
        """They are there, or on the page that waits for it."""
        self._noted.pop(name, None)
