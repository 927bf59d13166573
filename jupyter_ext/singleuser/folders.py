"""Where assignments lie below the server's root: `<course>/<assignment>/`, with a small hidden note inside.

The note (`.coursebridge.json`) says which release the folder came from and what was last stored in the course, so that
work saved just before a server died is found and stored at the next start.
"""

import json
import os
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

NOTE_NAME = ".coursebridge.json"


class BadName(ValueError):
    """A course or assignment name that cannot be a folder name."""


@dataclass(frozen=True, order=True)
class Place:
    """One assignment of one course."""

    course: str
    assignment: str

    def __post_init__(self) -> None:
        for name in (self.course, self.assignment):
            if not name or name.startswith(".") or name != name.strip():
                raise BadName(f"{name!r} is not the name of a course or quiz. Open the quiz again from your course.")
            if any(character in '/\\+:*?"<>|' or ord(character) < 32 for character in name):
                raise BadName(f"{name!r} is not the name of a course or quiz. Open the quiz again from your course.")

    def folder(self, root: Path) -> Path:
        """The assignment's folder below the server's root."""
        return root / self.course / self.assignment


@dataclass(frozen=True, order=True)
class ReadingPlace:
    """A notebook lesson of a course: in a folder of its own, which no quiz can have."""

    course: str
    name: str

    def __post_init__(self) -> None:
        Place(self.course, self.name)

    @property
    def path(self) -> str:
        """The folder's path below the server's root."""
        return f"{self.course} reading/{self.name}"


@dataclass(frozen=True)
class Note:
    """What this server remembers of an assignment folder."""

    course: str
    assignment: str
    release_sha256: str = ""
    stored_sha256: str = ""
    """The snapshot hash of what the course holds: the release at first, then the last stored draft."""
    stored_at: str = ""
    """When the course last stored a draft, ISO 8601; empty when it never did."""


def find_place(path: str) -> Place | None:
    """The place that a path below the server's root would belong to, by its form alone."""
    parts = path.strip("/").split("/")
    if len(parts) < 3:
        return None
    try:
        return Place(parts[0], parts[1])
    except BadName:
        return None


def read_note(folder: Path, place: Place) -> Note | None:
    """The note of a folder; None when there is none, or when it was copied here from another assignment."""
    try:
        data = json.loads((folder / NOTE_NAME).read_text("utf-8"))
        note = Note(**{key: str(data[key]) for key in Note.__dataclass_fields__ if key in data})
    except (OSError, ValueError, TypeError):
        return None
    return note if (note.course, note.assignment) == (place.course, place.assignment) else None


def write_note(folder: Path, note: Note) -> None:
    """Replace the note of a folder, whole or not at all."""
    handle, name = tempfile.mkstemp(prefix=NOTE_NAME, dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(asdict(note), file, indent=1)
        Path(name).replace(folder / NOTE_NAME)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def remember_stored(folder: Path, place: Place, sha256: str, stored_at: str) -> None:
    """Note that the course now holds this snapshot of the folder."""
    note = read_note(folder, place) or Note(place.course, place.assignment)
    write_note(folder, replace(note, stored_sha256=sha256, stored_at=stored_at))


def list_noted_places(root: Path) -> list[Place]:
    """Every assignment folder below the root that carries its own note."""
    places = []
    for note in sorted(root.glob(f"*/*/{NOTE_NAME}")):
        place = find_place(note.relative_to(root).as_posix())
        if place is not None and read_note(note.parent, place) is not None:
            places.append(place)
    return places


def list_notebooks(folder: Path) -> list[str]:
    """The notebooks of a folder by name."""
    return sorted(path.name for path in folder.glob("*.ipynb") if path.is_file() and not path.name.startswith("."))


def first_notebook(folder: Path) -> str | None:
    """The first notebook of a folder by name, or None."""
    return next(iter(list_notebooks(folder)), None)
