"""Under what conditions a quiz is marked: what a teacher says, what the operator allows, and what holds then."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from config.settings import Settings
from grading.engine.model import Environment, MarkLimits
from grading.models import AssignmentRow
from grading.requirements import RequirementsError, read_requirements
from grading.sealed_group import read_directories

ReadFile = Callable[[str], bytes | None]
"""A file of a quiz by its name; None: it has no such file."""


@dataclass(frozen=True)
class Conditions:
    """What a teacher says. None, and an empty environment: what holds for every quiz."""

    time_limit: int | None = None
    """Seconds for a whole notebook."""
    cell_time_limit: int | None = None
    """Seconds for one cell."""
    memory_limit: int | None = None
    """MiB."""
    environment: str = ""
    """Name of a requirements file of the quiz, `requirements.txt`, or of a kernel that the operator allows."""

    @property
    def requirements_file(self) -> str:
        """The file that names packages; empty: there is none."""
        return self.environment if names_packages(self.environment) else ""

    @property
    def kernel(self) -> str:
        """The kernel that is not Python; empty: it is Python."""
        return "" if self.requirements_file else self.environment


def find_condition_problems(settings: Settings, said: Conditions, read: ReadFile) -> Iterator[tuple[str, str]]:
    """(name in course.toml, what to change) wherever the operator does not allow it or it cannot be."""
    most = bounds_of(settings)
    for name, value in (("time_limit", said.time_limit), ("cell_time_limit", said.cell_time_limit)):
        if value is not None and value > most.time_s:
            yield name, f"may be {most.time_s} seconds at most here; {_who_sets('quizzes.max_time_s')}"
    if said.memory_limit is not None and said.memory_limit > most.memory_mb:
        yield "memory_limit", f"may be {most.memory_mb} MiB at most here; {_who_sets('quizzes.max_memory_mb')}"
    if said.requirements_file:
        for problem in _find_file_problems(settings, said.requirements_file, read):
            yield "environment", problem
    elif said.kernel and said.kernel not in settings.quizzes.kernels:
        known = ", ".join(settings.quizzes.kernels) or "none"
        text = f"{said.kernel} is no kernel that is allowed here (allowed: {known}); {_who_sets('quizzes.kernels')}"
        yield "environment", text


def _find_file_problems(settings: Settings, name: str, read: ReadFile) -> Iterator[str]:
    if not settings.quizzes.packages_from:
        yield f"packages cannot be installed for quizzes here; {_who_sets('quizzes.packages_from')}"
        return
    body = read(name)
    if body is None:
        yield f"there is no file {name} beside the notebooks; add it, or correct the name."
        return
    try:
        read_requirements(body)
    except RequirementsError as error:
        for problem in error.problems:
            yield f"{name}: {problem}"


def _who_sets(name: str) -> str:
    return f"ask the people who run this tool ({name}), or change it."


@dataclass(frozen=True)
class Bounds:
    """The most that a teacher may give a quiz."""

    time_s: int
    memory_mb: int


def bounds_of(settings: Settings) -> Bounds:
    """What the operator allows; never less than what every quiz has."""
    ours, usual = settings.quizzes, settings.grading
    return Bounds(max(ours.max_time_s, usual.wall_s), max(ours.max_memory_mb, usual.memory_mb))


def names_packages(environment: str) -> bool:
    """Whether an environment is called as a requirements file is; any other is a kernel."""
    return environment.endswith(".txt") and "/" not in environment


@dataclass(frozen=True)
class Held:
    """What holds for a quiz, within what the operator allows now."""

    time_s: int
    cell_s: int
    memory_mb: int


def held_for(settings: Settings, row: AssignmentRow) -> Held:
    """The limits of a quiz. A bound that was lowered since it was published holds at once."""
    ours, most = settings.grading, bounds_of(settings)
    time_s = min(row.time_limit_s or ours.wall_s, most.time_s)
    cell_s = min(row.cell_limit_s or ours.cell_s, time_s)
    return Held(time_s, cell_s, min(row.memory_mb or ours.memory_mb, most.memory_mb))


def limits_for(settings: Settings, row: AssignmentRow, environment: Environment) -> MarkLimits:
    """The limits that a submission of a quiz is marked under, and where."""
    ours, held = settings.grading, held_for(settings, row)
    return MarkLimits(
        cell_s=held.cell_s,
        notebook_s=held.time_s,
        memory_bytes=held.memory_mb << 20,
        processes=ours.processes,
        disk_bytes=ours.disk_mb << 20,
        output_bytes=ours.output_mb << 20,
        input_bytes=ours.max_submission_bytes,
        warm=ours.warm,
        environment=environment,
        warm_kept=settings.quizzes.warm_kept,
        warm_bytes=settings.quizzes.warm_mb << 20,
        control_groups=read_directories(ours.control_groups),
    )
