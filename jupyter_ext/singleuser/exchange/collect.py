"""`nbgrader collect`: what learners handed in, with the times of submission, into the `submitted` folder."""

import os
import shutil
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from nbgrader.exchange.abc import ExchangeCollect as AbstractCollect
from nbgrader.utils import parse_utc

from jupyter_ext.singleuser.contract import ClassAttempt, Files, get_handed_in
from jupyter_ext.singleuser.exchange.base import TIMESTAMP_FILE, as_timestamp
from jupyter_ext.singleuser.exchange.class_work import WAITING, ClassExchange
from jupyter_ext.singleuser.fileset import FileSetError, snapshot_sha256, write_new_folder
from jupyter_ext.singleuser.folders import BadName, Place

_EXISTS = "Submission already exists, use --update to update"


class ExchangeCollect(ClassExchange, AbstractCollect):
    """Collect the newest attempt of each learner, or with `before_duedate` the newest that was in time.

    `check_owner` has nothing to compare: the tool knows by the learner's own token who handed in. What is checked
    instead is that the files are those of the receipt.
    """

    def init_src(self) -> None:
        """Choose one attempt for each learner."""
        self.chosen = [self._choose(attempts) for attempts in self.find_attempts().values()]

    def copy_files(self) -> None:
        """Write what is missing; with `update`, what is newer."""
        place = self.place()
        if not self.chosen:
            self.log.warning("No submissions of '%s' for course '%s' to collect", place.assignment, place.course)
            return
        count = len(self.chosen)
        self.log.info("Processing %d submissions of '%s' for course '%s'", count, place.assignment, place.course)
        left = [attempt for attempt in self.chosen if not self._collect(attempt)]
        if left:
            names = ", ".join(f"{each.learner} (attempt {each.number})" for each in left)
            self.refuse(
                f"Not written: {names}. Coursebridge fills {self._folder(left[0]).parent.parent} itself, with what it "
                "has marked. To have these files, collect into a folder of your own: add --course-dir=$HOME/collected"
            )

    def _choose(self, attempts: list[ClassAttempt]) -> ClassAttempt:
        in_time = [each for each in attempts if each.due is None or _moment(each.submitted_at) <= _moment(each.due)]
        return (in_time if self.before_duedate and in_time else attempts)[-1]

    def _collect(self, attempt: ClassAttempt) -> bool:
        """Write one attempt if it is wanted; False: the folder cannot be written to."""
        folder, name = self._folder(attempt), f"{attempt.learner} {attempt.assignment}"
        is_there = folder.is_dir()
        if is_there and not self._is_wanted_anew(folder, attempt):
            hint = "No newer submission to collect" if self.update else _EXISTS
            self.log.info("%s: %s", hint, name)
            return True
        if not _is_writable(folder.parent):
            if attempt.state in WAITING:
                self.log.warning("Attempt %d waits to be marked, then it is here by itself: %s", attempt.number, name)
            return attempt.state in WAITING
        self.log.info("%s submission: %s", "Updating" if is_there else "Collecting", name)
        files = self.ask_patiently(get_handed_in(self.place().course, attempt))
        if snapshot_sha256(files) != attempt.sha256:
            self.refuse(f"The files of {name} are not those of receipt {attempt.receipt}. Collect again.")
        stamp = as_timestamp(attempt.submitted_at).encode()
        try:
            _put(folder, {**files, TIMESTAMP_FILE: stamp})
        except (FileSetError, OSError) as error:
            self.refuse(f"{name} cannot be written: {error}")
        return True

    def _is_wanted_anew(self, folder: Path, attempt: ClassAttempt) -> bool:
        there, new = _find_timestamp(folder), parse_utc(as_timestamp(attempt.submitted_at))
        if self.before_duedate:
            return bool(there != new)
        return bool(self.update and (there is None or new > there))

    def _folder(self, attempt: ClassAttempt) -> Path:
        try:
            Place(attempt.learner, attempt.assignment)
        except BadName as error:
            self.refuse(str(error))
        submitted = self.coursedir.submitted_directory
        return Path(self.coursedir.format_path(submitted, attempt.learner, attempt.assignment))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _find_timestamp(folder: Path) -> datetime | None:
    """When what is in a folder was handed in, as nbgrader reads it; None: it does not say."""
    try:
        found: datetime = parse_utc((folder / TIMESTAMP_FILE).read_text().strip())
    except (OSError, ValueError):
        return None
    return found


def _is_writable(folder: Path) -> bool:
    """Whether files can be made in the folder, or it itself can be made."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return os.access(there, os.W_OK)


def _put(folder: Path, files: Files) -> None:
    """Put files in the place of a folder; what was there is kept until the new one is complete."""
    old = folder.with_name(f".{folder.name}-{uuid4().hex}")
    if folder.exists():
        folder.rename(old)
    try:
        write_new_folder(folder, files)
    except BaseException:
        if old.exists():
            old.rename(folder)
        raise
    if old.is_symlink():
        old.unlink()
    else:
        shutil.rmtree(old, ignore_errors=True)
