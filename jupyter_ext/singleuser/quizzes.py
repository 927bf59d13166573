"""What the panel shows: the quizzes of all courses of the person, and how their work on each stands."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jupyter_ext.singleuser.backup import DraftBackup
from jupyter_ext.singleuser.catalogue import Catalogue, Listed
from jupyter_ext.singleuser.contract import Assignment, Course
from jupyter_ext.singleuser.folders import BadName, Place, first_notebook, list_noted_places, read_note
from jupyter_ext.singleuser.kernels import QuizKernels
from jupyter_ext.singleuser.tool_client import ToolError

SEEN_S = 55.0
"""How old the list may be, in seconds, when the panel asks by itself: it does so once a minute."""
ASKED_S = 2.0
"""The same when the person asks for it."""

_STATES = {"queued": "handed_in", "running": "being_marked", "graded": "marked"}


async def list_quizzes(
    root: Path, catalogue: Catalogue, backup: DraftBackup, kernels: QuizKernels, *, max_age_s: float
) -> dict[str, Any]:
    """`courses`, each with `key`, `title`, `problem` and `quizzes`, and a `problem` when the tool cannot be asked.

    While the tool is down: what it said last, and the quizzes that lie on this server.
    """
    courses = await catalogue.courses(max_age_s)
    lists = await asyncio.gather(*(catalogue.quizzes(course.key, max_age_s) for course in courses.items))
    problem = courses.problem or next((one.problem for one in lists if one.problem), None)
    told = [
        _course(root, backup, kernels, course, quizzes) for course, quizzes in zip(courses.items, lists, strict=True)
    ]
    if problem is not None:
        _add_local(told, await asyncio.to_thread(list_noted_places, root), root, backup, kernels)
    return {"courses": told, "problem": problem_as_json(problem)}


def state_of(assignment: Assignment, *, has_work: bool) -> str:
    """The state of a quiz in one word.

    not_started | in_work | handed_in | being_marked | held | needs_manual | marked | failed | closed
    """
    if assignment.attempts:
        last = assignment.attempts[-1]
        return "held" if last.is_held else _STATES.get(last.state, last.state)
    if assignment.is_closed:
        return "closed"
    return "in_work" if has_work or assignment.draft_saved_at else "not_started"


def tell_assignment(place: Place, assignment: Assignment | None, kernels: QuizKernels) -> dict[str, Any]:
    """A quiz as the tool knows it; with no more than its name while the tool is not known to know it."""
    if assignment is None:
        nothing = (
            "due", "closes", "max_score", "attempts_allowed", "attempts_left", "next_attempt", "attempts", "page_url",
            "why_not", "result", "group",
        )  # fmt: skip
        told: dict[str, Any] = {"title": place.assignment, "closed": False, "extended": False, "terms": []}
        told["environment_problem"] = ""
        told |= dict.fromkeys(nothing)
    else:
        told = {
            "title": assignment.title,
            "due": assignment.due,
            "closes": assignment.closes,
            "closed": assignment.is_closed,
            "extended": assignment.is_extended,
            "why_not": assignment.why_not,
            "terms": list(assignment.terms),
            "environment_problem": kernels.why_not(assignment.environment),
            "max_score": assignment.max_score,
            "attempts_allowed": assignment.attempts_allowed,
            "attempts_left": assignment.attempts_left,
            "next_attempt": assignment.next_attempt,
            "attempts": [asdict(attempt) for attempt in assignment.attempts],
            "page_url": assignment.page_url,
            "group": None if assignment.group is None else asdict(assignment.group),
            "result": None if assignment.result is None else asdict(assignment.result),
        }
    return {"course": place.course, "assignment": place.assignment} | told


def problem_as_json(problem: ToolError | None) -> dict[str, str] | None:
    """Why the tool could not be asked, for the page."""
    return None if problem is None else {"code": problem.code, "message": problem.message}


def _course(
    root: Path, backup: DraftBackup, kernels: QuizKernels, course: Course, known: Listed[Assignment]
) -> dict[str, Any]:
    quizzes = []
    for assignment in known.items:
        try:
            place = Place(course.key, assignment.name)
        except BadName:  # it has no folder here; its page in the course says what it is
            continue
        quizzes.append(_quiz(root, backup, kernels, place, assignment))
    return {"key": course.key, "title": course.title, "role": course.role, "quizzes": quizzes}


def _quiz(
    root: Path, backup: DraftBackup, kernels: QuizKernels, place: Place, assignment: Assignment | None
) -> dict[str, Any]:
    folder = place.folder(root)
    name, note = first_notebook(folder), read_note(folder, place)
    newer = assignment and note and note.release_sha256 and note.release_sha256 != assignment.release_sha256
    more = {
        "state": "in_work" if assignment is None else state_of(assignment, has_work=folder.is_dir()),
        "is_here": folder.is_dir(),
        "notebook": f"{place.course}/{place.assignment}/{name}" if name else None,
        "has_newer_release": bool(newer),
        "draft": asdict(backup.status(place)),
    }
    return tell_assignment(place, assignment, kernels) | more


def _add_local(
    told: list[dict[str, Any]], places: list[Place], root: Path, backup: DraftBackup, kernels: QuizKernels
) -> None:
    """Add the folders of this server that the tool would have told of."""
    by_key = {course["key"]: course for course in told}
    for place in places:
        if place.course not in by_key:
            by_key[place.course] = {"key": place.course, "title": place.course, "role": "", "quizzes": []}
            told.append(by_key[place.course])
        quizzes = by_key[place.course]["quizzes"]
        if all(quiz["assignment"] != place.assignment for quiz in quizzes):
            quizzes.append(_quiz(root, backup, kernels, place, None))
