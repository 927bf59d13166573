"""A job that died is seen and run again from the command line."""

import pytest
from click.testing import CliRunner, Result

from config.settings import Settings
from grading.models import SubmissionState
from lti_tool.app.cli import cli
from lti_tool.kernel import clock
from lti_tool.kernel.runtime import Runtime
from tests.factories.grading import Someone, get_submission, submit, work
from tests.fakes.engine import FakeCourse
from tests.fakes.lms import FakeLms


def run(settings: Settings, *arguments: str) -> Result:
    environment = {
        "COURSEBRIDGE_DATA_DIR": str(settings.data_dir),
        "COURSEBRIDGE_DATABASE__URL": settings.database.url,
        "COURSEBRIDGE_SECRET_KEY": settings.secret_key.get_secret_value(),
    }
    return CliRunner().invoke(cli, list(arguments), env=environment, catch_exceptions=False)


def test_dead_job_is_listed_with_its_error_and_retried(
    runtime: Runtime,
    settings: Settings,
    learner: Someone,
    engine: FakeCourse,
    lms: FakeLms,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*args: object, **more: object) -> None:
        raise RuntimeError("bubblewrap is missing")

    with monkeypatch.context() as patched, clock.frozen(clock.now()):
        patched.setattr(FakeCourse, "mark", broken)
        submission_id = submit(runtime, learner, points=3)
        for _ in range(12):
            work(runtime)
            clock.advance(2000)
    listed = run(settings, "jobs", "list", "--state", "dead").output
    job_id, state, handler, *_rest = listed.split("\t")
    assert (state, handler) == ("dead", "grading.autograde")
    assert "bubblewrap is missing" in listed
    assert get_submission(runtime, submission_id).state is SubmissionState.FAILED

    assert f"Job {job_id} is queued again." in run(settings, "jobs", "retry", job_id).output
    work(runtime)

    assert run(settings, "jobs", "list", "--state", "dead").output == ""
    assert get_submission(runtime, submission_id).state is SubmissionState.GRADED
    assert [each.given for each in lms.posted] == [3]
