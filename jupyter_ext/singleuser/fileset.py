"""The files of an assignment folder: read them as a set, and lay a set down without touching what is there.

A set holds every file except hidden ones, checkpoints, caches and fetched feedback. What comes from the network is
checked before a byte is written: a path may not leave the folder.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from jupyter_ext.singleuser.contract import Files

LIMIT_BYTES = 20 * 1024 * 1024
"""How much one file set may hold, in bytes; the tool refuses more."""

FEEDBACK_FOLDER = "feedback"
"""nbgrader puts marked notebooks into this folder of the assignment; they are not part of the work."""

_IGNORED_FOLDERS = frozenset({"__pycache__"})
_IGNORED_SUFFIXES = frozenset({".pyc"})


class FileSetError(Exception):
    """The files cannot be read or laid down; the message says why and what to do."""


def read_folder(folder: Path) -> dict[str, bytes]:
    """Read the file set of a folder. Links are left out.

    Raises: FileSetError when there is nothing to read, a file cannot be read, or it is more than `LIMIT_BYTES`.
    """
    paths = sorted(_files_below(folder))
    sizes = {path: path.stat().st_size for path in paths}
    if sum(sizes.values()) > LIMIT_BYTES:
        raise FileSetError(_too_large(folder, sizes))
    if not paths:
        raise FileSetError(f"There are no files in {folder.name}. Open the quiz again from your course.")
    try:
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    except OSError as error:
        raise FileSetError(f"A file cannot be read: {error}. Check the folder {folder.name} and try again.") from error


def snapshot_sha256(files: Files) -> str:
    """The hash of a file set: sha256 over the sorted lines "path NUL hexdigest newline"."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path}\0{hashlib.sha256(files[path]).hexdigest()}\n".encode())
    return digest.hexdigest()


def write_new_folder(folder: Path, files: Files) -> bool:
    """Make `folder` with these files, all or nothing. False when it exists already: then nothing is changed.

    Raises: FileSetError for a path that would leave the folder, or when the disk refuses.
    """
    check_paths(files)
    if folder.exists():
        return False
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".coursebridge-", dir=folder.parent))
        try:
            temporary.chmod(0o755)
            _write_files(temporary, files)
            return _rename_new(temporary, folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise FileSetError(f"The quiz cannot be saved here: {error}. Make room or tell your teacher.") from error


def replace_folder(folder: Path, files: Files, kept: Path) -> Path | None:
    """Put these files in the place of `folder`, whose old content moves to `kept`, whole; gives where it is now.

    `kept` gets a number if there is such a folder already. None when there was no old folder. Whatever fails or is
    killed in between, the old content is whole in one of the two.

    Raises: FileSetError as `write_new_folder`; then the old folder is as it was.
    """
    check_paths(files)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".coursebridge-", dir=folder.parent))
        try:
            temporary.chmod(0o755)
            _write_files(temporary, files)
            moved = _move_aside(folder, kept)
            try:
                temporary.rename(folder)
            except OSError:
                if moved is not None:
                    moved.rename(folder)
                raise
            return moved
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise FileSetError(f"The quiz cannot be saved here: {error}. Make room or tell your teacher.") from error


def add_missing_files(folder: Path, files: Files) -> list[str]:
    """Write those files that the folder lacks, and tell which. What is there stays as it is.

    Raises: FileSetError as `write_new_folder`.
    """
    check_paths(files)
    missing = {path: content for path, content in files.items() if not os.path.lexists(folder / path)}
    real_folder = folder.resolve()
    for path in missing:
        if not (folder / path).resolve().is_relative_to(real_folder):
            raise FileSetError(
                f"The file {path} would leave the folder {folder.name}, through a link. Remove the link."
            )
    try:
        _write_files(folder, missing)
    except OSError as error:
        raise FileSetError(f"The quiz cannot be saved here: {error}. Make room or tell your teacher.") from error
    return sorted(missing)


def check_paths(files: Files) -> None:
    """Refuse a file set with a path that is absolute, leaves its folder or names nothing. Raises: FileSetError."""
    for path in files:
        pure = PurePosixPath(path)
        parts = path.split("/")
        if not path or pure.is_absolute() or any(part in ("", ".", "..") for part in parts):
            raise FileSetError(f"The course sent a file with an unsafe path: {path!r}. Tell your teacher.")
        if "\\" in path or any(ord(character) < 32 for character in path):
            raise FileSetError(f"The course sent a file with an unsafe name: {path!r}. Tell your teacher.")


def _files_below(folder: Path) -> Iterator[Path]:
    for where, folders, names in os.walk(folder):
        at_top = Path(where) == folder
        folders[:] = [name for name in folders if not _is_ignored_folder(name, at_top=at_top)]
        for name in names:
            path = Path(where) / name
            hidden = name.startswith(".") or path.suffix in _IGNORED_SUFFIXES
            if not hidden and path.is_file() and not path.is_symlink():
                yield path


def _is_ignored_folder(name: str, *, at_top: bool) -> bool:
    return name.startswith(".") or name in _IGNORED_FOLDERS or (at_top and name == FEEDBACK_FOLDER)


def _write_files(folder: Path, files: Files) -> None:
    for path, content in files.items():
        write_whole(folder / path, content)


def write_whole(target: Path, content: bytes) -> None:
    """Write a file all or not at all: a disk that is full, or a server that is killed, leaves no part of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.new")
    try:
        fresh.write_bytes(content)
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)


def _move_aside(folder: Path, kept: Path) -> Path | None:
    if not os.path.lexists(folder):
        return None
    number, target = 1, kept
    while os.path.lexists(target):
        number += 1
        target = kept.with_name(f"{kept.name} ({number})")
    folder.rename(target)
    return target


def _rename_new(temporary: Path, folder: Path) -> bool:
    """Move into place; a folder that appeared meanwhile wins, as rename() never replaces one that holds files."""
    try:
        temporary.rename(folder)
    except OSError:
        if folder.exists():
            return False
        raise
    return True


def _too_large(folder: Path, sizes: dict[Path, int]) -> str:
    largest = max(sizes, key=lambda path: sizes[path])
    total_mb, limit_mb = sum(sizes.values()) / 1024**2, LIMIT_BYTES // 1024**2
    return (
        f"The folder {folder.name} holds {total_mb:.0f} MB; the course takes {limit_mb} MB. "
        f"Remove what the quiz does not need: the largest file is {largest.relative_to(folder).as_posix()} "
        f"({sizes[largest] / 1024**2:.0f} MB)."
    )
