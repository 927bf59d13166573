"""Videos of a course on their way into a folder, and out of one: what travels, and what is said of what does not."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import AppError
from lti_tool.kernel.runtime import Runtime
from plugins.courses.carried_files import megabytes
from plugins.courses.course_file import CourseFolderError, VideoItem, find_uploaded
from plugins.courses.folder import CourseFolder
from plugins.courses.models import Item, PartState
from plugins.courses.parts import Content
from plugins.courses.video_folder import POSTERS, SaidVideo
from plugins.courses.videos import note_uses
from plugins.files import public as files
from plugins.video import public as video

# ---- into a folder ----


def list_exported(
    tx: Tx, slug: str, items: Iterable[Item], contents: Mapping[str, Content]
) -> tuple[list[video.Carried], list[str]]:
    """The videos of a course, as `videos/` holds them; and which videos that items name it does not have.

    A video elsewhere that says no more than its item is left out: an import of the item makes it.
    """
    carried = video.list_carried(tx, slug)
    there = {name: one for name, one in carried.items() if one.facts.url or one.facts.sha256}  # else its file is gone
    made: dict[str, str] = {}
    gone = []
    for item in items:
        content = contents[item.slug]
        name = find_uploaded(content["url"]) if content["type"] == "video" else None
        if name is not None and name not in there:
            gone.append(f"video:{name} (gone, in “{content['title']}”)")
        elif content["type"] == "video" and item.state is PartState.PUBLISHED:
            made.setdefault(_address(content["url"]), content["title"])
    found = (there[name] for name in sorted(there))
    return [one for one in found if not one.facts.is_plain or made.get(one.facts.url) != one.facts.title], gone


def list_posters(carried: Iterable[video.Carried]) -> dict[str, files.StoredFile]:
    """The teachers' own pictures, by path in the folder."""
    return {f"videos/{one.slug}/{POSTERS[one.poster.content_type]}": one.poster for one in carried if one.poster}


# ---- out of a folder ----


def list_overwritten(tx: Tx, folder: CourseFolder) -> list[str]:
    """Videos whose captions, poster or title were changed in the browser, and that the folder says otherwise."""
    there = video.list_carried(tx, folder.course.slug)
    found = []
    for said in folder.videos.values():
        here = _find_here(there, said)
        if here is not None and here.facts.digest not in (here.imported, said.revision, said.facts.digest):
            found.append(f"videos/{said.slug} (title, poster or captions; no history is kept of them)")
    return found


def clean_posters(runtime: Runtime, folder: CourseFolder, target: Path) -> dict[str, bytes]:
    """The posters of a folder without EXIF and the like, by slug. Raises: CourseFolderError: some cannot be read."""
    posters, problems = {}, []
    for said in folder.videos.values():
        if said.poster is not None:
            made = target / f"poster-{said.slug}"
            try:
                is_made = files.clean_picture(runtime, said.poster, made)
                posters[said.slug] = (made if is_made else said.poster).read_bytes()
            except AppError as error:
                problems.append(f"videos/{said.slug}/{said.poster.name}: {error.message}")
    if problems:
        raise CourseFolderError(problems)
    return posters


def put_videos(tx: Tx, runtime: Runtime, folder: CourseFolder, posters: Mapping[str, bytes]) -> None:
    """Make the videos be what the folder says of them. The course's rows are written already."""
    slug = folder.course.slug
    for said in folder.videos.values():
        video.put_video(tx, runtime, slug, said.slug, said.facts, posters.get(said.slug))
    note_uses(tx, slug)


def describe_videos(tx: Tx, folder: CourseFolder) -> list[str]:
    """A sentence for each item whose uploaded video is not here, or shows another file."""
    there, notes = video.list_carried(tx, folder.course.slug), []
    known = {file.sha256 for file in files.list_carried(tx, folder.course.slug)}
    for item in folder.items:
        name = find_uploaded(item.url) if isinstance(item, VideoItem) else None
        if name is None:
            continue
        here, said, which = there.get(name), folder.videos.get(name), f"“{item.title}” ({item.slug})"
        if here is None:
            notes.append(
                f"{which} names video:{name}, which is not among the videos of this course here. "
                "Upload it on the page Videos, and choose it in the editor."
            )
        elif here.file is None and not here.facts.url and here.facts.sha256 not in known:
            notes.append(
                f"{which} shows a video whose file is not here: {here.facts.file_name}, {megabytes(here.facts.size)}. "
                "Upload it on the page Videos; it is known again by its content."
            )
        elif said is not None and here.file is not None and here.facts.sha256 != said.facts.sha256:
            notes.append(f"{which} shows another file here than the folder names ({said.facts.file_name}). It stays.")
    return notes


def _find_here(there: Mapping[str, video.Carried], said: SaidVideo) -> video.Carried | None:
    if not said.facts.url:
        return there.get(said.slug)
    return next((one for one in there.values() if one.facts.url == said.facts.url), None)


def _address(url: str) -> str:
    try:
        return video.read_link(url).url
    except AppError:
        return ""
