"""Takes the bytes of a request into the storage, piece by piece, in little memory."""

import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from werkzeug.exceptions import ClientDisconnected

from lti_tool.kernel import crashpoints
from lti_tool.kernel.errors import AppError, Conflict
from lti_tool.kernel.runtime import Runtime
from plugins.files.models import UploadRow
from plugins.files.sniff import BYTES
from plugins.files.stores import storage_of, temporary_folder
from plugins.files.uploads import add_pieces, new_piece_key

BLOCK = 65_536
ALGORITHMS = {"sha1": hashlib.sha1, "sha256": hashlib.sha256}
"""Of Upload-Checksum; tus 1.0 asks for SHA1 at least."""


class ChecksumMismatch(AppError):
    """What arrived is not what was sent (tus 1.0, Checksum: 460)."""

    status = 460


@dataclass(frozen=True)
class Checksum:
    """What the body of one request has to hash to."""

    algorithm: str
    digest: bytes


@dataclass(frozen=True)
class Received:
    """Where an upload is now."""

    position: int
    file_id: int | None
    """Set once it is whole."""


def receive(runtime: Runtime, upload: UploadRow, stream: BinaryIO, checksum: Checksum | None = None) -> Received:
    """Take what the stream holds from `upload.position` on. What arrived before a broken connection is kept.

    With a checksum all of it is kept or nothing. Raises: Conflict: the upload was moved on meanwhile. ChecksumMismatch.
    """
    position, storage = upload.position, storage_of(runtime)
    digest = ALGORITHMS[checksum.algorithm](usedforsecurity=False) if checksum else None
    held: list[tuple[str, int]] = []
    file_id = None
    with temporary_folder(runtime) as folder:
        while position < upload.length:
            spool = folder / "piece"
            size = _spool(stream, spool, min(runtime.settings.files.chunk_bytes, upload.length - position), digest)
            if not size:
                break
            key = new_piece_key(upload.id, position)
            storage.put_file(key, spool, BYTES)
            crashpoints.reach("files.piece_stored")
            held.append((key, size))
            position += size
            if checksum is None:
                file_id = _move_on(runtime, upload, position - size, held)
                held = []
    if checksum and digest is not None and not hmac.compare_digest(digest.digest(), checksum.digest):
        _forget(runtime, held)
        raise ChecksumMismatch("upload_checksum", "What arrived is not what was sent. Send it again.")
    if held:
        file_id = _move_on(runtime, upload, upload.position, held)
    return Received(position, file_id)


def _move_on(runtime: Runtime, upload: UploadRow, position: int, pieces: list[tuple[str, int]]) -> int | None:
    try:
        with runtime.db.transaction() as tx:
            return add_pieces(tx, runtime, upload.id, position, pieces)
    except Conflict:
        _forget(runtime, pieces)
        raise


def _forget(runtime: Runtime, pieces: list[tuple[str, int]]) -> None:
    for key, _size in pieces:
        storage_of(runtime).delete(key)


def _spool(stream: BinaryIO, path: Path, limit: int, digest: "hashlib._Hash | None") -> int:
    size = 0
    with path.open("wb") as file:
        while size < limit:
            try:
                block = stream.read(min(BLOCK, limit - size))
            except (ClientDisconnected, OSError):
                break
            if not block:
                break
            file.write(block)
            size += len(block)
            if digest is not None:
                digest.update(block)
    return size
