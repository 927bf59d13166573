"""A quiz with tests, a written answer and a task, over the real engine: what marking by hand is about."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from grading.assignments import Rules, get_assignment, publish_assignment
from grading.engine.model import Release
from grading.engine_nbgrader import open_placement
from grading.plugin import make_plugin
from grading.releasing import make_release
from grading.submissions import make_snapshot, store_submission
from lti_tool.contract import Plugin
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.plugin import make_plugin as make_lti
from tests.factories import notebooks as make
from tests.factories.grading import ITEM_REF, LIMIT, NAME, SLUG, Someone, make_person, work
from tests.fakes.lms import FakeLms

QUIZ = make.notebook(
    make.text("# Sums and words"),
    make.text("## Add two numbers"),
    make.solution("add", "def add(a, b):\n    " + make.SOLUTION.format("    return a + b")),
    make.tests(
        "add-tests", 2, "print('adding')\nassert add(1, 2) == 3\n" + make.HIDDEN.format("assert add(0, 5) == 5")
    ),
    make.text("## Explain\n\nWhy is the sum of nothing zero?"),
    make.answer("why", 3, "Because adding nothing changes nothing."),
    make.task(
        "draw", 4, "## Draw\n\nDraw it below.\n\n=== BEGIN MARK SCHEME ===\nBoth axes: 2\n=== END MARK SCHEME ==="
    ),
    make.text(""),
)
ANSWERED = {"add": "def add(a, b):\n    return a + b", "why": "It is the **neutral** element."}


@dataclass(frozen=True)
class WrittenQuiz:
    """The quiz, published, and how learners hand in."""

    runtime: Runtime
    release: Release

    def hand_in(self, who: Someone, answers: dict[str, str] | None = None) -> int:
        """Hand in and have it marked; returns the id of the submission."""
        filled = json.dumps(make.fill(self.release.files[f"{NAME}.ipynb"], answers or ANSWERED)).encode()
        snapshot = make_snapshot(self.release.files | {f"{NAME}.ipynb": filled}, LIMIT)
        with self.runtime.db.transaction() as tx:
            quiz = get_assignment(tx, SLUG, NAME)
            row, _new = store_submission(tx, quiz, who.submitter, snapshot, via="page", request_id=uuid4().hex)
        work(self.runtime)
        return row.id


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Release]:
    """The course folder, made once."""
    root = tmp_path_factory.mktemp("written")
    (root / "source" / NAME).mkdir(parents=True)
    (root / "source" / NAME / f"{NAME}.ipynb").write_bytes(QUIZ)
    return root, make_release(root, NAME)


@pytest.fixture
def plugins(lms: FakeLms) -> list[Plugin]:
    """LTI, and grading over the real engine."""
    return [make_lti(lms.send_score), make_plugin(open_placement)]


@pytest.fixture
def written(runtime: Runtime, learner: Someone, released: tuple[Path, Release]) -> WrittenQuiz:
    """The quiz in the course that everybody is in."""
    folder, release = released
    shutil.copytree(folder, runtime.settings.course_dir(SLUG))
    with runtime.db.transaction() as tx:
        publish_assignment(tx, SLUG, NAME, title="Sums", item_ref=ITEM_REF, release=release, rules=Rules())
    return WrittenQuiz(runtime, release)


@pytest.fixture
def assistant(runtime: Runtime, learner: Someone) -> Someone:
    """Who marks, too."""
    with runtime.db.transaction() as tx:
        return make_person(tx, learner.place, "Assistant", Role.ASSISTANT)
