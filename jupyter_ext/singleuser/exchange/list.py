"""`nbgrader list`, and what the Assignment List shows: released, fetched and submitted work."""

from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path
from typing import Any

from nbgrader.exchange.abc import ExchangeList as AbstractList

from jupyter_ext.singleuser.contract import (
    Assignment,
    ClassAttempt,
    list_assignments,
    list_class_work,
    list_courses,
)
from jupyter_ext.singleuser.contract_work import Attempt
from jupyter_ext.singleuser.exchange.base import EVERYTHING, Exchange, as_timestamp, name_times
from jupyter_ext.singleuser.exchange.class_work import by_learner, tell_feedback
from jupyter_ext.singleuser.exchange.feedback_folder import feedback_folder, has_feedback, is_outdated
from jupyter_ext.singleuser.folders import Place
from jupyter_ext.singleuser.tool_client import ToolError

_STAFF = frozenset({"teacher", "assistant"})


class ExchangeList(Exchange, AbstractList):
    """List what the tool has for the person. `--cached` means what they handed in; so does `--inbound`, and on a
    marking server what its class handed in.
    """

    def list_files(self) -> list[dict[str, Any]]:
        """Nbgrader's dictionaries, one an assignment; for submissions with a list of them inside."""
        if not self.inbound and not self.cached:
            infos = [self._released(course, one) for course, one in self.find_assignments()]
            self.log.info("Released assignments:")
            for info in infos:
                self.log.info(_released_line(info))
            return infos
        infos = self._list_class() if self.inbound else []
        listed = {info["course_id"] for info in infos}
        if self.is_wanted_learner(self.student_id()):
            mine = [(course, one) for course, one in self.find_assignments() if one.attempts and course not in listed]
            infos += [self._submitted(course, one) for course, one in mine]
        self.log.info("Submitted assignments:")
        for info in infos:
            for one in info["submissions"]:
                self.log.info(self._submission_line(one))
        return infos

    def _list_class(self) -> list[dict[str, Any]]:
        """What the classes handed in that the person marks: on a marking server its own, elsewhere none."""
        asked = self.coursedir.course_id
        courses = [course for course in self.ask(list_courses()) if asked in ("", EVERYTHING, course.key)]
        infos: list[dict[str, Any]] = []
        for course in courses:
            if course.role not in _STAFF:
                continue
            try:
                attempts = self.send(list_class_work(course.key))
            except ToolError as error:
                if error.status != HTTPStatus.FORBIDDEN:
                    self.refuse(error.message)
                self.log.warning("%s: %s", course.key, error.message)
                continue
            names = {one.name: one.notebooks for one in self.ask(list_assignments(course.key))}
            wanted = [each for each in attempts if self.is_wanted(each.assignment)]
            wanted = [each for each in wanted if self.is_wanted_learner(each.learner)]
            for assignment in dict.fromkeys(each.assignment for each in wanted):
                found = by_learner(each for each in wanted if each.assignment == assignment)
                infos += [self._handed_in(course.key, each, names.get(assignment, ())) for each in found.values()]
        return infos

    def _handed_in(self, course: str, attempts: list[ClassAttempt], notebooks: Iterable[str]) -> dict[str, Any]:
        """What one learner handed in for one quiz."""
        first = attempts[0]
        place = {"course_id": course, "student_id": first.learner, "assignment_id": first.assignment}
        step = self.coursedir.submitted_directory
        folder = Path(self.coursedir.format_path(step, first.learner, first.assignment))
        submissions = [
            {
                **place,
                "timestamp": as_timestamp(each.submitted_at),
                "submitted_at": each.submitted_at,
                "status": "submitted",
                "path": str(folder),
                "notebooks": [{"notebook_id": name, "path": str(folder / f"{name}.ipynb")} for name in notebooks],
                "has_local_feedback": False,
                "has_exchange_feedback": each.has_feedback,
                "feedback_updated": False,
                "local_feedback_path": None,
                "attempt": each.number,
                "receipt": each.receipt,
                "told": tell_feedback(each),
            }
            for each in attempts
        ]
        return {**place, "status": "submitted", "submissions": submissions}

    def _submission_line(self, info: dict[str, Any]) -> str:
        told = info.get("told") or _tell_own_feedback(info)
        return (
            f"{info['course_id']} {info['student_id']} {info['assignment_id']} "
            f"{self.shown_time(info['submitted_at'])} attempt {info['attempt']}, receipt {info['receipt']} ({told})"
        )

    def remove_files(self) -> None:
        """Refuse: nothing is removed from here."""
        self.refuse("Nothing can be removed from here. A quiz is taken back in Coursebridge, on the course's page.")

    def _released(self, course: str, assignment: Assignment) -> dict[str, Any]:
        folder = self.folder(Place(course, assignment.name))
        fetched = folder.is_dir()
        notebooks = sorted(path.stem for path in folder.glob("*.ipynb")) if fetched else assignment.notebooks
        return {
            "course_id": course,
            "assignment_id": assignment.name,
            "status": "fetched" if fetched else "released",
            "path": str(folder),
            "notebooks": [{"notebook_id": name, "path": str(folder / f"{name}.ipynb")} for name in notebooks],
        }

    def _submitted(self, course: str, assignment: Assignment) -> dict[str, Any]:
        times = name_times(assignment.attempts)
        folder = self.folder(Place(course, assignment.name))
        submissions = [
            self._submission(course, assignment, attempt, times[attempt.number], folder)
            for attempt in assignment.attempts
        ]
        return {
            "course_id": course,
            "student_id": self.student_id(),
            "assignment_id": assignment.name,
            "status": "submitted",
            "submissions": submissions,
        }

    def _submission(
        self, course: str, assignment: Assignment, attempt: Attempt, timestamp: str, folder: Path
    ) -> dict[str, Any]:
        there = feedback_folder(folder, timestamp)
        outdated = is_outdated(there, attempt)
        local = has_feedback(there, assignment.notebooks)
        notebooks = [
            {
                "notebook_id": name,
                "path": str(folder / f"{name}.ipynb"),
                "has_local_feedback": has_feedback(there, [name]),
                "has_exchange_feedback": attempt.has_feedback,
                "local_feedback_path": str(there / f"{name}.html") if has_feedback(there, [name]) else None,
                "feedback_updated": outdated,
            }
            for name in assignment.notebooks
        ]
        return {
            "course_id": course,
            "student_id": self.student_id(),
            "assignment_id": assignment.name,
            "timestamp": timestamp,
            "submitted_at": attempt.submitted_at,
            "status": "submitted",
            "path": str(folder),
            "notebooks": notebooks,
            "has_local_feedback": local,
            "has_exchange_feedback": attempt.has_feedback,
            "feedback_updated": outdated,
            "local_feedback_path": str(there) if local else None,
            "attempt": attempt.number,
            "receipt": attempt.receipt,
        }


def _released_line(info: dict[str, Any]) -> str:
    fetched = " (already downloaded)" if info["status"] == "fetched" else ""
    return f"{info['course_id']} {info['assignment_id']}{fetched}"


def _tell_own_feedback(info: dict[str, Any]) -> str:
    if info["has_local_feedback"] and not info["feedback_updated"]:
        return "feedback already fetched"
    return "feedback ready to be fetched" if info["has_exchange_feedback"] else "no feedback available"
