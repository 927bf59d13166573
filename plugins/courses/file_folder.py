"""Files of the library in a course folder: `files/` holds them, `files.toml` says which each is.

files.toml          slug, name, size and checksum of each, also of those that are not in the folder
files/slides.pdf    the file itself, called by its slug

A file that somebody put into `files/` by hand needs no line in files.toml.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from plugins.courses.course_file import CourseFolderError, Line, read_toml
from plugins.courses.files import find_files
from plugins.courses.toml_text import Value, write_toml
from plugins.files import public as files

FILES_TOML = "files.toml"
MAX_SMALL_BYTES = 10_000_000
"""What an export takes without being asked to."""


class ListedFile(BaseModel):
    """What files.toml says of a file."""

    model_config = ConfigDict(extra="forbid")
    slug: Annotated[str, StringConstraints(pattern=f"^{files.SLUG}$")]
    name: Line
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    bytes: int = Field(ge=1, strict=True)


class FilesFile(BaseModel):
    """What a files.toml says."""

    model_config = ConfigDict(extra="forbid")
    file: list[ListedFile] = Field(default_factory=list)

    @model_validator(mode="after")
    def _slugs_differ(self) -> "FilesFile":
        slugs = [one.slug for one in self.file]
        for twice in sorted({slug for slug in slugs if slugs.count(slug) > 1}):
            raise ValueError(f"two files have the slug {twice}; give each its own")
        return self


@dataclass(frozen=True)
class SaidFile:
    """A file of the library as a folder has it, checked."""

    facts: files.FileFacts
    content: Path | None
    """The file itself, if the folder has it."""


def list_texts(uploads: Iterable[files.StoredFile]) -> dict[str, str]:
    """files.toml by its path; nothing if there are no files."""
    tables: list[tuple[str, dict[str, Value]]] = [
        ("file", {"slug": one.slug, "name": one.name, "sha256": one.sha256, "bytes": one.size}) for one in uploads
    ]
    return {FILES_TOML: write_toml({}, tables).lstrip()} if tables else {}


def read_files(root: Path) -> tuple[dict[str, SaidFile], list[str]]:
    """The files of a folder by slug, and what is wrong with them."""
    listed, found = _read_listed(root), find_files(root, "files")
    problems = [*listed[1], *found.problems]
    contents, said = dict(found.files), {}
    for one in listed[0]:
        facts = files.FileFacts(one.slug, one.name, one.sha256, one.bytes)
        content = contents.pop(one.slug, None)
        if content is not None and files.hash_file(content) != one.sha256:
            problems.append(
                f"files/{one.slug}: is another file than files.toml says (its sha256 differs); export the course "
                "again, or, if it is meant, take its entry out of files.toml and give it a name of its own."
            )
        said[one.slug] = SaidFile(facts, content)
    for name, content in contents.items():
        size = content.stat().st_size
        if not re.fullmatch(files.SLUG, name):
            better = files.free_file_slug(content.name, {*said, *contents})
            problems.append(f"files/{name}: cannot be named in lessons; rename it, for example to files/{better}.")
        elif not size:
            problems.append(f"files/{name}: is empty; take it out.")
        else:
            said[name] = SaidFile(files.FileFacts(name, name, files.hash_file(content), size), content)
    return said, problems


def _read_listed(root: Path) -> tuple[list[ListedFile], list[str]]:
    path = root / FILES_TOML
    if not path.is_file():
        return [], []
    try:
        return read_toml(FilesFile, path, FILES_TOML).file, []
    except CourseFolderError as error:
        return [], error.problems
