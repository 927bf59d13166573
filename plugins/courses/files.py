"""The files of a part of a course folder, without any that lead out of it."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Found:
    """What a part of a course folder holds."""

    files: list[tuple[str, Path]]
    """(path below the part with `/`, file), sorted; hidden ones left out."""
    problems: list[str]
    """Each names the file, from the course folder on, and says what to do."""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.stat().st_size for _name, file in self.files)

    @property
    def largest(self) -> str:
        """Name of the largest file."""
        return max(self.files, key=lambda pair: pair[1].stat().st_size)[0]


def find_files(root: Path, part: str) -> Found:
    """The regular files below `root/part`. Links are followed to files inside `root` only, never to folders."""
    top, found = root / part, Found([], [])
    if top.is_symlink():
        found.problems.append(f"{part}: is a link; put the folder itself there.")
        return found
    for folder, subfolders, names in os.walk(top):
        subfolders[:] = sorted(name for name in subfolders if not _is_hidden(name))
        for name in [*subfolders, *sorted(names)]:
            path = Path(folder) / name
            if _is_hidden(name) or (path.is_dir() and not path.is_symlink()):
                continue
            relative = path.relative_to(top).as_posix()
            wrong = _what_is_wrong(root, path)
            if wrong:
                shown = relative.encode(errors="backslashreplace").decode()
                found.problems.append(f"{part}/{shown}: {wrong}.")
            else:
                found.files.append((relative, path))
    found.files.sort()
    return found


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__pycache__"


def _what_is_wrong(root: Path, path: Path) -> str | None:
    try:
        path.name.encode()
        target = path.resolve(strict=True)
    except UnicodeEncodeError:
        return "its name is not UTF-8; rename it"
    except (OSError, RuntimeError):
        return "is a link to nothing; put the file itself there"
    if not target.is_relative_to(root.resolve()):
        return "is a link out of the course folder; put the file itself there"
    if target.is_dir():
        return "is a link to a folder; put the files themselves there"
    if not target.is_file():
        return "is not a regular file; remove it"
    return None if os.access(target, os.R_OK) else "cannot be read; change its permissions"
