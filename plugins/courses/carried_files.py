"""Files of the library on their way into a folder, and out of one: what travels, and what is said of what does not."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import AppError
from lti_tool.kernel.runtime import Runtime
from plugins.courses.file_folder import MAX_SMALL_BYTES, SaidFile
from plugins.courses.folder import CourseFolder
from plugins.files import public as files

# ---- into a folder ----


@dataclass(frozen=True)
class Uploads:
    """The files of a course that an export describes, and which of them it writes."""

    described: list[files.StoredFile]
    taken: list[files.StoredFile]
    large: list[str]
    """Left out for their size: `trees.mp4 (41.2 MB)`."""
    away: list[str]
    """Not there to be taken: `trees.mp4 (not uploaded here)`."""


def list_exported(tx: Tx, slug: str, *, with_large: bool) -> Uploads:
    """What of the library goes into a folder. One that is being checked has no checksum yet, and is left out."""
    carried = files.list_carried(tx, slug)
    described = [one for one in carried if one.sha256 and one.state is not files.FileState.SCANNING]
    ready = [one for one in described if one.state is files.FileState.READY]
    taken = [one for one in ready if with_large or one.size <= MAX_SMALL_BYTES]
    away = [f"{one.name} ({'not uploaded here' if one in described else 'being checked'})" for one in carried]
    return Uploads(
        described=described,
        taken=taken,
        large=[f"{one.name} ({megabytes(one.size)})" for one in ready if one not in taken],
        away=[said for one, said in zip(carried, away, strict=True) if one not in ready],
    )


def write_file(runtime: Runtime, file: files.StoredFile, path: Path) -> None:
    """Write the content of a file. Not within a transaction."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as target:
        target.writelines(files.open_file(runtime, file))


# ---- out of a folder ----


def clean_files(runtime: Runtime, folder: CourseFolder, target: Path) -> dict[str, SaidFile]:
    """The files of a folder, pictures without EXIF and the like, by slug. What cannot be read is left to its check."""
    cleaned = {}
    for number, (slug, said) in enumerate(folder.files.items()):
        made = target / f"upload-{number}"
        try:
            is_made = said.content is not None and files.clean_picture(runtime, said.content, made)
        except AppError:
            is_made = False
        facts = replace(said.facts, sha256=files.hash_file(made), size=made.stat().st_size) if is_made else said.facts
        cleaned[slug] = SaidFile(facts, made if is_made else said.content)
    return cleaned


def put_files(tx: Tx, slug: str, said: Mapping[str, SaidFile]) -> None:
    """Have the course know the files of a folder, also those whose content is not here."""
    files.put_files(tx, slug, [one.facts for one in said.values()])


def describe_files(tx: Tx, slug: str, said: Mapping[str, SaidFile]) -> list[str]:
    """A sentence for each file whose content is not here, or is another."""
    here = files.list_named(tx, slug, said.keys())
    notes = [
        f"“{one.name}” ({megabytes(one.size)}) is not in the folder. Upload it on the page Files, under whatever name: "
        "it is known again by its content."
        for one in files.list_awaited(tx, slug)
        if one.slug not in said or said[one.slug].content is None
    ]
    return notes + [
        f"files/{name}: the course has another file here that is called so. It stays; to have the folder's, replace "
        "it on the page Files."
        for name, one in sorted(here.items())
        if one.sha256 != said[name].facts.sha256
    ]


def bring_files(runtime: Runtime, slug: str, said: Mapping[str, SaidFile]) -> list[str]:
    """Take up what the folder has and the course waits for; a job checks it. A sentence for each."""
    with runtime.db.reading() as tx:
        awaited = files.list_awaited(tx, slug)
    notes = []
    for one in awaited:
        content = said[one.slug].content if one.slug in said else None
        if content is None:
            continue
        try:
            files.bring_file(runtime, one, content)
            notes.append(f"“{one.name}” is there as soon as it was checked.")
        except AppError as error:
            notes.append(f"“{one.name}” was not taken: {error.message} Then import again.")
    return notes


def megabytes(size: int) -> str:
    """A size for people."""
    return f"{size / 1e6:.1f} MB"
