"""Videos in a course folder: `videos/<slug>/` says which file it is, and holds captions and the teacher's own poster.

videos/trees/video.toml   title, the file's name and checksum (or the address), poster, captions
videos/trees/en.vtt       captions in a language
videos/trees/poster.jpg   the teacher's own picture

The file itself is one of the library, see `file_folder`.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from lti_tool.kernel.errors import AppError
from plugins.courses.course_file import CourseFolderError, Line, Short, Url, read_toml
from plugins.courses.files import find_files
from plugins.courses.toml_text import Value, write_toml
from plugins.files import public as files
from plugins.video import public as video

MAX_POSTER_BYTES = 10_000_000
POSTERS = {
    "image/jpeg": "poster.jpg",
    "image/png": "poster.png",
    "image/webp": "poster.webp",
    "image/avif": "poster.avif",
}
"""What a poster's file is called, by its type."""


def _language(tag: str) -> str:
    if video.read_language(tag) != tag:
        raise ValueError(f"write this language as {video.read_language(tag)}")
    return tag


class Captions(BaseModel):
    """Captions in one language, of the file `<language>.vtt`."""

    model_config = ConfigDict(extra="forbid")
    language: Annotated[
        str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}$"), AfterValidator(_language)
    ]
    label: Annotated[Short, StringConstraints(max_length=80)] = ""
    default: bool = Field(False, strict=True)
    from_file: bool = Field(False, strict=True)


class VideoFile(BaseModel):
    """What a video.toml says."""

    model_config = ConfigDict(extra="forbid")
    title: Line
    url: Url = ""
    file: Short = ""
    sha256: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64})?$")] = ""
    bytes: int = Field(0, ge=0, strict=True)
    poster: Annotated[str, StringConstraints(pattern=r"^(poster\.(jpg|png|webp|avif))?$")] = ""
    poster_second: float | None = Field(None, ge=0, le=1e6)
    revision: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{16})?$")] = ""
    captions: list[Captions] = Field(default_factory=list, max_length=100)

    @model_validator(mode="after")
    def _is_one_thing(self) -> "VideoFile":
        if bool(self.url) == bool(self.file):
            raise ValueError("name either a file, with its sha256 and bytes, or an address (url)")
        if self.file and not (self.sha256 and self.bytes):
            raise ValueError("file needs its sha256 and bytes; leave them as an export wrote them")
        if self.poster and self.poster_second is not None:
            raise ValueError("name either a poster or a poster_second")
        languages = [one.language for one in self.captions]
        if len(set(languages)) < len(languages) or sum(one.default for one in self.captions) > 1:
            raise ValueError("captions: each language once, and one default at most")
        return self


@dataclass(frozen=True)
class SaidVideo:
    """A video as a folder has it, checked."""

    slug: str
    facts: video.VideoFacts
    revision: str
    """Digest of what the video said when it was exported; empty: nobody knows."""
    poster: Path | None


def list_texts(carried: video.Carried) -> dict[str, str]:
    """The files that an export writes of a video, but for the picture, by path in the folder."""
    facts, folder = carried.facts, f"videos/{carried.slug}"
    head: dict[str, Value] = {"title": facts.title}
    head |= {"url": facts.url} if facts.url else {"file": facts.file_name, "sha256": facts.sha256, "bytes": facts.size}
    if carried.poster is not None:
        head["poster"] = POSTERS[carried.poster.content_type]
    if facts.poster_second is not None:
        head["poster_second"] = facts.poster_second
    head["revision"] = facts.digest
    tables: list[tuple[str, dict[str, Value]]] = []
    for one in facts.captions:
        said: dict[str, Value] = {"language": one.language, "label": one.label}
        said |= {"default": True} if one.is_default else {}
        tables.append(("captions", said | ({"from_file": True} if one.is_embedded else {})))
    texts = {f"{folder}/{one.language}.vtt": one.text for one in facts.captions}
    return {f"{folder}/video.toml": write_toml(head, tables), **texts}


def read_videos(root: Path) -> tuple[dict[str, SaidVideo], list[str]]:
    """The videos of a folder by slug, and what is wrong with them."""
    found, problems = {}, []
    top = root / "videos"
    names = sorted(entry.name for entry in top.iterdir() if entry.is_dir()) if top.is_dir() else []
    for name in names:
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,78}", name):
            continue
        said, wrong = read_video(root, name)
        problems += wrong
        if said is not None:
            found[name] = said
    return found, problems


def read_video(root: Path, slug: str) -> tuple[SaidVideo | None, list[str]]:
    """What the folder says of a video, and what is wrong with that; None: it says nothing."""
    where = f"videos/{slug}"
    found = find_files(root, where)
    inside = dict(found.files)
    if found.problems or "video.toml" not in inside:
        return None, found.problems
    try:
        model = read_toml(VideoFile, inside["video.toml"], f"{where}/video.toml")
    except CourseFolderError as error:
        return None, error.problems
    captions, problems = _read_captions(model, where, inside)
    poster = inside.get(model.poster) if model.poster else None
    if model.poster and (poster is None or poster.stat().st_size > MAX_POSTER_BYTES):
        problems.append(f"{where}/{model.poster}: there is no such picture of at most 10 MB; add it or name another.")
    try:
        url = video.read_link(model.url).url if model.url else ""
    except AppError as error:
        return None, [*problems, f"{where}/video.toml: url: {error.message}"]
    facts = video.VideoFacts(
        title=model.title,
        url=url,
        file_name=model.file,
        sha256=model.sha256,
        size=model.bytes,
        poster_sha256=files.hash_file(poster) if poster else "",
        poster_second=model.poster_second,
        captions=tuple(sorted(captions, key=lambda one: one.language)),
    )
    return (None if problems else SaidVideo(slug, facts, model.revision, poster)), problems


def _read_captions(model: VideoFile, where: str, inside: dict[str, Path]) -> tuple[list[video.CaptionFacts], list[str]]:
    captions, problems = [], []
    for one in model.captions:
        name = f"{one.language}.vtt"
        if name not in inside or inside[name].stat().st_size > video.MAX_CAPTIONS_BYTES:
            problems.append(f"{where}/{name}: there is no such file of at most 2 MB; add it, or take the captions out.")
            continue
        content = inside[name].read_bytes()
        try:
            text = video.tidy_captions(content)
        except AppError as error:
            problems.append(f"{where}/{name}: {error.message}")
        else:
            captions.append(video.CaptionFacts(one.language, one.label, text, one.default, one.from_file))
    return captions, problems
