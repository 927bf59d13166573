"""Sets of files: which are accepted, their hash, and their content kept once for each hash."""

import hashlib
import unicodedata
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from sqlalchemy import select

from grading.models import BlobRow
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import TooLarge, Unacceptable
from lti_tool.kernel.upsert import insert_into

Files = Mapping[str, bytes]
"""Content by path; paths are relative, with `/`."""

Listing = list[dict[str, Any]]
"""What is stored of a set: dicts of path, sha256 and size, sorted by path."""

MAX_FILES = 500
MAX_PATH = 240
BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of what follows: a name would show as another."""


def accept_files(files: Files, max_bytes: int) -> dict[str, bytes]:
    """The files that count: without hidden ones and checkpoints.

    Raises: Unacceptable, TooLarge: with what to do about it.
    """
    kept = {_accept_path(path): content for path, content in files.items() if not _is_hidden(path)}
    if len(kept) > MAX_FILES:
        raise TooLarge(
            "too_many_files",
            f"These are {len(kept)} files; at most {MAX_FILES} are accepted. Remove those you do not need.",
        )
    total = sum(len(content) for content in kept.values())
    if total > max_bytes:
        largest = max(kept, key=lambda path: len(kept[path]))
        raise TooLarge(
            "too_large",
            f"The files have {total / 1e6:.1f} MB together; at most {max_bytes / 1e6:.0f} MB are accepted. "
            f"The largest is {largest} with {len(kept[largest]) / 1e6:.1f} MB: remove it, or clear its outputs.",
        )
    return kept


def snapshot_sha256(files: Files) -> str:
    """The hash of a set: sha256 over the sorted lines `path NUL hexdigest LF`."""
    return _set_sha256((path, hashlib.sha256(content).hexdigest()) for path, content in sorted(files.items()))


def _set_sha256(hashes: Iterable[tuple[str, str]]) -> str:
    lines = (f"{path}\0{digest}\n" for path, digest in hashes)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@dataclass(frozen=True)
class Packed:
    """Files hashed and compressed, ready to be stored."""

    listing: Listing
    blobs: dict[str, dict[str, Any]]
    """Rows of the blob table by hash."""
    sha256: str
    """Of the whole set."""


def pack_files(files: Files) -> Packed:
    """Hash and compress. Done before a transaction is opened: on SQLite everybody who writes waits for it."""
    listing: Listing = []
    blobs: dict[str, dict[str, Any]] = {}
    for path, content in sorted(files.items()):
        sha256 = hashlib.sha256(content).hexdigest()
        listing.append({"path": path, "sha256": sha256, "size": len(content)})
        if sha256 not in blobs:
            blobs[sha256] = {"sha256": sha256, "size": len(content), "packed": zlib.compress(content, 6)}
    return Packed(listing, blobs, _set_sha256((entry["path"], entry["sha256"]) for entry in listing))


def store_files(tx: Tx, packed: Packed) -> Listing:
    """Keep the content and return the listing."""
    there = select(BlobRow.sha256).where(BlobRow.sha256.in_(packed.blobs)).order_by(BlobRow.sha256)
    known = set(tx.scalars(there.with_for_update(key_share=True, read=True)))  # nobody removes them from here on
    dialect = tx.get_bind().dialect.name
    for sha256 in sorted(packed.blobs.keys() - known):  # in one order: two transactions never wait for each other
        tx.execute(insert_into(dialect, BlobRow).values(packed.blobs[sha256]).on_conflict_do_nothing())
    return packed.listing


def load_files(tx: Tx, listing: Listing) -> dict[str, bytes]:
    """The files of a listing again."""
    wanted = {entry["sha256"] for entry in listing}
    rows = tx.execute(select(BlobRow.sha256, BlobRow.packed).where(BlobRow.sha256.in_(wanted)))
    return unpack(listing, {row.sha256: row.packed for row in rows})


def unpack(listing: Listing, packed: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of a listing, from their compressed content by hash."""
    contents = {sha256: zlib.decompress(content) for sha256, content in packed.items()}
    return {entry["path"]: contents[entry["sha256"]] for entry in listing}


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") and part not in (".", "..") for part in path.split("/"))


def _accept_path(path: str) -> str:
    path = unicodedata.normalize("NFC", path)
    odd = any(unicodedata.category(char) in ("Cc", "Cs") or char in BIDI for char in path) or "\\" in path
    parts = path.split("/")
    if (
        odd
        or not path
        or len(path) > MAX_PATH
        or path.startswith("/")
        or any(part in ("", ".", "..") for part in parts)
    ):
        raise Unacceptable(
            "path_refused", f"A file has a name that is not accepted: {path[:80]!r}. Rename it and submit again."
        )
    return str(PurePosixPath(path))
