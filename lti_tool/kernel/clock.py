"""The one source of the time of day, so that tests can hold it still. Every datetime is aware and UTC."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

_offset = timedelta(0)
_frozen: datetime | None = None


def now() -> datetime:
    """The time now, aware, UTC."""
    return (_frozen or datetime.now(UTC)) + _offset


@contextmanager
def frozen(moment: datetime) -> Iterator[None]:
    """Hold the clock of this process at a moment; `advance` still moves it."""
    global _frozen, _offset
    before = (_frozen, _offset)
    _frozen, _offset = moment.astimezone(UTC), timedelta(0)
    try:
        yield
    finally:
        _frozen, _offset = before


def advance(seconds: float) -> None:
    """Move a frozen clock forward by seconds."""
    global _offset
    if _frozen is None:
        raise RuntimeError("The clock is not frozen.")
    _offset += timedelta(seconds=seconds)
