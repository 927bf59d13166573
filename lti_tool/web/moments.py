"""Dates with times in forms: read in the writer's zone, shown in UTC for the page's script to turn into theirs."""

from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

FORMAT = "%Y-%m-%dT%H:%M"


def read_moment(form: Mapping[str, str], name: str) -> datetime | None:
    """A `datetime-local` field in the zone that the script sent as `tz`, UTC without it; None: it is empty.

    Raises: ValueError: it is no date with a time.
    """
    text = form.get(name, "").strip()
    if not text:
        return None
    try:
        zone = ZoneInfo(form.get("tz", "") or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        zone = ZoneInfo("UTC")
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)
    except OverflowError as error:
        raise ValueError(text) from error


def shown_moment(form: Mapping[str, str], name: str) -> str:
    """What was sent, for the same field once more: in UTC, as `write_moment` has it; as typed if it is no date."""
    try:
        return write_moment(read_moment(form, name))
    except ValueError:
        return form.get(name, "")


def write_moment(moment: datetime | None) -> str:
    """A moment for such a field, in UTC."""
    return moment.astimezone(UTC).strftime(FORMAT) if moment else ""
