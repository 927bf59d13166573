"""`nbgrader list`, and what the Assignment List shows: released, fetched and submitted work."""

from pathlib import Path
from typing import Any

from nbgrader.exchange.abc import ExchangeList as AbstractList

from jupyter_ext.singleuser.contract import Assignment, Attempt
from jupyter_ext.singleuser.exchange.base import Exchange, name_times
from jupyter_ext.singleuser.exchange.feedback_folder import feedback_folder, has_feedback, is_outdated
from jupyter_ext.singleuser.folders import Place


class ExchangeList(Exchange, AbstractList):
    """List what the tool has for the person. `--inbound` and `--cached` both mean their own submissions."""

    def list_files(self) -> list[dict[str, Any]]:
        """Nbgrader's dictionaries, one an assignment; for submissions with a list of them inside."""
        submitted = self.inbound or self.cached
        found = self.find_assignments()
        if submitted:
            infos = [self._submitted(course, one) for course, one in found if one.attempts]
            self.log.info("Submitted assignments:")
        else:
            infos = [self._released(course, one) for course, one in found]
            self.log.info("Released assignments:")
        for info in infos:
            for line in [_submission_line(one) for one in info["submissions"]] if submitted else [_released_line(info)]:
                self.log.info(line)
        return infos

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


def _submission_line(info: dict[str, Any]) -> str:
    if info["has_local_feedback"] and not info["feedback_updated"]:
        feedback = "feedback already fetched"
    elif info["has_exchange_feedback"]:
        feedback = "feedback ready to be fetched"
    else:
        feedback = "no feedback available"
    return (
        f"{info['course_id']} {info['student_id']} {info['assignment_id']} {info['timestamp']} "
        f"attempt {info['attempt']}, receipt {info['receipt']} ({feedback})"
    )
