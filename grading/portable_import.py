"""Taking over an nbgrader course: its folder and its gradebook become the work of one placement, all of it or nothing.

Everything is copied aside and read first. One transaction then writes what pages, results and the LMS need, and says
that the copy belongs here; `portable_placing` puts it in place.
"""

import shutil
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from grading.assignments import list_assignments
from grading.engine.files import locked
from grading.engine.portable_folder import (
    GRADEBOOK,
    Folder,
    UnfitFolder,
    copy_into,
    digest_of,
    list_folders,
    list_students,
    look_at,
    size_of,
)
from grading.engine.portable_rows import NotAGradebook, Rows, read_rows
from grading.messages import PlaceArrival
from grading.models import GradebookRow, ResultRow, SubmissionRow
from grading.portable_models import ArrivalRow, ArrivedStudentRow
from grading.portable_people import By, Match, Student, match
from grading.portable_placing import ensure_placed
from grading.portable_shared import digest_shared, find_differences
from grading.portable_work import PastWork, WorkReader, record_work
from lti_tool.kernel import clock, jobs
from lti_tool.kernel.crashpoints import reach
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Conflict, Invalid, NotFound
from lti_tool.kernel.runtime import Runtime
from lti_tool.kernel.upsert import upsert
from lti_tool.lti import public as lti


@dataclass(frozen=True)
class Wish:
    """How an nbgrader course is to be taken over."""

    said: Mapping[str, str] = field(default_factory=dict)
    """The LMS's id, or the name in JupyterHub, of students by id."""
    by: Collection[By] = ()
    sends: bool = False
    """The results go to the LMS."""
    is_preview: bool = False
    """Change nothing, and say what would happen."""


@dataclass(frozen=True)
class Taken:
    """What came of it, or would."""

    placement: lti.Placement
    matches: list[Match]
    attempts: int
    results: int
    """Of people who are known, with points: as many scores go to the LMS if it is asked for."""
    notes: list[str]
    is_known: bool = False
    """It was taken over before, and nothing was changed."""


@dataclass(frozen=True)
class _Course:
    """A course folder that was copied aside."""

    placement: lti.Placement
    waiting: Path
    token: str
    rows: Rows
    digest: str
    notes: list[str]

    @property
    def url(self) -> str:
        return f"sqlite:///{self.waiting / GRADEBOOK}"


def take_over(runtime: Runtime, path: Path, key: str, wish: Wish) -> Taken:
    """Import an nbgrader course into the placement `key`. The same course again changes nothing.

    Raises: Invalid: the folder cannot be taken; one line for each problem. NotFound, Conflict: with what to do.
    """
    placement = get_placement_by_key(runtime, key)
    contacts = find_contacts(runtime, placement, wish.by)
    work = runtime.settings.placement_dir(placement.course_slug, placement.id)
    with locked(work, ".arriving.lock"):
        ensure_placed(runtime, placement.id)
        with _copied(runtime, placement, path) as course:
            students = list(_students(course))
            with runtime.db.reading() as tx:
                known = tx.get(ArrivalRow, placement.id)
                if known is None:
                    _require_free(tx, course, runtime)
                matches = match(tx, placement, students, wish.said, wish.by, contacts)
            if known is not None:
                return _known(runtime, course, known, matches)
            _require_fit(runtime, course)
            found = _read_work(runtime, course, matches)
            taken = Taken(placement, matches, *_count(found), [*course.notes, *_describe(runtime, course)])
            if wish.is_preview:
                return taken
            reach("arrival.copied")
            _write(runtime, course, matches, found, wish)
            reach("arrival.written")
            ensure_placed(runtime, placement.id)
        return taken


def get_placement_by_key(runtime: Runtime, key: str) -> lti.Placement:
    """Raises: NotFound: says which there are."""
    with runtime.db.reading() as tx:
        placement = lti.find_placement_by_key(tx, key)
        found = [] if placement else lti.list_placements(tx, key) or lti.list_placements(tx, key.rpartition("-")[0])
    if placement is not None:
        return placement
    more = "; ".join(f"{each.key}: {each.title or 'without a title'}" for each in found[:20])
    raise NotFound(
        "placement_not_found",
        f"There is no LMS course {key}. "
        + (f"These use the course: {more}." if more else "Open the course from the LMS once, as its teacher."),
    )


