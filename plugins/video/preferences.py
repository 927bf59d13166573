"""How a person likes to watch: kept for all their videos."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Invalid
from plugins.video.models import PreferenceRow

SPEEDS = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)
OFF = "off"


@dataclass(frozen=True)
class Preference:
    """The choices of a person."""

    speed: float = 1.0
    captions: str = ""
    """Language of the captions that are on; `off`: none; empty: as the teacher has set it."""
    transcript: bool = True


def read_preference(tx: Tx, user_id: int) -> Preference:
    """Theirs, or the defaults."""
    return describe_preference(tx.get(PreferenceRow, user_id))


def describe_preference(row: PreferenceRow | None) -> Preference:
    """The row as plain values."""
    return Preference() if row is None else Preference(row.speed, row.captions, row.transcript)


def keep_preference(
    tx: Tx, user_id: int, *, speed: str | None = None, captions: str | None = None, transcript: str | None = None
) -> None:
    """Keep what was chosen; None: as before. Raises: Invalid."""
    values: dict[str, Any] = {}
    if speed is not None:
        values["speed"] = _read_speed(speed)
    if captions is not None:
        if len(captions) > 20 or not captions.replace("-", "").isalnum():
            raise Invalid("video_captions", "These captions are not known.")
        values["captions"] = captions
    if transcript is not None:
        values["transcript"] = transcript == "open"
    row = _lock_row(tx, user_id)
    for name, value in values.items():
        setattr(row, name, value)
    tx.flush()


def _lock_row(tx: Tx, user_id: int) -> PreferenceRow:
    """Made if there is none: a player may say two things at once."""
    row = tx.get(PreferenceRow, user_id, with_for_update=True)
    if row is not None:
        return row
    made = PreferenceRow(user_id=user_id)
    try:
        with tx.begin_nested():
            tx.add(made)
    except IntegrityError:
        return tx.get_one(PreferenceRow, user_id, with_for_update=True)
    return made


def export_personal_data(tx: Tx, user_id: int) -> dict[str, Any]:
    """What was chosen, JSON-ready."""
    row = tx.get(PreferenceRow, user_id)
    if row is None:
        return {}
    return {"speed": row.speed, "captions": row.captions, "transcript": "open" if row.transcript else "closed"}


def erase_personal_data(tx: Tx, user_id: int) -> None:
    """Forget it."""
    tx.execute(delete(PreferenceRow).where(PreferenceRow.user_id == user_id))


def _read_speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if speed not in SPEEDS:
        raise Invalid("video_speed", "Videos are played at 0.5 to 2 times their speed.")
    return speed
