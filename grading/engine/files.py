"""Files of a course root: safe names, locks, and folders that change all at once."""

import fcntl
import os
import re
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

NAME = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_. -]{0,127}")
"""What an assignment or a learner may be called here; nbgrader itself allows a little more."""
IGNORED = {".ipynb_checkpoints", "__pycache__", "feedback"}
LOCK = ".coursebridge.lock"


def check_name(name: str) -> str:
    """The name itself if it is one harmless path component.

    Raises:
        ValueError: it is not.
    """
    if not NAME.fullmatch(name) or name.strip(".") == "" or name != name.strip():
        raise ValueError(f"{name!r} cannot be the name of an assignment or a learner")
    return name


def is_safe_path(path: str) -> bool:
    """Whether a submitted path stays inside its folder and is worth keeping."""
    parts = path.split("/")
    if not path or "\0" in path or "\\" in path or len(path) > 400 or len(parts) > 12:
        return False
    return not any(p in ("", ".", "..") or p in IGNORED or len(p.encode()) > 200 for p in parts)


def keep_safe(files: Mapping[str, bytes], reserved: Iterable[str] = ()) -> dict[str, bytes]:
    """The files with safe paths, of which none is inside another or inside a reserved one."""
    safe = {name: body for name, body in files.items() if is_safe_path(name)}
    taken = {*safe, *reserved}
    return {
        name: body
        for name, body in safe.items()
        if name not in reserved and not any(folder in taken for folder in _folders(name))
    }


def _folders(name: str) -> list[str]:
    """The folders above a relative path."""
    parts = name.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]


def overlay(below: Mapping[str, bytes], above: Mapping[str, bytes]) -> dict[str, bytes]:
    """Both sets of files, where those of `above` win, as files or as folders."""
    folders = {folder for name in above for folder in _folders(name)}
    kept = {
        name: body
        for name, body in below.items()
        if name not in folders and not any(folder in above for folder in _folders(name))
    }
    return {**kept, **above}


def read_tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder of ours by relative path, without what nbgrader ignores."""
    found = {}
    for path in sorted(folder.rglob("*")):
        relative = PurePosixPath(path.relative_to(folder))
        is_kept = path.suffix != ".pyc" and not IGNORED & set(relative.parts)
        if is_kept and path.is_file() and not path.is_symlink():
            found[str(relative)] = path.read_bytes()
    return found


def replace_tree(folder: Path, files: Mapping[str, bytes]) -> None:
    """Make a folder hold exactly `files`; a crash leaves the old, the new or none, and no mixture."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = folder.parent / f".new-{folder.name}-{uuid.uuid4().hex}"
    fresh.mkdir()
    for name, body in files.items():
        target = fresh / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(body)
    move_into_place(fresh, folder)


def move_into_place(fresh: Path, folder: Path) -> None:
    """Put a finished folder where another may be, and clear away what crashes left.

    A crash in between leaves none: whoever calls this does so again, as jobs do.
    """
    old = folder.parent / f".old-{folder.name}-{uuid.uuid4().hex}"
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    for pattern in (f".old-{folder.name}-*", f".new-{folder.name}-*"):
        for leftover in folder.parent.glob(pattern):
            shutil.rmtree(leftover, ignore_errors=True)


@contextmanager
def locked(folder: Path, name: str = LOCK, *, shared: bool = False) -> Iterator[None]:
    """Hold a lock of this folder, among all processes on this machine; `shared` with others who hold it so."""
    folder.mkdir(parents=True, exist_ok=True)
    fd = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o664)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
