"""Videos in a course folder: `videos/<slug>/` says which file it is, and holds captions and the teacher's own poster.

videos/trees/video.toml   title, the file's name and checksum (or the address), poster, captions
videos/trees/en.vtt       captions in a language
videos/trees/poster.jpg   the teacher's own picture
videos/trees/video.mp4    the file itself, if the export was asked for it
"""

import hashlib
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from lti_tool.kernel.errors import AppError
from plugins.courses.course_file import Line, Short, Url, check_form, find_uploaded
from plugins.courses.files import find_files
from plugins.courses.toml_text import Value, write_toml
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
    content: Path | None
    """The file itself, if the folder has it."""


def content_name(file_name: str) -> str:
    """What the file itself is called in the folder."""
    ending = PurePath(file_name).suffix.lower()
    return f"video{ending}" if ending[1:].isalnum() and ending not in (".toml", ".vtt") else "video.bin"


def list_texts(carried: video.Carried) -> dict[str, str]:
    """The files that an export writes of a video, but for picture and video, by path in the folder."""
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


def read_videos(root: Path, addresses: Iterable[str]) -> tuple[dict[str, SaidVideo], list[str]]:
    """The videos of a folder that items name by these addresses, by slug; and what is wrong with them."""
    found, problems = {}, []
    wanted = {address: find_uploaded(address) for address in addresses}
    top = root / "videos"
    names = sorted(entry.name for entry in top.iterdir() if entry.is_dir()) if top.is_dir() else []
    for name in names:
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,78}", name):
            continue
        said, wrong = read_video(root, name)
        problems += wrong
        if said is not None and (name in wanted.values() if not said.facts.url else _is_named(said.facts.url, wanted)):
            found[name] = said
    return found, problems


def _is_named(url: str, addresses: Iterable[str]) -> bool:
    for address in addresses:
        try:
            if video.read_link(address).url == url:
                return True
        except AppError:
            continue
    return False


def read_video(root: Path, slug: str) -> tuple[SaidVideo | None, list[str]]:
    """What the folder says of a video, and what is wrong with that; None: it says nothing."""
    where = f"videos/{slug}"
    found = find_files(root, where)
    files = dict(found.files)
    if found.problems or "video.toml" not in files:
        return None, found.problems
    try:
        said = tomllib.loads(files["video.toml"].read_text(encoding="utf-8-sig"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        return None, [f"{where}/video.toml: is not valid TOML: {error}."]
    model, wrong = check_form(VideoFile, said)
    if model is None:
        return None, [f"{where}/video.toml: {field}{': ' if field else ''}{text}" for field, text in wrong]
    captions, problems = _read_captions(model, where, files)
    poster = files.get(model.poster) if model.poster else None
    if model.poster and (poster is None or poster.stat().st_size > MAX_POSTER_BYTES):
        problems.append(f"{where}/{model.poster}: there is no such picture of at most 10 MB; add it or name another.")
    content = files.get(content_name(model.file)) if model.file else None
    if content is not None and _hash(content) != model.sha256:
        problems.append(
            f"{where}/{content.name}: is another file than video.toml says (its sha256 differs); "
            "export the course again, or take the file out."
        )
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
        poster_sha256=_hash(poster) if poster else "",
        poster_second=model.poster_second,
        captions=tuple(sorted(captions, key=lambda one: one.language)),
    )
    return (None if problems else SaidVideo(slug, facts, model.revision, poster, content)), problems


def _read_captions(model: VideoFile, where: str, files: dict[str, Path]) -> tuple[list[video.CaptionFacts], list[str]]:
    captions, problems = [], []
    for one in model.captions:
        name = f"{one.language}.vtt"
        if name not in files or files[name].stat().st_size > video.MAX_CAPTIONS_BYTES:
            problems.append(f"{where}/{name}: there is no such file of at most 2 MB; add it, or take the captions out.")
            continue
        content = files[name].read_bytes()
        try:
            text = video.tidy_captions(content)
        except AppError as error:
            problems.append(f"{where}/{name}: {error.message}")
        else:
            captions.append(video.CaptionFacts(one.language, one.label, text, one.default, one.from_file))
    return captions, problems


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
