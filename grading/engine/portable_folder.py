"""An nbgrader course folder: looked at without trusting it, copied, and read attempt by attempt."""

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from grading.engine.portable_names import DEEPEST, find_name_problem
from grading.engine.portable_rows import Rows, canonical

GRADEBOOK = "gradebook.db"
CONFIG = "nbgrader_config.py"
"""Kept as a file; the tool never runs it."""
SHARED = ("source", "release")
"""<assignment>/…"""
OWN = ("submitted", "autograded", "feedback")
"""<student>/<assignment>/…"""
INBOUND = "inbound"
"""<student>+<assignment>+<timestamp>[+<random>]/…, as nbgrader's exchange keeps every attempt."""
PARTS = (*SHARED, *OWN, INBOUND)
TIMESTAMP = "timestamp.txt"
MOST_FILES = 500_000
MOST_BYTES = 20_000_000_000
MOST_PROBLEMS = 20
BLOCK = 1 << 20
LONGEST_STAMP = 200
_STAMP = re.compile(r"(?P<moment>\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,6})?)(?P<zone>.*)")
_OFFSET = re.compile(r"[+-]\d\d:?\d\d")


class UnfitFolder(ValueError):
    """The folder cannot be taken; `problems` name the files and say what to do."""

    def __init__(self, problems: list[str]) -> None:
        """One line for each."""
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass
class Folder:
    """What was found in a course folder."""

    root: Path
    files: list[tuple[str, int]] = field(default_factory=list)
    """(path with `/`, bytes) of all that is taken besides the gradebook, sorted."""
    left_out: list[str] = field(default_factory=list)
    """What lies beside it at the top and is not taken."""


def look_at(root: Path) -> Folder:
    """All regular files of a course folder. Raises: UnfitFolder: it is none, or has links or what does not fit."""
    if root.is_file():
        raise UnfitFolder([f"{root}: is a file. Unpack it, and name the folder that gradebook.db lies in."])
    if not (root / GRADEBOOK).exists() and not (root / GRADEBOOK).is_symlink():
        raise UnfitFolder([f"{root}: has no {GRADEBOOK}. Name the folder of an nbgrader course."])
    folder, problems = Folder(root), list[str]()
    for entry in sorted(os.scandir(root), key=lambda each: each.name):
        if entry.name in PARTS or entry.name == CONFIG:
            for path, size, problem in _walk(Path(entry.path), entry.name):
                if problem:
                    problems.append(f"{ascii(path)[1:-1]}: {problem}.")
                else:
                    folder.files.append((path, size))
                if len(problems) >= MOST_PROBLEMS or len(folder.files) > MOST_FILES:
                    break
        elif not entry.name.startswith(GRADEBOOK):
            folder.left_out.append(ascii(entry.name)[1:-1])
    if len(folder.files) > MOST_FILES:
        problems.append(f"{root}: has more than {MOST_FILES} files. Take out what is no part of the course.")
    if sum(size for _path, size in folder.files) > MOST_BYTES:
        problems.append(
            f"{root}: its files have more than {MOST_BYTES // 10**9} GB together. Take out what is no part of the "
            f"course; the largest is {max(folder.files, key=lambda each: each[1])[0]!a}."
        )
    if problems:
        raise UnfitFolder(problems)
    folder.files.sort()
    return folder


def _walk(path: Path, shown: str) -> Iterator[tuple[str, int, str | None]]:
    """(path, bytes, problem) of every file."""
    problem = find_name_problem(path.name)
    if problem or shown.count("/") > DEEPEST:
        yield shown, 0, problem or f"lies in more than {DEEPEST} folders"
        return
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        yield shown, 0, "is a link; put the file or folder itself there"
    elif stat.S_ISDIR(found.st_mode):
        try:
            names = sorted(each.name for each in path.iterdir())
        except OSError as error:
            yield shown, 0, f"cannot be read ({error.strerror}); change its permissions"
            return
        for name in names:
            yield from _walk(path / name, f"{shown}/{name}")
    elif not stat.S_ISREG(found.st_mode):
        yield shown, 0, "is not a regular file; remove it"
    elif not os.access(path, os.R_OK):
        yield shown, 0, "cannot be read; change its permissions"
    else:
        yield shown, found.st_size, None


def copy_into(folder: Folder, target: Path) -> str:
    """Copy all files; returns a checksum of paths and contents. Raises: UnfitFolder: it is being changed. OSError."""
    digest = hashlib.sha256()
    made: set[Path] = set()
    for path, size in folder.files:
        copy = target / path
        if copy.parent not in made:
            copy.parent.mkdir(parents=True, exist_ok=True)
            made.add(copy.parent)
        sha256, copied = _copy(folder.root / path, copy, size)
        if copied != size:
            raise UnfitFolder([f"{ascii(path)[1:-1]}: is being changed. Import again when nobody works in the folder."])
        digest.update(f"{path}\0{sha256}\n".encode())
    return digest.hexdigest()


