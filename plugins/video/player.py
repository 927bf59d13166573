"""What the player on a page needs to know."""

from dataclasses import dataclass

from flask import url_for
from sqlalchemy import select

from lti_tool.kernel.db import Tx
from lti_tool.kernel.runtime import Runtime
from lti_tool.web.security import allow_source
from plugins.video.models import CaptionRow, PreferenceRow
from plugins.video.preferences import OFF, SPEEDS, Preference, describe_preference, read_preference
from plugins.video.reasons import explain
from plugins.video.service import Video
from plugins.video.vtt import Cue, read_own

PURPOSE = "video.media"


@dataclass(frozen=True)
class Track:
    """Captions that the player offers."""

    language: str
    label: str
    url: str
    is_on: bool


@dataclass(frozen=True)
class Player:
    """The context of the macro `player` in `video/player.html`."""

    video: Video
    reason: str
    """Words for `video.reason`."""
    source_url: str
    """Empty if another site's player shows it."""
    poster_url: str
    width: int
    height: int
    tracks: tuple[Track, ...]
    language: str
    """Of the transcript; empty: there is none."""
    cues: tuple[Cue, ...]
    preference: Preference
    preference_url: str
    speeds: tuple[float, ...]
    item_ref: str
    """Item that watching counts for; empty: it counts for nothing."""
    resume_s: float | None
    """Where to go on; None: at the beginning."""
    site: str
    """Name of the site of an embedded video, else empty."""


def make_player(
    tx: Tx,
    runtime: Runtime,
    video: Video,
    *,
    user_id: int,
    item_ref: str = "",
    resume_s: float | None = None,
    is_staff: bool = False,
) -> Player:
    """The player of a video for a person, within a request of the course's session. One query.

    Only staff is told why a video cannot be shown.

    The page that this request answers with may load what the video needs, and nothing more. Whoever calls this has
    checked that the person may see the video.
    """
    preference, texts = _read_choices(tx, video, user_id)
    wanted = preference.captions
    default = next((one.language for one in video.captions if one.is_default), "")
    language = wanted if wanted in texts else default
    token = runtime.signer.sign(PURPOSE, [video.id])
    tracks = tuple(
        Track(
            one.language,
            one.label,
            _media_url(video, token, f"{one.language}.{one.digest}.vtt"),
            is_on=wanted != OFF and one.language == language,
        )
        for one in video.captions
    )
    _allow(video)
    return Player(
        video=video,
        reason=explain(video.reason) if is_staff else "",
        source_url=_source_url(video, token),
        poster_url=_media_url(video, token, f"poster-{video.poster_file_id}") if video.poster_file_id else "",
        width=video.width or 1280,
        height=video.height or 720,
        tracks=tracks,
        language=language,
        cues=tuple(read_own(texts[language])) if language else (),
        preference=preference,
        preference_url=url_for("video.keep_preference", slug=video.course_slug),
        speeds=SPEEDS,
        item_ref=item_ref,
        resume_s=_worth_resuming(resume_s, video.duration_s),
        site=video.link.kind.label if video.link else "",
    )


def read_media_token(runtime: Runtime, token: str) -> int:
    """The id of the video that a media address opens. Raises: Gone, Invalid."""
    (video_id,) = runtime.signer.verify(PURPOSE, token, runtime.settings.web.session_hours * 3600)
    return int(video_id)


def _read_choices(tx: Tx, video: Video, user_id: int) -> tuple[Preference, dict[str, str]]:
    """What the person has chosen, and the text of the captions by language. One query."""
    if not video.captions:
        return read_preference(tx, user_id), {}
    query = (
        select(CaptionRow.language, CaptionRow.text, PreferenceRow)
        .outerjoin(PreferenceRow, PreferenceRow.user_id == user_id)
        .where(CaptionRow.video_id == video.id)
    )
    rows = tx.execute(query).all()
    return describe_preference(rows[0][2] if rows else None), {language: text for language, text, _row in rows}


def _media_url(video: Video, token: str, name: str) -> str:
    return url_for("video.show_media", slug=video.course_slug, token=token, name=name)


def _worth_resuming(resume_s: float | None, duration_s: float | None) -> float | None:
    """None within the first second, and where the end is so near that the beginning is meant."""
    if resume_s is None or resume_s < 1:
        return None
    return None if duration_s and resume_s > duration_s - min(5.0, duration_s / 20) else resume_s


def _source_url(video: Video, token: str) -> str:
    if video.link is not None:
        return "" if video.is_embedded else video.link.url
    return _media_url(video, token, "file")


def _allow(video: Video) -> None:
    """Extend the page's content security policy by the one origin that a linked video comes from."""
    if video.link is not None:
        allow_source("frame-src" if video.is_embedded else "media-src", video.link.origin)
