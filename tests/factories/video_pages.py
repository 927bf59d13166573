"""Sample contexts of the pages of videos."""

from dataclasses import replace
from typing import Any

from lti_tool.kernel.errors import Unacceptable
from lti_tool.kernel.permissions import Role
from plugins.video.links import read_link
from plugins.video.listing import Waiting
from plugins.video.models import CaptionSource, PosterKind, VideoState
from plugins.video.player import Player, Track
from plugins.video.preferences import SPEEDS, Preference
from plugins.video.service import Caption, Video
from plugins.video.vtt import Cue
from plugins.video.watching import Part, Watching

BOX = {
    "endpoint": "#",
    "action": "#",
    "page_url": "#",
    "chunk_bytes": 8_388_608,
    "max_bytes": 5_368_709_120,
    "max_form_bytes": 25_000_000,
    "replaces": None,
}
SAID = (
    "A loop says again what was said once.",
    "Everything that is indented belongs to it.",
    "When the numbers run out, it goes on below.",
)
FILM = Video(
    id=7,
    course_slug="first-steps",
    slug="how-a-loop-goes-round",
    title="How a loop goes round",
    state=VideoState.READY,
    reason="",
    file_id=3,
    wanted_name="",
    link=None,
    duration_s=312.0,
    width=1280,
    height=720,
    has_sound=True,
    poster_file_id=None,
    poster_kind=PosterKind.SECOND,
    poster_second=42.0,
    captions=(
        Caption("en", "English", True, CaptionSource.UPLOADED, 3, "a1"),
        Caption("de", "Deutsch", False, CaptionSource.EMBEDDED, 1, "b2"),
    ),
)
SONG = replace(
    FILM, id=8, title="A song about loops", file_id=None, link=read_link("https://youtu.be/dQw4w9WgXcQ"), captions=()
)
FAILED = replace(FILM, id=9, title="Old film", state=VideoState.FAILED, reason="codec", captions=())
MISSING = replace(
    FILM, id=11, title="Week 3", state=VideoState.FAILED, reason="file_missing", file_id=None, wanted_name="Week 3.mp4"
)
MAKING = replace(FILM, id=10, title="Week 2", state=VideoState.PROCESSING, captions=())
WHY = "Browsers cannot play this kind of video. Export it as MP4 with H.264 and AAC, then upload it again."
LOST = "This course was imported without the file of this video. Upload it; it is known again by its content."
WATCHING = Watching(tuple(Part(n * 15, n * 15 + 15, 24 - n) for n in range(21)), 24, 9, 71)


def player(video: Video, **changes: Any) -> Player:
    """The player of a video."""
    base: dict[str, Any] = {
        "video": video,
        "reason": WHY if video.state is VideoState.FAILED else "",
        "source_url": "" if video.is_embedded else "data:video/webm,",
        "poster_url": "",
        "width": 1280,
        "height": 720,
        "tracks": tuple(Track(one.language, one.label, "data:text/vtt,WEBVTT", False) for one in video.captions),
        "language": "en" if video.captions else "",
        "cues": tuple(Cue(n * 9000, n * 9000 + 8000, text) for n, text in enumerate(SAID)) if video.captions else (),
        "preference": Preference(),
        "preference_url": "#",
        "speeds": SPEEDS,
        "item_ref": "",
        "resume_s": 252.0,
        "site": video.link.kind.label if video.link else "",
    }
    return Player(**base | changes)


def page(video: Video, **changes: Any) -> dict[str, Any]:
    """The page of one video."""
    base: dict[str, Any] = {
        "slug": "first-steps",
        "video": video,
        "player": player(video),
        "uses": ["courses/first-steps/loops"] if video is FILM else [],
        "watching": WATCHING if video is FILM else None,
        "languages": [("en", "English"), ("de", "Deutsch")],
        "problems": {},
    }
    return base | changes


def listed(**changes: Any) -> dict[str, Any]:
    """The videos of a course."""
    base: dict[str, Any] = {
        "slug": "first-steps",
        "videos": [(FILM, 2, 1), (SONG, 0, 1), (FAILED, 0, 0), (MISSING, 2, 1), (MAKING, 0, 0)],
        "waiting": [
            Waiting("lecture 4.mp4", "#", ""),
            Waiting("holiday.mov", "#", "The file is empty. Choose another."),
        ],
        "busy": False,
        "list_url": "#",
        "box": BOX,
        "url": "",
        "problem": None,
        "explain": lambda code: {"file_missing": LOST}.get(code, WHY) if code else "",
    }
    return base | changes


WRONG = Unacceptable("video_link_invalid", "Give a whole address that begins with https://.")
VIDEO_PAGES = {
    "videos": ("video/list.html", Role.TEACHER, listed()),
    "videos-none": ("video/list.html", Role.TEACHER, listed(videos=[], waiting=[], url="video.mp4", problem=WRONG)),
    "video": ("video/video.html", Role.TEACHER, page(FILM)),
    "video-wrong": (
        "video/video.html",
        Role.TEACHER,
        page(FILM, problems={"captions": "Line 3 is wrong. The caption ends before it begins."}, uses=[]),
    ),
    "video-elsewhere": ("video/video.html", Role.TEACHER, page(SONG)),
    "video-failed": ("video/video.html", Role.TEACHER, page(FAILED)),
    "video-missing": ("video/video.html", Role.TEACHER, page(MISSING, player=player(MISSING, reason=LOST))),
    "video-making": ("video/video.html", Role.TEACHER, page(MAKING)),
}
