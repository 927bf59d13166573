"""What a quiz's item says of attempts, dates, limits and environment, as grading wants it."""

from pathlib import Path

from config.settings import Settings
from grading import public as grading
from plugins.courses.course_file import QuizItem
from plugins.courses.files import find_files
from plugins.courses.models import Item
from plugins.courses.parts import CONDITIONS, Content


def rules_of(item: Item) -> grading.Rules:
    """The rules of a quiz."""
    return grading.Rules(
        max_attempts=item.attempts,
        counts=item.counts or grading.Counts.LAST,
        due_at=item.due_at,
        late_per_day=item.late_per_day,
        late_at_most=item.late_at_most,
        closes_at=item.closes_at,
        conditions=conditions_of(item),
    )


def conditions_of(said: Item | QuizItem) -> grading.Conditions:
    """What a quiz is marked under."""
    return grading.Conditions(said.time_limit, said.cell_time_limit, said.memory_limit, said.environment)


def find_condition_problems(
    settings: Settings, said: grading.Conditions, root: Path, assignment: str
) -> list[tuple[str, str]]:
    """(field, what to change); `root` is the course folder that has `source/<assignment>`."""
    files = dict(find_files(root, f"source/{assignment}").files)
    problems = list(grading.find_condition_problems(settings, said, lambda name: _read(files, name)))
    if not problems:
        found = grading.list_kernel_problems(root / "source" / assignment, said.kernel)
        problems = [("environment", f"source/{problem}") for problem in found]
    return problems


def find_content_problems(settings: Settings, slug: str, content: Content) -> list[tuple[str, str]]:
    """The same of what an item says or will say; none of what is no quiz."""
    if not content["assignment"]:
        return []
    said = grading.Conditions(*(content[name] for name in CONDITIONS))
    return find_condition_problems(settings, said, settings.course_dir(slug), content["assignment"])


def _read(files: dict[str, Path], name: str) -> bytes | None:
    return files[name].read_bytes() if name in files else None