def digest_of(files: str, rows: Rows) -> str:
    """Of a whole folder, from the checksum of its files and the rows of its gradebook."""
    return hashlib.sha256(f"{files}\n{canonical(rows)!r}".encode()).hexdigest()


def _copy(source: Path, target: Path, most: int) -> tuple[str, int]:
    """Copy at most `most` bytes and one block; the checksum and how many they were."""
    digest, copied = hashlib.sha256(), 0
    # what was looked at before may be a link by now
    fd = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(fd, "rb") as file, target.open("xb") as copy:
        while copied <= most and (block := file.read(BLOCK)):
            digest.update(block)
            copy.write(block)
            copied += len(block)
        found = os.fstat(file.fileno())
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))
    return digest.hexdigest(), copied


@dataclass(frozen=True)
class Attempt:
    """Something that a student handed in."""

    submitted_at: datetime
    folder: Path | None
    """Its files; None: they are not there."""
    is_marked: bool
    """It is the one that the gradebook holds."""


def list_students(root: Path, rows: Rows) -> list[str]:
    """Everybody whom the gradebook or a folder names, sorted."""
    found = {str(row[0]) for row in rows["student"]}
    for part in OWN:
        found |= {name for name in list_folders(root / part) if not name.startswith(".")}
    found |= {key[0] for key in list_inbound(root)}
    return sorted(found)


def list_inbound(root: Path) -> dict[tuple[str, str], list[Path]]:
    """The attempts that the exchange kept, by student and assignment."""
    found: dict[tuple[str, str], list[Path]] = {}
    for name in list_folders(root / INBOUND):
        parts = name.split("+")
        if len(parts) >= 3 and parts[0] and parts[1]:
            found.setdefault((parts[0], parts[1]), []).append(root / INBOUND / name)
    return found


def list_folders(path: Path) -> list[str]:
    """Names of the folders in a folder, sorted; none where there is no such folder."""
    return sorted(each.name for each in os.scandir(path) if each.is_dir()) if path.is_dir() else []


def read_files(folder: Path) -> dict[str, bytes]:
    """Every file of a folder of ours by path; the time of submission is left out."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            found[path.relative_to(folder).as_posix()] = path.read_bytes()
    found.pop(TIMESTAMP, None)
    return found


def size_of(folder: Path) -> int:
    """Bytes of all files of a folder of ours."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def list_attempts(
    root: Path, student: str, assignment: str, inbound: list[Path], held: bool, held_at: datetime | None
) -> list[Attempt]:
    """All attempts of a student at an assignment, oldest first, each moment once.

    `held`: the gradebook has one; `held_at`: when that was handed in, if the gradebook says.
    """
    found: dict[datetime, Path | None] = {} if held_at is None else {held_at: None}
    for folder in inbound:
        moment = read_timestamp(folder) or parse_moment(folder.name.split("+")[2])
        if moment is not None:
            found[moment] = folder
    submitted = root / "submitted" / student / assignment
    if submitted.is_dir():
        # nbgrader misreads some zones, and keeps what it read; it also keeps the file that it read
        is_held = held and _read_stamp(submitted) == _read_stamp(root / "autograded" / student / assignment)
        moment = (held_at if is_held else None) or read_timestamp(submitted) or held_at or _last_change(submitted)
        found[moment] = submitted
        held_at = held_at or moment
    elif held and held_at is None:
        held_at = _last_change(root / "autograded" / student / assignment)
        found[held_at] = None
    return [Attempt(moment, folder, held and moment == held_at) for moment, folder in sorted(found.items())]


def _last_change(folder: Path) -> datetime:
    """Where nothing says when something was handed in: when the newest of its files was changed."""
    times = [path.lstat().st_mtime for path in folder.rglob("*") if path.is_file()]
    return datetime.fromtimestamp(int(max(times, default=0)), UTC)


def read_timestamp(folder: Path) -> datetime | None:
    """When nbgrader says that a folder was handed in; None: it does not say, or it cannot be understood."""
    return parse_moment(_read_stamp(folder).decode(errors="replace").strip())


def _read_stamp(folder: Path) -> bytes:
    file = folder / TIMESTAMP
    return file.read_bytes() if file.is_file() and file.stat().st_size <= LONGEST_STAMP else b""


def parse_moment(text: str) -> datetime | None:
    """`2015-02-02 15:58:23.948203 America/Los_Angeles` and the like; without a zone it is UTC, as for nbgrader."""
    found = _STAMP.fullmatch(text)
    if found is None:
        return None
    zone = found["zone"].strip()
    try:
        moment = datetime.fromisoformat(found["moment"])
        if _OFFSET.fullmatch(zone):
            return datetime.fromisoformat(f"{found['moment']}{zone}").astimezone(UTC)
        return moment.replace(tzinfo=ZoneInfo(zone if zone not in ("", "Z") else "UTC")).astimezone(UTC)
    except (ValueError, OverflowError, OSError, ZoneInfoNotFoundError):
        return None
