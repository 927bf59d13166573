"""What a quiz is marked under: shown before the deadline, kept to when marking, and waited for when it is not there."""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from config.settings import Settings
from grading import environments
from grading.assignments import Rules, get_assignment, publish_assignment
from grading.conditions import Conditions, find_condition_problems, limits_for
from grading.engine.model import Environment
from grading.environment_build import is_built
from grading.environment_clearing import KEPT, clear_environments
from grading.environments import NotReady, find_environment, find_row, folder_of
from grading.messages import BuildEnvironment
from grading.models import AssignmentRow, EnvironmentRow, EnvironmentState, SubmissionState
from grading.quiz_kernels import kernel_name_of, name_kernel
from grading.requirements import digest_of
from lti_tool.kernel import clock, jobs
from lti_tool.kernel.jobs import JobState
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from tests.factories.grading import (
    ITEM_REF,
    KEY,
    NAME,
    SLUG,
    Someone,
    get_submission,
    make_context,
    make_person,
    submit,
    work,
)
from tests.factories.wheels import write_wheel
from tests.fakes.engine import fake_release
from tests.fakes.hub import FakeHub
from tests.functional.grading.conftest import counted

QUIZ = f"/grading/{SLUG}/{NAME}"
FILE = "requirements.txt"


def publish(runtime: Runtime, said: Conditions, requirements: str = "leaves\n") -> None:
    release = fake_release()
    release = replace(release, files=release.files | {FILE: requirements.encode()})
    about: dict[str, Any] = {"title": "Quiz 1", "item_ref": ITEM_REF, "rules": Rules(conditions=said)}
    with runtime.db.transaction() as tx:
        publish_assignment(tx, SLUG, NAME, release=release, **about)


def quiz(runtime: Runtime) -> AssignmentRow:
    with runtime.db.reading() as tx:
        return get_assignment(tx, SLUG, NAME)


def environment(runtime: Runtime, requirements: str = "leaves") -> EnvironmentRow | None:
    with runtime.db.reading() as tx:
        return find_row(tx, requirements)


