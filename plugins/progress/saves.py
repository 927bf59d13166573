"""What a browser sends: a bounded batch of saves, and what it means."""

import base64
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lti_tool.kernel import clock
from lti_tool.kernel.errors import Invalid, TooLarge
from lti_tool.kernel.signing import Signer
from plugins.progress.merging import Change, Learner
from plugins.progress.outline import course_of

MOST_BYTES = 64_000
"""Browsers send no more than 64 KiB when a page closes."""
Second = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
Milli = Annotated[int, Field(ge=0, le=32_503_680_000_000)]


class Save(BaseModel):
    """What one page has to say about one item. Sent again it may say more, never less."""

    model_config = ConfigDict(extra="ignore", strict=True)

    id: str = Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")
    ref: str = Field(max_length=300)
    at: Milli
    """The newest moment in it, in milliseconds since 1970 by the server's clock."""
    seen: bool = False
    active: list[tuple[Milli, Milli]] = Field(default=[], max_length=200)
    """When the learner was at it: ranges in milliseconds since 1970."""
    watched: list[tuple[Second, Second]] = Field(default=[], max_length=400)
    """Ranges of the video, in seconds."""
    position: Second | None = None
    duration: Second | None = None


class Batch(BaseModel):
    """One request."""

    model_config = ConfigDict(extra="ignore", strict=True)

    who: str = Field(max_length=40)
    """Whose saves these are, as the page said: a shared computer keeps those of several people."""
    saves: list[Save] = Field(max_length=50)


def read_batch(body: bytes) -> Batch:
    """Raises: TooLarge; Invalid: it is not what a page of ours sends."""
    if len(body) > MOST_BYTES:
        raise TooLarge("saves_too_large", "Too many saves at once: send fewer.")
    try:
        return Batch.model_validate_json(body)
    except ValidationError as error:
        raise Invalid("saves_invalid", "These are no saves.", {"problems": error.error_count()}) from error


def learner_key(signer: Signer, who: Learner) -> str:
    """An opaque name for a learner in a placement, to keep the saves of several people on one computer apart."""
    digest = signer.digest("progress-saves", str(who.placement_id), str(who.user_id))
    return base64.urlsafe_b64encode(digest)[:20].decode()


def changes_of(batch: Batch, who: Learner, course_slug: str) -> Iterator[Change]:
    """The changes of saves that are about items of this course."""
    now = clock.now()
    for save in batch.saves:
        if course_of(save.ref) == course_slug and save.ref.isprintable():
            yield Change(
                who,
                save.ref,
                min(now, datetime.fromtimestamp(save.at / 1000, UTC)),
                seen=save.seen,
                spans=[(start / 1000, end / 1000) for start, end in save.active],
                watched=save.watched,
                position_s=save.position,
                duration_s=save.duration or None,
            )


def answer_of(batch: Batch, changes: Collection[Change], unknown: Collection[tuple[int, int, str]]) -> dict[str, Any]:
    """What the browser is told once the changes of its batch are committed, but for `unknown` keys."""
    theirs = {change.ref for change in changes} - {ref for *_who, ref in unknown}
    return {
        "saved": [save.id for save in batch.saves if save.ref in theirs],
        "unknown": [save.id for save in batch.saves if save.ref not in theirs],
        "at": int(clock.now().timestamp() * 1000),
    }
