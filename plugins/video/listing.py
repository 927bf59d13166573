"""The list of a course's videos: those that are there, and uploads that are not videos yet or were refused."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from flask import url_for

from lti_tool.kernel.db import Tx
from plugins.files import public as files
from plugins.video import service
from plugins.video.models import VideoState

ENDINGS = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv", ".webm", ".wmv"})
"""What people call a video: of a file that is still being checked nothing else is known."""


@dataclass(frozen=True)
class Waiting:
    """An uploaded file that is not in the list of videos."""

    name: str
    url: str
    """Its page among the files."""
    refusal: str
    """Why it was refused, in words; empty: it is being checked."""


def list_context(tx: Tx, slug: str) -> dict[str, Any]:
    """The context of `video/_list.html`. Two queries."""
    videos = service.list_videos(tx, slug)
    waiting = _list_waiting(files.list_files(tx, slug), {video.file_id for video, _captions, _uses in videos})
    is_busy = any(video.state is VideoState.PROCESSING for video, _captions, _uses in videos)
    return {
        "videos": videos,
        "waiting": waiting,
        "busy": is_busy or any(not each.refusal for each in waiting),
        "list_url": url_for("video.list_videos", slug=slug),
    }


def _list_waiting(found: list[files.StoredFile], known: Collection[int | None]) -> list[Waiting]:
    return [
        Waiting(
            name=file.name,
            url=url_for("files.show_file", slug=file.course_slug, file_id=file.id),
            refusal=files.say_refusal(file.refusal) if file.state is files.FileState.REFUSED else "",
        )
        for file in found
        if file.id not in known and _may_be_video(file)
    ]


def _may_be_video(file: files.StoredFile) -> bool:
    if file.state is files.FileState.MISSING:
        return False  # the video that waits for it says so
    if file.state is files.FileState.READY:
        return file.content_type.startswith("video/")  # its turn comes in a moment
    return PurePath(file.name).suffix.lower() in ENDINGS