@pytest.fixture
def wheels(runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where packages come from. Whether a kernel runs with them is tried in the tests of the engine."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    runtime.settings.quizzes.packages_from = str(folder)
    monkeypatch.setattr(environments, "_trial", lambda: type("Trial", (), {"try_out": staticmethod(lambda _e: "")}))
    return folder


# ---- limits ----


def test_limits_of_a_quiz_hold_and_never_more_than_the_operator_allows(runtime: Runtime, learner: Someone) -> None:
    settings = runtime.settings
    publish(runtime, Conditions(300, 90, 1536))
    limits = limits_for(settings, quiz(runtime), Environment())
    assert (limits.notebook_s, limits.cell_s, limits.memory_bytes) == (300, 90, 1536 << 20)

    settings.quizzes.max_time_s, settings.quizzes.max_memory_mb = 200, 1200
    limits = limits_for(settings, quiz(runtime), Environment())
    assert (limits.notebook_s, limits.cell_s, limits.memory_bytes) == (200, 90, 1200 << 20)

    publish(runtime, Conditions(20))
    limits = limits_for(settings, quiz(runtime), Environment())
    assert (limits.notebook_s, limits.cell_s, limits.memory_bytes) == (20, 20, 1024 << 20)


@pytest.mark.parametrize(
    ("said", "field", "why"),
    [
        (Conditions(601), "time_limit", "600 seconds at most"),
        (Conditions(cell_time_limit=601), "cell_time_limit", "600 seconds at most"),
        (Conditions(memory_limit=4096), "memory_limit", "2048 MiB at most"),
        (Conditions(environment="bash"), "environment", "bash is no kernel that is allowed here (allowed: R)"),
        (Conditions(environment="other.txt"), "environment", "there is no file other.txt beside the notebooks"),
        (Conditions(environment=FILE), "environment", "requirements.txt: Line 1: options are not taken"),
    ],
)
def test_what_the_operator_does_not_allow_is_told(settings: Settings, said: Conditions, field: str, why: str) -> None:
    settings.quizzes.kernels, settings.quizzes.packages_from = ["R"], "/wheels"
    files = {FILE: b"-e ."}
    ((name, problem),) = find_condition_problems(settings, said, files.get)

    assert name == field
    assert why in problem


def test_without_a_source_of_packages_no_quiz_can_have_any(settings: Settings) -> None:
    ((_name, problem),) = find_condition_problems(settings, Conditions(environment=FILE), {FILE: b"leaves"}.get)
    assert "cannot be installed for quizzes here" in problem


def test_the_learner_sees_them_before_the_deadline(
    runtime: Runtime, learner: Someone, browse: Callable[..., Any], wheels: Path
) -> None:
    page = browse(learner).get(QUIZ).text
    assert "a cell may take 30 seconds, the notebook 2 minutes and 1 GB of memory" in page

    publish(runtime, Conditions(300, 90, 1536, FILE), "leaves>=1\ntwigs")
    with counted(runtime) as statements:
        page = browse(learner).get(QUIZ).text
    assert "a cell may take 90 seconds, the notebook 5 minutes and 1536 MB of memory" in page
    assert "It is marked with these packages and what they need, and no others: leaves&gt;=1, twigs." in page
    assert len(statements) <= 6

    runtime.settings.quizzes.kernels = ["bash"]
    publish(runtime, Conditions(environment="bash"))
    assert "It is marked with the kernel bash." in browse(learner).get(QUIZ).text


# ---- environments ----


def test_an_environment_is_built_ahead_and_marking_uses_it(runtime: Runtime, learner: Someone, wheels: Path) -> None:
    write_wheel(wheels, "leaves", "1.0", {"leaves.py": ""})
    publish(runtime, Conditions(environment=FILE))
    waiting = environment(runtime)
    assert waiting is not None
    assert waiting.state is EnvironmentState.BUILDING
    work(runtime)

    built = environment(runtime)
    assert built is not None
    assert (built.state, built.packages, built.size_mb) == (EnvironmentState.READY, ["leaves 1.0"], 1)
    folder = folder_of(runtime.settings, digest_of("leaves"))
    with runtime.db.transaction() as tx:
        assert find_environment(tx, runtime.settings, get_assignment(tx, SLUG, NAME)) == Environment(folder)


def test_submissions_wait_for_the_build_and_are_then_marked_at_once(
    runtime: Runtime, learner: Someone, teacher: Someone, browse: Callable[..., Any], wheels: Path
) -> None:
    publish(runtime, Conditions(environment=FILE))
    number = submit(runtime, learner, points=3)
    work(runtime)  # there is no such wheel

    assert get_submission(runtime, number).state is SubmissionState.QUEUED
    desk = browse(teacher)
    with counted(runtime) as statements:
        page = desk.get(f"{QUIZ}/submissions").text
    assert len(statements) <= 6
    assert "The packages of this quiz could not be installed" in page
    assert "leaves was not found" in page
    assert "none is marked in another environment" in page

    write_wheel(wheels, "leaves", "1.0", {"leaves.py": ""})
    assert browse(teacher).post(f"{QUIZ}/environment").status_code == 303
    assert "are being installed" in browse(teacher).get(f"{QUIZ}/submissions").text
    work(runtime)

    assert get_submission(runtime, number).state is SubmissionState.GRADED
    assert "installed" not in browse(teacher).get(f"{QUIZ}/submissions").text
    assert browse(teacher).post(f"{QUIZ}/environment").status_code == 409


def test_another_environment_wakes_what_waited_for_the_first(runtime: Runtime, learner: Someone, wheels: Path) -> None:
    publish(runtime, Conditions(environment=FILE), "nothing-of-that-name")
    number = submit(runtime, learner, points=3)
    work(runtime)
    assert get_submission(runtime, number).state is SubmissionState.QUEUED

    publish(runtime, Conditions())
    work(runtime)
    assert get_submission(runtime, number).state is SubmissionState.GRADED


def test_learners_build_nothing(learner: Someone, browse: Callable[..., Any]) -> None:
    assert browse(learner).post(f"{QUIZ}/environment").status_code == 403


def test_what_no_quiz_asks_for_is_deleted_a_month_later(runtime: Runtime, learner: Someone, wheels: Path) -> None:
    for name in ("leaves", "roots"):
        write_wheel(wheels, name, "1.0", {f"{name}.py": ""})
    publish(runtime, Conditions(environment=FILE))
    work(runtime)
    publish(runtime, Conditions(environment=FILE), "roots")
    work(runtime)
    old, new = (folder_of(runtime.settings, digest_of(name)) for name in ("leaves", "roots"))
    orphan = old.with_name("0" * 64)
    orphan.mkdir()
    (old.parent / "readme.txt").write_text("not ours")

    clear_environments(runtime)
    assert is_built(old) and is_built(new) and not orphan.exists()
    with clock.frozen(clock.now() + KEPT - timedelta(minutes=1)):
        clear_environments(runtime)
        assert is_built(old), "not longer than that"
    with clock.frozen(clock.now() + KEPT * 2):
        clear_environments(runtime)
        clear_environments(runtime)
    assert (old.exists(), environment(runtime)) == (False, None)
    assert is_built(new) and environment(runtime, "roots") is not None
    assert (old.parent / "readme.txt").exists()

    publish(runtime, Conditions(environment=FILE))
    work(runtime)
    assert is_built(old)


def test_what_is_asked_for_again_stays(runtime: Runtime, learner: Someone, wheels: Path) -> None:
    write_wheel(wheels, "leaves", "1.0", {"leaves.py": ""})
    publish(runtime, Conditions(environment=FILE))
    work(runtime)
    publish(runtime, Conditions())
    clear_environments(runtime)
    publish(runtime, Conditions(environment=FILE))
    with clock.frozen(clock.now() + KEPT * 2):
        clear_environments(runtime)
        assert is_built(folder_of(runtime.settings, digest_of("leaves")))
        publish(runtime, Conditions())
        clear_environments(runtime)
        assert is_built(folder_of(runtime.settings, digest_of("leaves"))), "the month begins anew"


def test_an_environment_that_was_lost_is_built_again(runtime: Runtime, learner: Someone, wheels: Path) -> None:
    write_wheel(wheels, "leaves", "1.0", {"leaves.py": ""})
    publish(runtime, Conditions(environment=FILE))
    work(runtime)
    folder = folder_of(runtime.settings, digest_of("leaves"))
    folder.rename(folder.with_name("away"))
    number = submit(runtime, learner, points=3)
    work(runtime)

    assert is_built(folder)
    assert get_submission(runtime, number).state is SubmissionState.GRADED


def test_what_breaks_on_our_side_is_told_after_the_last_try(
    runtime: Runtime, learner: Someone, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError("no room on the disk")

    monkeypatch.setattr(environments, "build", broken)
    publish(runtime, Conditions(environment=FILE))
    with clock.frozen(clock.now()):
        for _ in range(12):
            work(runtime)
            clock.advance(2000)

    found = environment(runtime)
    assert found is not None
    assert found.state is EnvironmentState.FAILED
    assert "no room on the disk" in found.text
    with runtime.db.reading() as tx:
        assert [row.state for row in jobs.list_jobs(tx, handler=BuildEnvironment.name)] == [JobState.DEAD]


def test_a_kernel_that_is_gone_lets_submissions_wait(
    runtime: Runtime, learner: Someone, teacher: Someone, browse: Callable[..., Any]
) -> None:
    runtime.settings.quizzes.kernels = ["fortran-77"]
    publish(runtime, Conditions(environment="fortran-77"))
    number = submit(runtime, learner, points=3)
    work(runtime)

    assert get_submission(runtime, number).state is SubmissionState.QUEUED
    with runtime.db.transaction() as tx, pytest.raises(NotReady, match="not installed on this machine"):
        find_environment(tx, runtime.settings, get_assignment(tx, SLUG, NAME))
    runtime.settings.quizzes.kernels = []
    assert "fortran-77 is not allowed here any more" in browse(teacher).get(f"{QUIZ}/submissions").text
    with runtime.db.transaction() as tx:
        tx.execute(update(AssignmentRow).values(kernel=""))
    with clock.frozen(clock.now() + environments.LOOK_AGAIN):
        work(runtime)
        assert get_submission(runtime, number).state is SubmissionState.GRADED


# ---- in JupyterHub ----


def told(client: FlaskClient, hub: FakeHub, who: Someone, path: str) -> Any:
    answer = client.get(f"/api/v1{path}", headers={"Authorization": f"Bearer {hub.token_of(who.hub_name)}"})
    assert answer.status_code == 200, answer.text
    return answer.json


def kernel_in(answer: Any) -> Any:
    (body,) = (base64.b64decode(file["content_b64"]) for file in answer["files"] if file["path"].endswith(".ipynb"))
    return json.loads(body).get("metadata", {}).get("kernelspec")


def test_jupyter_is_told_the_environment_of_each_quiz_and_its_notebooks_name_the_kernel(
    runtime: Runtime, learner: Someone, client: FlaskClient, hub: FakeHub, wheels: Path
) -> None:
    quizzes, release = f"/courses/{KEY}/assignments", f"/courses/{KEY}/assignments/{NAME}/release"
    (usual,) = told(client, hub, learner, quizzes)["assignments"]
    assert usual["environment"] is None
    before = told(client, hub, learner, release)

    write_wheel(wheels, "leaves", "1.0", {"leaves.py": ""})
    publish(runtime, Conditions(environment=FILE))
    kernel = kernel_name_of(KEY, NAME)
    folder = digest_of("leaves")
    for state in ("building", "ready"):
        with counted(runtime) as statements:
            (found,) = told(client, hub, learner, quizzes)["assignments"]
        assert found["environment"] == {"kernel": kernel, "folder": folder, "state": state}
        assert len(statements) <= 9  # the person and their courses, then six
        work(runtime)

    ours = {"name": kernel, "display_name": "Python for Quiz 1", "language": "python"}
    assert kernel_in(told(client, hub, learner, release)) == ours
    assert kernel_in(before) != ours
    token = {"Authorization": f"Bearer {hub.token_of(learner.hub_name)}"}
    draft = {"files": before["files"], "saved_at": clock.now().isoformat()}
    assert client.put(f"/api/v1{quizzes}/{NAME}/draft", json=draft, headers=token).status_code == 200
    assert kernel_in(told(client, hub, learner, f"{quizzes}/{NAME}/draft")) == ours

    runtime.settings.quizzes.kernels = ["bash"]
    publish(runtime, Conditions(environment="bash"))
    (found,) = told(client, hub, learner, quizzes)["assignments"]
    assert found["environment"] == {"kernel": "bash", "folder": None, "state": "ready"}
    assert kernel_in(told(client, hub, learner, release)) == kernel_in(before)


def test_the_hub_is_told_the_environments_of_a_persons_courses_alone(
    runtime: Runtime, learner: Someone, client: FlaskClient, wheels: Path
) -> None:
    publish(runtime, Conditions(environment=FILE), "leaves")
    with runtime.db.transaction() as tx:
        elsewhere = make_person(tx, make_context(tx, learner.place, "rivers"), "rose", Role.LEARNER)

    def needed(name: str) -> Any:
        path = f"/api/v1/hub/users/{name}/environments"
        return client.get(path, headers={"Authorization": "Bearer the hub's own token"})

    assert needed(learner.hub_name).json == {"environments": [{"folder": digest_of("leaves"), "state": "building"}]}
    assert needed(elsewhere.hub_name).json == {"environments": []}
    assert needed("u-nobody").status_code == 404
    assert client.get(f"/api/v1/hub/users/{learner.hub_name}/environments").status_code == 401


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"cells": [], "metadata": 3}', b'{"cells": 3}', b'{"metadata": {}}']
)
def test_what_is_no_notebook_is_given_out_as_it_is(body: bytes) -> None:
    row = AssignmentRow(name="q", title="Q", requirements="leaves")
    assert name_kernel({"q.ipynb": body, "data.csv": b"{}"}, "trees-1", row) == {"q.ipynb": body, "data.csv": b"{}"}


def test_each_quiz_of_each_placement_has_a_kernel_that_jupyter_takes() -> None:
    names = [kernel_name_of(key, quiz) for key in ("trees-1", "trees-2") for quiz in ("Quiz 1", "quiz 1", "quiz-1")]
    assert len(set(names)) == 6
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in names)
