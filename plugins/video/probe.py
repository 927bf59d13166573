"""Looks into a video file in the sandbox, and believes nothing of what comes back before it was checked."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grading.sandbox import Limits, SealedResult, python, run_sealed
from plugins.video import reasons
from plugins.video.vtt import MAX_CUES, Cue, make_cue

SCRIPT = Path(__file__).with_name("sealed_probe.py")
LONGEST_MS = 24 * 3600 * 1000
MAX_SIDE = 16_384
MAX_TRACKS = 20
UNREADABLE_EXIT = 3
ALL_BROWSERS = ({"h264", "vp8", "vp9"}, {"", "aac", "mp3", "opus", "vorbis", "flac"})
SOME_BROWSERS = ({"av1", "hevc", "theora"}, {"ac3", "eac3", "pcm_s16le", "alac"})
CONTAINERS = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "ogg")


class CannotShow(Exception):
    """The video is of no use; `reason` is a code of `reasons.py`."""

    def __init__(self, reason: str) -> None:
        """For good: trying again would give the same."""
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Track:
    """Subtitles that a file carries."""

    language: str
    """As the file says it: `eng`, or empty."""
    title: str
    is_default: bool
    cues: list[Cue]


@dataclass(frozen=True)
class Found:
    """What is in a video."""

    duration_ms: int | None
    width: int
    height: int
    has_sound: bool
    reason: str
    """What somebody should know, a code of `reasons.py`, or empty."""
    poster: bytes | None
    """JPEG."""
    tracks: list[Track]


def probe(path: Path, second: float | None, *, wall_s: int, memory_mb: int, is_beginning: bool = False) -> Found:
    """Look into the file; `second` is where the poster is taken, None: anywhere that shows something.

    `is_beginning`: the path holds the first bytes of a longer file, so what is missing says nothing.
    Raises: CannotShow. SandboxUnavailable: bubblewrap is missing or may not work here.
    """
    limits = Limits(
        wall_s=wall_s,
        cpu_s=wall_s,
        memory_bytes=memory_mb << 20,
        processes=64,
        file_bytes=16 << 20,
        disk_bytes=64 << 20,
        output_bytes=1 << 18,
    )
    place = "-1" if second is None else f"{second:.3f}"
    result = run_sealed(
        [python(), "-I", str(SCRIPT), str(path), place, "beginning" if is_beginning else "whole"],
        limits=limits,
        read_only=[path, SCRIPT],
        collect=("facts.json", "poster.jpg", "captions.json"),
    )
    return read_result(result, is_beginning=is_beginning)


def read_result(result: SealedResult, *, is_beginning: bool = False) -> Found:
    """What the sandbox says, checked. Raises: CannotShow."""
    facts = _load(result.files.get("facts.json"))
    if result.outcome in ("timeout", "memory", "output", "disk"):
        raise CannotShow(reasons.TOO_HARD)
    if not isinstance(facts, dict):
        raise CannotShow(reasons.UNREADABLE)
    if not facts.get("video_codec"):
        raise CannotShow(reasons.NO_PICTURE)
    duration_ms, width, height = (_number(facts.get(name)) for name in ("duration_ms", "width", "height"))
    if not 0 < width <= MAX_SIDE or not 0 < height <= MAX_SIDE:
        raise CannotShow(reasons.UNREADABLE)
    if duration_ms > LONGEST_MS:
        raise CannotShow(reasons.TOO_LONG)
    reason = _playable(str(facts.get("format")), str(facts["video_codec"]), str(facts.get("audio_codec", "")))
    poster = result.files.get("poster.jpg") or b""
    if result.outcome != "ok" and not poster and not is_beginning:
        raise CannotShow(reasons.UNREADABLE)  # its beginning can be read, no frame of it can
    return Found(
        duration_ms=duration_ms or None,
        width=width,
        height=height,
        has_sound=bool(facts.get("audio_codec")),
        reason=reason if duration_ms else reasons.NO_DURATION,
        poster=poster if poster.startswith(b"\xff\xd8") else None,
        tracks=_read_tracks(_load(result.files.get("captions.json"))),
    )


def _playable(container: str, video: str, audio: str) -> str:
    """Empty if every browser plays it, else a code to show. Raises: CannotShow: none does."""
    if container not in CONTAINERS or video not in ALL_BROWSERS[0] | SOME_BROWSERS[0]:
        raise CannotShow(reasons.CODEC)
    is_everywhere = video in ALL_BROWSERS[0] and audio in ALL_BROWSERS[1]
    return "" if is_everywhere else reasons.SOME_BROWSERS


def _read_tracks(said: Any) -> list[Track]:
    tracks = []
    for one in (said if isinstance(said, list) else [])[:MAX_TRACKS]:
        if not isinstance(one, dict) or not isinstance(one.get("cues"), list):
            continue
        cues = [cue for row in one["cues"][:MAX_CUES] if (cue := _read_cue(row))]
        if cues:
            language, title = str(one.get("language", ""))[:20], str(one.get("title", ""))[:80]
            tracks.append(
                Track(language, title, one.get("default") is True, sorted(cues, key=lambda cue: cue.start_ms))
            )
    return tracks


def _read_cue(row: Any) -> Cue | None:
    if not isinstance(row, list) or len(row) != 3 or not isinstance(row[2], str):
        return None
    return make_cue(_number(row[0]), _number(row[1]), row[2])


def _number(value: Any) -> int:
    """A sound number of milliseconds or pixels, else 0."""
    return value if type(value) is int and 0 <= value < 1 << 40 else 0


def _load(content: bytes | None) -> Any:
    try:
        return json.loads(content) if content else None
    except (ValueError, RecursionError):
        return None
