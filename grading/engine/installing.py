"""Putting a new version of a course in the place of the old one, for every gradebook of the course.

The new version is made in a folder of its own (sources, releases, structure). `put_next` gives it to the course by one
rename, and from then on it counts: whoever finds it there, after a crash too, completes it (`complete`) before doing
anything else. The gradebooks follow at once (`follow_everywhere`), or when they are next used.
"""

import logging
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from grading.engine.files import move_into_place
from grading.engine.structure import Misfit, Structure, bring_up_to, load_structures, sha256_of

log = logging.getLogger(__name__)

DAMAGED = (DBAPIError, OSError)
"""What a gradebook gives that is no database, is held by somebody, or is a link."""
NEXT = ".next"
STRUCTURE = "structure.db"
HEADER = Path("source", "header.ipynb")


def structure_url_of(course: Path) -> str:
    """The gradebook without learners that a course is released into."""
    return f"sqlite:///{course.resolve() / STRUCTURE}"


def list_misfits(course: Path, fresh: Path) -> Iterator[tuple[int, str]]:
    """(placement id, assignment) wherever the version in `fresh` does not fit what was handed in. Changes nothing."""
    wanted = load_structures(structure_url_of(fresh))
    for placement_id, url in _gradebooks(course):
        try:
            misfits = [name for name, structure in _behind(url, wanted) if not _fits(url, name, structure)]
        except DAMAGED:
            log.warning("gradebook_not_asked", extra={"placement": placement_id}, exc_info=True)
            continue
        for name in misfits:
            yield placement_id, name


def put_next(course: Path, fresh: Path) -> None:
    """Give a finished version to the course; the folder `fresh` is gone then."""
    course.mkdir(parents=True, exist_ok=True)
    fresh.rename(course / NEXT)


def is_incomplete(course: Path) -> bool:
    """Whether a version waits to be put in place: an import is at it, or was killed."""
    return (course / NEXT).exists()


def complete(course: Path) -> None:
    """Put the waiting version in place; safe to repeat. The caller holds the course's lock alone."""
    fresh = course / NEXT
    if not fresh.exists():
        return
    if (fresh / STRUCTURE).exists():  # it goes last, so that whatever goes before is repeated after a crash
        for kind in ("source", "release"):
            for folder in sorted(path for path in (fresh / kind).glob("[!.]*") if path.is_dir()):
                (course / kind).mkdir(exist_ok=True)
                move_into_place(folder, course / kind / folder.name)
        _put_header(course, fresh)
        (fresh / STRUCTURE).replace(course / STRUCTURE)
    shutil.rmtree(fresh)


def follow_everywhere(course: Path) -> tuple[list[int], str]:
    """Bring every gradebook up to the course's structure; the caller holds the course's lock alone.

    Returns the placements and the checksum of the structure. A gradebook that cannot be used is left out: graders write
    to theirs, and nobody may stop the imports of others. It follows when it is used again.
    """
    wanted, followed = load_structures(structure_url_of(course)), []
    for placement_id, url in _gradebooks(course):
        try:
            bring_up_to(url, dict(_behind(url, wanted)))
        except (Misfit, *DAMAGED):
            log.warning("gradebook_left_behind", extra={"placement": placement_id}, exc_info=True)
        else:
            followed.append(placement_id)
    return followed, sha256_of(wanted)


def _behind(url: str, wanted: Mapping[str, Structure]) -> Iterator[tuple[str, Structure]]:
    have = load_structures(url)
    return ((name, structure) for name, structure in wanted.items() if have.get(name) != structure)


def _fits(url: str, name: str, structure: Structure) -> bool:
    try:
        bring_up_to(url, {name: structure}, rehearse=True)
    except Misfit:
        return False
    return True


def _put_header(course: Path, fresh: Path) -> None:
    if (fresh / HEADER).is_file():
        shutil.copyfile(fresh / HEADER, course / ".new-header")
        (course / ".new-header").replace(course / HEADER)
    else:
        (course / HEADER).unlink(missing_ok=True)


def _gradebooks(course: Path) -> Iterator[tuple[int, str]]:
    # the last parts stay as they are: a grader may have put a link there, which is refused when it is opened
    for path in sorted((course.resolve() / "placements").glob("*/gradebook/gradebook.db")):
        if path.parts[-3].isdecimal():
            yield int(path.parts[-3]), f"sqlite:///{path}"
