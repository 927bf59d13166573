"""One small released course for all tests here; every test is a learner of its own."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from grading.engine.course import CourseRoot
from grading.engine.model import Marking, MarkLimits, Release
from tests.factories import notebooks as make

SUBMITTED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LIMITS = MarkLimits(cell_s=20, notebook_s=60, memory_bytes=512 << 20, output_bytes=1 << 20, disk_bytes=64 << 20)
RIGHT = {"add": "def add(a, b):\n    return a + b", "count": "def count(s):\n    return len(s.split())"}
WRONG = {"add": "def add(a, b):\n    return a - b", "count": "def count(s):\n    return 0"}

QUIZ = make.notebook(
    make.text("# Numbers and words\nTwo small functions."),
    make.text("## Add two numbers"),
    make.solution("add", "def add(a, b):\n    " + make.SOLUTION.format("    return a + b")),
    make.tests("add-tests", 2, "assert add(1, 2) == 3"),
    make.tests(
        "add-hidden",
        1,
        "assert add(0, 0) == 0\n" + make.HIDDEN.format('assert add(-7, 4) == -3, "negative numbers matter"'),
    ),
    make.text("## Count words"),
    make.solution("count", "def count(s):\n    " + make.SOLUTION.format("    return len(s.split())")),
    make.tests("count-tests", 4, "4 if count('a b c') == 3 else 1.5"),
    make.text("## Explain"),
    make.answer("why", 3, "Why is the empty text a special case?"),
    make.code("print('end of', open('data.txt').read())"),
)


@pytest.fixture(scope="session")
def course(tmp_path_factory: pytest.TempPathFactory) -> CourseRoot:
    root = tmp_path_factory.mktemp("course")
    (root / "source" / "quiz").mkdir(parents=True)
    (root / "source" / "quiz" / "quiz.ipynb").write_bytes(QUIZ)
    (root / "source" / "quiz" / "data.txt").write_text("the quiz")
    return CourseRoot(root)


@pytest.fixture(scope="session")
def release(course: CourseRoot) -> Release:
    return course.make_release("quiz")


@pytest.fixture
def learner(request: pytest.FixtureRequest) -> str:
    """An id that no other test uses."""
    name: str = request.node.name
    return "u-" + "".join(c if c.isalnum() else "-" for c in name)[-100:]


Mark = Callable[..., Marking]


@pytest.fixture
def warm() -> bool:
    """Whether cells run in a fork of a warm process; False: in a real kernel."""
    return True


@pytest.fixture
def mark(course: CourseRoot, release: Release, learner: str, warm: bool) -> Mark:
    """Fill the release with answers, change it as wanted, submit it and mark it."""

    def run(
        answers: dict[str, str],
        change: Callable[[dict[str, Any]], None] | None = None,
        *,
        attempt: int = 1,
        limits: MarkLimits = LIMITS,
        extra: dict[str, bytes] | None = None,
    ) -> Marking:
        filled = make.fill(release.files["quiz.ipynb"], answers)
        if change is not None:
            change(filled)
        files = {**release.files, "quiz.ipynb": json.dumps(filled).encode(), **(extra or {})}
        chosen = replace(limits, warm=warm)
        return course.mark("quiz", learner, files, submitted_at=SUBMITTED, attempt=attempt, limits=chosen)

    return run


def scores(marking: Marking) -> dict[str, float | None]:
    """Automatic scores by grade id."""
    return {q.grade_id: None if q.auto_score is None else float(q.auto_score) for q in marking.marks.questions}


def text_of(pages: dict[str, bytes], name: str = "quiz.html") -> str:
    return pages[name].decode()


def stored(course: CourseRoot, learner: str) -> dict[str, bytes]:
    folder: Path = course.path / "autograded" / learner / "quiz"
    return {path.name: path.read_bytes() for path in folder.iterdir()}
