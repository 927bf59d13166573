"""Fetched feedback on disk: `<assignment>/feedback/<timestamp>/<notebook>.html`, where nbgrader's pages look for it."""

import json
from collections.abc import Iterable
from pathlib import Path

from jupyter_ext.singleuser.contract import Files
from jupyter_ext.singleuser.contract_work import Attempt
from jupyter_ext.singleuser.fileset import FEEDBACK_FOLDER, check_paths, write_whole

_MARKS_NAME = ".coursebridge.json"


def feedback_folder(assignment_folder: Path, timestamp: str) -> Path:
    """Where the feedback of one attempt lies."""
    return assignment_folder / FEEDBACK_FOLDER / timestamp


def write_feedback(folder: Path, attempt: Attempt, files: Files) -> list[Path]:
    """Write marked notebooks over older ones, and which marks they show. Raises: FileSetError for an unsafe path."""
    check_paths(files)
    written = []
    for path, content in files.items():
        target = folder / path
        write_whole(target, content)
        written.append(target)
    write_whole(folder / _MARKS_NAME, json.dumps(_marks(attempt)).encode())
    return written


def has_feedback(folder: Path, notebooks: Iterable[str]) -> bool:
    """Whether the feedback of every notebook was fetched."""
    names = list(notebooks)
    return bool(names) and all((folder / f"{name}.html").is_file() for name in names)


def is_outdated(folder: Path, attempt: Attempt) -> bool:
    """Whether marks changed since the feedback was fetched."""
    try:
        return bool(json.loads((folder / _MARKS_NAME).read_text("utf-8")) != _marks(attempt))
    except (OSError, ValueError):
        return False


def _marks(attempt: Attempt) -> dict[str, object]:
    return {"state": attempt.state, "score": attempt.score, "max_score": attempt.max_score}
