"""The port to where content is kept, and the choice of the adapter."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Protocol

BLOCK = 262_144
"""Bytes that are read at once."""


class Storage(Protocol):
    """Keeps bytes under keys. A key is written once and never changed; keys are ours, no person chooses them.

    Every method raises ExternalError (retryable) when the storage does not answer.
    """

    def put(self, key: str, content: bytes | BinaryIO, content_type: str) -> None:
        """Keep it: after the return it is safe, before it there is nothing under the key."""

    def put_file(self, key: str, path: Path, content_type: str) -> None:
        """Keep a file, of any size, in little memory. It may be moved away."""

    def open(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` on, `length` of them or all. Raises: NotFound, before the first is taken."""

    def size(self, key: str) -> int:
        """In bytes. Raises: NotFound."""

    def delete(self, key: str) -> None:
        """Remove it, if it is there."""

    def delete_all(self, prefix: str) -> None:
        """Remove every key that begins so; `prefix` ends in `/`."""

    def download_url(self, key: str, filename: str, content_type: str, expires_s: int, *, inline: bool) -> str:
        """An address from which a browser gets it without being signed in, for at least so many seconds."""

    def local_copy(self, key: str, folder: Path) -> AbstractContextManager[Path]:
        """A file of this machine to read, for as long as the context lasts; made in `folder` if it must be made."""