def find_contacts(runtime: Runtime, placement: lti.Placement, by: Collection[By]) -> list[lti.Contact]:
    """What the LMS tells of its people, where that is needed. Raises: NotFound, ExternalError."""
    return lti.list_contacts(runtime, placement.context_id) if {By.EMAIL, By.USERNAME} & set(by) else []


def _students(course: _Course) -> Iterator[Student]:
    said = {str(row[0]): (str(row[4] or ""), str(row[3] or "")) for row in course.rows["student"]}
    for name in list_students(course.waiting, course.rows):
        yield Student(name, *said.get(name, ("", "")))


@contextmanager
def _copied(runtime: Runtime, placement: lti.Placement, path: Path) -> Iterator[_Course]:
    """The folder, looked at and copied aside; the copy goes unless it was written down that it belongs here."""
    work, token = runtime.settings.placement_dir(placement.course_slug, placement.id), uuid.uuid4().hex
    places = import_module("grading.engine.portable_places")
    places.clear_waiting(work)
    waiting: Path = places.waiting_folder(work, token)
    try:
        folder = look_at(path)
        rows = read_rows(path / GRADEBOOK)
        waiting.mkdir(parents=True)
        digest = digest_of(copy_into(folder, waiting), rows)
        import_module("grading.engine.portable_gradebook").write_gradebook(waiting / GRADEBOOK, rows)
        _check_sizes(waiting, runtime.settings.grading.max_submission_bytes)
        yield _Course(placement, waiting, token, rows, digest, _left_out(folder))
    except UnfitFolder as error:
        raise Invalid("nbgrader_folder", "\n".join(error.problems)) from error
    except NotAGradebook as error:
        raise Invalid("nbgrader_gradebook", str(error)) from error
    except OSError as error:
        if error.filename is None:
            raise
        raise Invalid("nbgrader_folder", f"{error.filename}: cannot be read or written ({error.strerror}).") from error
    finally:
        with runtime.db.reading() as tx:
            row = tx.get(ArrivalRow, placement.id)
        if row is None or row.token != token:
            shutil.rmtree(waiting, ignore_errors=True)


def _left_out(folder: Folder) -> list[str]:
    if not folder.left_out:
        return []
    return [f"Not brought, because it is no part of an nbgrader course: {', '.join(folder.left_out[:20])}."]


def _check_sizes(root: Path, most: int) -> None:
    problems = []
    for part in ("submitted", "inbound", "feedback"):
        depth = [root / part / name for name in list_folders(root / part)]
        folders = depth if part == "inbound" else [each / name for each in depth for name in list_folders(each)]
        for folder in folders:
            size, limit = size_of(folder), most * (5 if part == "feedback" else 1)
            if size > limit:
                problems.append(
                    f"{folder.relative_to(root).as_posix()}: has {size / 1e6:.1f} MB; at most {limit / 1e6:.0f} MB are "
                    "taken. Raise the setting grading.max_submission_bytes for the import, or make it smaller."
                )
    if problems:
        raise UnfitFolder(problems[:20])


def _require_free(tx: Tx, course: _Course, runtime: Runtime) -> None:
    """Raises: Conflict: somebody has worked in the placement."""
    placement = course.placement
    handed_in = tx.scalar(select(SubmissionRow.id).where(SubmissionRow.placement_id == placement.id).limit(1))
    url = runtime.settings.gradebook_url(placement.course_slug, placement.id)
    site = import_module("grading.engine_nbgrader").open_placement_at(runtime.settings, placement, url).site
    if handed_in is not None or import_module("grading.engine.portable_places").knows_learners(site):
        raise Conflict(
            "placement_in_use",
            f"In {placement.title or placement.key} learners have handed in already, or its gradebook knows some. "
            "Only an LMS course that nobody has worked in yet takes an nbgrader course over; place yours in another.",
        )


def _known(runtime: Runtime, course: _Course, known: ArrivalRow, matches: list[Match]) -> Taken:
    if known.digest != course.digest:
        raise Conflict(
            "placement_in_use",
            f"{course.placement.title or course.placement.key} has taken over an nbgrader course before, and this "
            "folder is another one, or was changed since. Place the course in another LMS course for it.",
        )
    with runtime.db.reading() as tx:
        attempts = tx.scalar(select(func.count()).where(SubmissionRow.placement_id == course.placement.id)) or 0
        results = tx.scalar(select(func.count()).where(ResultRow.placement_id == course.placement.id)) or 0
    return Taken(course.placement, matches, attempts, results, [], is_known=True)


