"""Videos of a course on their way into a folder, and out of one: what travels, and what is said of what does not."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import AppError
from lti_tool.kernel.runtime import Runtime
from plugins.courses.course_file import CourseFolderError, VideoItem, find_uploaded
from plugins.courses.folder import CourseFolder
from plugins.courses.parts import Content
from plugins.courses.video_folder import POSTERS, SaidVideo, content_name
from plugins.courses.videos import note_uses
from plugins.files import public as files
from plugins.video import public as video

# ---- into a folder ----


def list_exported(tx: Tx, slug: str, contents: Mapping[str, Content]) -> tuple[list[video.Carried], list[str]]:
    """The videos that items name, as `videos/` holds them; and which of those the course does not have."""
    there = video.list_carried(tx, slug)
    by_url = {one.facts.url: one for one in there.values() if one.facts.url}
    found, gone = {}, []
    for content in contents.values():
        name = find_uploaded(content["url"]) if content["type"] == "video" else None
        if name is not None and (name not in there or not there[name].facts.sha256):
            gone.append(f"video:{name} (gone, in “{content['title']}”)")
        elif name is not None:
            found[name] = there[name]
        elif content["type"] == "video" and (one := by_url.get(_address(content["url"]))) and not one.facts.is_plain:
            found[one.slug] = one
    return [found[name] for name in sorted(found)], gone


def describe_files(carried: Iterable[video.Carried], *, taken: bool) -> list[str]:
    """The files of uploaded videos that are not in the folder: `trees.mp4 (12.3 MB)`."""
    return [
        f"{one.facts.file_name} ({_megabytes(one.facts.size)})"
        for one in carried
        if not one.facts.url and not (taken and one.file is not None)
    ]


def write_files(runtime: Runtime, carried: Iterable[video.Carried], path: Path, *, with_files: bool) -> int:
    """Write posters, and with `with_files` the videos themselves; how many. Not within a transaction."""
    count = 0
    for one in carried:
        folder = path / "videos" / one.slug
        wanted = [(POSTERS[one.poster.content_type], one.poster)] if one.poster else []
        if with_files and one.file is not None:
            wanted.append((content_name(one.facts.file_name), one.file))
        for name, file in wanted:
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / name).open("wb") as target:
                target.writelines(files.open_file(runtime, file))
            count += 1
    return count


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
    """A sentence for each uploaded video whose file is not here, or is another."""
    there, notes = video.list_carried(tx, folder.course.slug), []
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
        elif here.file is None and (said is None or said.content is None):
            notes.append(
                f"{which} shows a video whose file is not in the folder: {here.facts.file_name}, "
                f"{_megabytes(here.facts.size)}. Upload it on the page Videos; it is known again by its content."
            )
        elif said is not None and here.file is not None and here.facts.sha256 != said.facts.sha256:
            notes.append(f"{which} shows another file here than the folder names ({said.facts.file_name}). It stays.")
    return notes


def bring_files(runtime: Runtime, folder: CourseFolder) -> list[str]:
    """Take up the files that the folder has and that the course waits for; a job checks them. A sentence for each."""
    slug, notes = folder.course.slug, []
    with runtime.db.reading() as tx:
        there = video.list_carried(tx, slug)
        listed = files.list_files(tx, slug)
    coming = {(file.name, file.size) for file in listed if file.state is files.FileState.SCANNING}
    for said in folder.videos.values():
        here, facts = _find_here(there, said), said.facts
        if said.content is None or here is None or here.file is not None or (facts.file_name, facts.size) in coming:
            continue
        try:
            files.store_file(runtime, course_slug=slug, name=facts.file_name, path=said.content)
            notes.append(f"The video “{facts.title}” is shown as soon as its file was checked.")
        except AppError as error:
            notes.append(f"The file of the video “{facts.title}” was not taken: {error.message} Then import again.")
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


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
