"""Content on this machine's disk, below the data directory."""

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from lti_tool.kernel.errors import ExternalError, NotFound
from plugins.files.links import LinkMaker
from plugins.files.storage import BLOCK

_KEY = re.compile(r"[a-z0-9]+(?:[/._-][a-z0-9]+)*")


class LocalStorage:
    """The default. A file appears under its name only when all of it is on the disk."""

    def __init__(self, root: Path, links: LinkMaker) -> None:
        """`root` is made when something is kept."""
        self._root = root
        self._links = links

    def put(self, key: str, content: bytes | BinaryIO, content_type: str) -> None:
        """See Storage."""
        made = self._folder("tmp") / secrets.token_hex(16)
        try:
            with _disk_errors(), made.open("wb") as file:
                if isinstance(content, bytes):
                    file.write(content)
                else:
                    shutil.copyfileobj(content, file, BLOCK)
            self.put_file(key, made, content_type)
        finally:
            made.unlink(missing_ok=True)

    def put_file(self, key: str, path: Path, content_type: str) -> None:
        """See Storage."""
        target = self.path_of(key)
        with _disk_errors():
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if path.stat().st_dev != self._root.stat().st_dev:
                with path.open("rb") as file:
                    return self.put(key, file, content_type)
            _sync(path)
            path.replace(target)
            _sync(target.parent)
        return None

    def open(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See Storage."""
        try:
            file = self.path_of(key).open("rb")
        except FileNotFoundError as error:
            raise NotFound("file_not_found", "This file is no longer here.") from error
        return _read(file, start, length)

    def size(self, key: str) -> int:
        """See Storage."""
        try:
            return self.path_of(key).stat().st_size
        except FileNotFoundError as error:
            raise NotFound("file_not_found", "This file is no longer here.") from error

    def delete(self, key: str) -> None:
        """See Storage."""
        path = self.path_of(key)
        path.unlink(missing_ok=True)
        with suppress(OSError):  # others are in it
            path.parent.rmdir()

    def delete_all(self, prefix: str) -> None:
        """See Storage."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self.path_of(prefix.removesuffix("/")))

    def download_url(self, key: str, filename: str, content_type: str, expires_s: int, *, inline: bool) -> str:
        """See Storage. A path of the tool, `/files/d/…`."""
        return self._links.make(key, filename, content_type, expires_s, inline=inline)

    @contextmanager
    def local_copy(self, key: str, folder: Path) -> Iterator[Path]:
        """See Storage. The file itself: read only."""
        self.size(key)
        yield self.path_of(key)

    def path_of(self, key: str) -> Path:
        """Where a key is kept. Raises: ValueError: it is no key of ours."""
        if not _KEY.fullmatch(key):
            raise ValueError(f"{key!r} is not a key.")
        return self._root / key

    def _folder(self, name: str) -> Path:
        folder = self._root / name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder


def _read(file: BinaryIO, start: int, length: int | None) -> Iterator[bytes]:
    with file:
        file.seek(start)
        left = length
        while left is None or left > 0:
            block = file.read(BLOCK if left is None else min(BLOCK, left))
            if not block:
                return
            left = None if left is None else left - len(block)
            yield block


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _disk_errors() -> Iterator[None]:
    """A full disk is nobody's mistake here, and may be over later."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        message = "The file could not be written. Try again later, or ask your administrator to look at the disk."
        raise ExternalError("storage_full", message, {"why": str(error.strerror)}, retryable=True) from error
