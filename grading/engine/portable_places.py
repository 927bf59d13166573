"""Bringing work from elsewhere into the folder and the gradebook of a placement, and taking it out again.

What arrives waits in a folder beside, under the names that students had where it comes from, until the tool has written
down that it belongs here; then it is put in place. Each step can be repeated.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

from grading.engine.connection import exists
from grading.engine.files import move_into_place
from grading.engine.portable_folder import CONFIG, GRADEBOOK, INBOUND, OWN, SHARED
from grading.engine.portable_gradebook import has_learners, put_rows, rename_in_gradebook
from grading.engine.portable_rows import read_rows
from grading.engine.site import Site

KEPT = "kept"
"""Folder of a placement: source and release as they came, which the course has as its own."""


def waiting_folder(work: Path, token: str) -> Path:
    """Where an arrival waits."""
    return work / f".arriving-{token}"


def clear_waiting(work: Path) -> None:
    """Remove what an import has left that was killed before anything was written down."""
    for path in work.glob(".arriving-*"):
        if path.is_dir():
            shutil.rmtree(path)


def knows_learners(site: Site) -> bool:
    """Whether the gradebook of a placement knows anybody yet."""
    return exists(site.gradebook_url) and has_learners(site.gradebook_url)


def put_in_place(site: Site, token: str, names: Mapping[str, str]) -> None:
    """Put an arrival where it belongs, and call students by the names that they have here; safe to repeat."""
    waiting = waiting_folder(site.work, token)
    with site.held():
        if (waiting / GRADEBOOK).is_file():
            for part in (*OWN, INBOUND):
                _move_children(waiting / part, site.work / part)
            for name in (*SHARED, CONFIG):
                if (waiting / name).exists():
                    (site.work / KEPT).mkdir(exist_ok=True)
                    _move(waiting / name, site.work / KEPT / name)
            put_rows(site.gradebook_url, read_rows(waiting / GRADEBOOK))
        shutil.rmtree(waiting, ignore_errors=True)
        if names:
            rename_in_gradebook(site.gradebook_url, names)
        for old, new in names.items():
            for part in OWN:
                _rename(site.work / part / old, site.work / part / new)


def _move_children(source: Path, target: Path) -> None:
    if not source.is_dir():
        return
    target.mkdir(parents=True, exist_ok=True)
    for child in sorted(source.iterdir()):
        _move(child, target / child.name)


def _move(source: Path, target: Path) -> None:
    if source.is_dir():
        move_into_place(source, target)
    else:
        source.replace(target)


def _rename(old: Path, new: Path) -> None:
    """What the new name has already stays."""
    if not old.is_dir():
        return
    if new.exists():
        for child in sorted(old.iterdir()):
            if not (new / child.name).exists():
                child.rename(new / child.name)
        shutil.rmtree(old)
    else:
        old.rename(new)