def _require_fit(runtime: Runtime, course: _Course) -> None:
    """Raises: Conflict, Invalid: the course here has other quizzes than the folder."""
    differences = find_differences(runtime.settings, course.placement.course_slug, course.waiting)
    if differences:
        raise Conflict(
            "sources_differ",
            "\n".join(differences)
            + "\nBring the sources first: `coursebridge course import FOLDER`, with the slug "
            + f"{course.placement.course_slug} in its course.toml or as the folder's name. Then import this again.",
        )
    structure, url = import_module("grading.engine.structure"), course.url
    wanted = structure.load_structures(runtime.settings.structure_url(course.placement.course_slug))
    try:
        structure.bring_up_to(url, wanted, rehearse=True)
    except structure.Misfit as error:
        raise Conflict(
            "gradebook_misfit",
            f"source/{error.assignment} has other graded cells than the gradebook, which has marks for it. "
            "Put the source back as it was when it was released, then import again.",
        ) from error


def _describe(runtime: Runtime, course: _Course) -> list[str]:
    """What the gradebook says otherwise than the course here, which counts."""
    structure = import_module("grading.engine.structure")
    wanted = structure.load_structures(runtime.settings.structure_url(course.placement.course_slug))
    have = structure.load_structures(course.url)
    notes = []
    for name, mine in sorted(wanted.items()):
        theirs = have.get(name)
        if theirs is not None and theirs.due != mine.due:
            notes.append(
                f"{name}: due {mine.due or 'never'} (UTC) in the course, {theirs.due or 'never'} in the gradebook; "
                "the course's counts."
            )
        elif theirs is not None and theirs != mine:
            notes.append(f"{name}: the gradebook has older texts or points of its cells; they follow the source.")
    notes += [
        f"{name}: is no quiz of the course; it is kept for an export." for name in sorted(have.keys() - wanted.keys())
    ]
    return notes


def _read_work(runtime: Runtime, course: _Course, matches: list[Match]) -> dict[str, PastWork]:
    with runtime.db.reading() as tx:
        quizzes = [row.name for row in list_assignments(tx, course.placement.course_slug)]
    reader = WorkReader(runtime.settings, course.placement, course.waiting, course.url, course.rows, quizzes)
    return {each.student.id: reader.read(each.student.id) for each in matches if each.person is not None}


def _count(found: Mapping[str, PastWork]) -> tuple[int, int]:
    quizzes = [attempts for work in found.values() for attempts in work.attempts.values()]
    marked = sum(any(attempt.marks is not None for attempt in attempts) for attempts in quizzes)
    return sum(map(len, quizzes)), marked


def _write(runtime: Runtime, course: _Course, matches: list[Match], found: Mapping[str, PastWork], wish: Wish) -> None:
    placement = course.placement
    arrival = ArrivalRow(
        placement_id=placement.id,
        digest=course.digest,
        token=course.token,
        shared=digest_shared(runtime.settings, placement.course_slug),
        sends=wish.sends,
        arrived_at=clock.now(),
    )
    try:
        with runtime.db.transaction() as tx:
            tx.add(arrival)
            tx.flush()
            _require_free(tx, course, runtime)
            quizzes = {each.name: each for each in list_assignments(tx, placement.course_slug)}
            for each in matches:
                row = ArrivedStudentRow(placement_id=placement.id, student_id=each.student.id, wanted=each.wanted)
                if each.person is not None:
                    row.user_id, row.hub_name = each.person.id, each.person.hub_name
                    record_work(tx, placement.id, each.person, found[each.student.id], quizzes, sends=wish.sends)
                tx.add(row)
            upsert(
                tx, GradebookRow, {"placement_id": placement.id}, {"structure_sha256": "", "prepared_at": clock.now()}
            )
            jobs.enqueue(tx, PlaceArrival(placement.id))
    except IntegrityError as error:
        message = "Somebody works in this LMS course at this moment, so nothing was imported. Try again."
        raise Conflict("placement_in_use", message) from error
