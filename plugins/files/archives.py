"""ZIP files: which of the many kinds, and whether one is a bomb. Nothing is unpacked.

The end record is read by hand first (APPNOTE.TXT 4.3.14 to 4.3.16): Python reads the whole directory into memory.
"""

import struct
import zipfile
from pathlib import Path

from plugins.files.refusals import Refused

END, END_64 = b"PK\x05\x06", b"PK\x06\x06"
MAX_DIRECTORY = 20_000_000
"""Bytes of a directory that is read: about 200,000 names."""
MAX_UNPACKED = 50_000_000_000
SUSPICIOUS_RATIO, SUSPICIOUS_SIZE = 100, 1_000_000_000
"""Above both, it is a bomb: text packs to a tenth, and what is small does no harm."""
OFFICE = {
    b"wordprocessingml.document.main": "wordprocessingml.document",
    b"spreadsheetml.sheet.main": "spreadsheetml.sheet",
    b"presentationml.presentation.main": "presentationml.presentation",
}
_READ_MAX = 1_000_000


def find_zip_type(path: Path) -> str:
    """The content type of a file that begins like a ZIP. Raises: Refused: broken, or a bomb."""
    if _directory_size(path) > MAX_DIRECTORY:
        raise Refused("archive_bomb")
    try:
        with zipfile.ZipFile(path) as archive:
            _refuse_bomb(archive, path.stat().st_size)
            return _kind_of(archive)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, OSError, KeyError) as error:
        raise Refused("archive_broken") from error


def _refuse_bomb(archive: zipfile.ZipFile, packed: int) -> None:
    """Judges by the declared sizes: what lies about them does not unpack."""
    unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > MAX_UNPACKED or (unpacked > SUSPICIOUS_SIZE and unpacked > SUSPICIOUS_RATIO * packed):
        raise Refused("archive_bomb")


def _kind_of(archive: zipfile.ZipFile) -> str:
    names = set(archive.namelist())
    if "mimetype" in names:  # OpenDocument and EPUB
        said = _read(archive, "mimetype").decode("ascii", errors="replace").strip()
        if said.startswith("application/vnd.oasis.opendocument.") or said == "application/epub+zip":
            return said
    if "[Content_Types].xml" in names:
        types = _read(archive, "[Content_Types].xml")
        if b"macroEnabled" in types:
            return "application/vnd.ms-office.macro-enabled"
        for mark, kind in OFFICE.items():
            if mark in types:
                return f"application/vnd.openxmlformats-officedocument.{kind}"
    return "application/java-archive" if "META-INF/MANIFEST.MF" in names else "application/zip"


def _read(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as entry:
        return entry.read(_READ_MAX)


def _directory_size(path: Path) -> int:
    """Bytes of the central directory. Raises: Refused: there is none."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - 66_000))
        tail = file.read()
    at = tail.rfind(END)
    if at < 0 or len(tail) - at < 22:
        raise Refused("archive_broken")
    found: int = struct.unpack_from("<I", tail, at + 12)[0]
    if found != 0xFFFFFFFF:
        return found
    at_64 = tail.rfind(END_64, 0, at)
    if at_64 < 0:
        raise Refused("archive_broken")
    found_64: int = struct.unpack_from("<Q", tail, at_64 + 40)[0]
    return found_64
