"""Facts and jobs of videos; payloads hold ids."""

from dataclasses import dataclass
from typing import ClassVar

from lti_tool.kernel.messages import Event, Job


@dataclass(frozen=True)
class VideoReady(Event):
    """A video can be shown: its duration, poster and captions are known. Said again when its file was replaced."""

    name: ClassVar[str] = "video.video_ready"
    video_id: int
    course_slug: str


@dataclass(frozen=True)
class ProbeVideo(Job):
    """Look into a video: what is in it, a poster, the captions that it carries."""

    name: ClassVar[str] = "video.probe_video"
    video_id: int
    version: int
    """Of the video's row: a job of an older version does nothing."""
