"""Source and release of a course beside those of an nbgrader folder: whether they are the same, and still the same."""

import hashlib
from pathlib import Path

from config.settings import Settings
from grading.engine.portable_folder import SHARED, list_folders


def digest_shared(settings: Settings, slug: str) -> dict[str, str]:
    """Checksums of the course's `source/<assignment>` and `release/<assignment>`, by path."""
    root = settings.course_dir(slug)
    folders = [f"{part}/{name}" for part in SHARED for name in list_folders(root / part) if name[:1] != "."]
    return {folder: _digest(root / folder) for folder in folders}


def find_differences(settings: Settings, slug: str, arriving: Path) -> list[str]:
    """Which notebooks of `source/` the course does not have as the folder has them; one line for each."""
    root, problems = settings.course_dir(slug), []
    for name in list_folders(arriving / "source"):
        theirs = {path.name: path for path in (arriving / "source" / name).glob("[!.]*.ipynb")}
        if name.startswith(".") or not theirs:
            continue
        if not (root / "source" / name).is_dir():
            problems.append(f"source/{name}: the course {slug} has no such quiz.")
            continue
        for file, path in sorted(theirs.items()):
            mine = root / "source" / name / file
            if not mine.is_file() or mine.read_bytes() != path.read_bytes():
                problems.append(f"source/{name}/{file}: is another one in the course {slug}.")
    return problems


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            digest.update(f"{path.relative_to(folder).as_posix()}\0{content}\n".encode())
    return digest.hexdigest()
