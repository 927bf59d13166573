"""A whole course as a file for nbgrader: asked for, packed by a job, fetched, gone after a day."""

import io
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from nbgrader.api import Gradebook
from sqlalchemy import select

from grading.messages import PackCourse
from grading.pack_models import PackRow, PackState
from grading.packs import KEPT, clear_packs
from grading.personal_data import erase_personal_data
from lti_tool.kernel import clock, crashpoints, jobs
from lti_tool.kernel.audit import AuditRow
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.models import Context
from tests.factories.grading import NAME, SLUG, Someone, make_context, make_person, work
from tests.fakes.written_quiz import WrittenQuiz, plugins, released, written
from tests.functional.grading.conftest import counted

__all__ = ["plugins", "released", "written"]
COURSE = f"/grading/{SLUG}"


class Killed(BaseException):
    """In the place of kill -9."""


def files_of(runtime: Runtime) -> list[str]:
    """What lies in the folder of packed courses."""
    folder = runtime.settings.data_dir / "packs"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def fetch(browser: Any) -> Any:
    """The answer to a download, read and closed as a server does it."""
    answer = browser.get(f"{COURSE}/pack.zip")
    answer.get_data()
    answer.close()
    return answer


def state_of(runtime: Runtime) -> PackRow | None:
    with runtime.db.reading() as tx:
        return tx.scalar(select(PackRow))


def test_course_is_packed_fetched_and_opened_by_nbgrader(
    runtime: Runtime, written: WrittenQuiz, browse: Any, teacher: Someone, learner: Someone, tmp_path: Path
) -> None:
    written.hand_in(learner)
    browser = browse(teacher)
    assert "Pack for nbgrader" in browser.get(COURSE).text
    for _ in range(2):  # the second one finds it under way
        assert browser.post(f"{COURSE}/pack").status_code == 303
    with counted(runtime) as statements:
        page = browser.get(COURSE).text
    assert len(statements) <= 6, statements
    assert "Being packed since" in page and "Pack for nbgrader" not in page
    assert browser.get(f"{COURSE}/pack.zip").status_code == 409
    with runtime.db.reading() as tx:
        assert len(jobs.list_jobs(tx, jobs.JobState.QUEUED, 50)) == 1
    work(runtime)

    assert "Download the packed course" in browser.get(f"{COURSE}/pack").text
    answer = fetch(browser)
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == f"attachment; filename={learner.key}.zip"
    assert answer.headers["Cache-Control"] == "no-store"
    with zipfile.ZipFile(io.BytesIO(answer.data)) as packed:
        packed.extractall(tmp_path / "out")
    root = tmp_path / "out" / learner.key
    assert (root / "source" / NAME / f"{NAME}.ipynb").is_file()
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        (student,) = gradebook.students
        assert (student.id, student.last_name) == (learner.hub_name, "Ada L.")
        assert gradebook.find_submission(NAME, learner.hub_name).score == 2
    (name,) = files_of(runtime)
    assert (runtime.settings.data_dir / "packs" / name).stat().st_mode & 0o077 == 0
    with runtime.db.reading() as tx:
        assert tx.scalars(select(AuditRow.action)).all() == ["course.pack"]


def test_file_expires_and_is_deleted(runtime: Runtime, written: WrittenQuiz, browse: Any, teacher: Someone) -> None:
    browse(teacher).post(f"{COURSE}/pack")
    work(runtime)
    clear_packs(runtime)
    assert len(files_of(runtime)) == 1
    with clock.frozen(clock.now() + KEPT + timedelta(seconds=1)):
        browser = browse(teacher)
        assert "Pack for nbgrader" in browser.get(COURSE).text
        assert browser.get(f"{COURSE}/pack.zip").status_code == 410
        clear_packs(runtime)
        assert files_of(runtime) == []
        assert browser.get(f"{COURSE}/pack.zip").status_code == 404


def test_packed_again_the_new_file_takes_the_place_of_the_old(
    runtime: Runtime, written: WrittenQuiz, browse: Any, teacher: Someone, learner: Someone
) -> None:
    browser = browse(teacher)
    browser.post(f"{COURSE}/pack")
    work(runtime)
    (old,) = files_of(runtime)
    written.hand_in(learner)
    assert "Pack again" in browser.get(COURSE).text
    browser.post(f"{COURSE}/pack")
    work(runtime)
    clear_packs(runtime)
    (new,) = files_of(runtime)
    assert new != old
    with zipfile.ZipFile(io.BytesIO(fetch(browser).data)) as packed:
        assert [name for name in packed.namelist() if learner.hub_name in name]


def test_killed_after_writing_it_is_packed_once_more(
    runtime: Runtime, written: WrittenQuiz, browse: Any, teacher: Someone, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = browse(teacher)
    browser.post(f"{COURSE}/pack")

    def die() -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(crashpoints, "die", die)
        patch.setenv(crashpoints.VARIABLE, "pack.written")
        with pytest.raises(Killed):
            work(runtime)
    assert browser.get(f"{COURSE}/pack.zip").status_code == 409, "the page says nothing that is not so"
    with clock.frozen(clock.now() + timedelta(seconds=runtime.settings.jobs.lease_s + 1)):
        work(runtime)
        assert fetch(browse(teacher)).status_code == 200
    assert len(files_of(runtime)) == 1


def test_what_cannot_be_packed_says_why(
    runtime: Runtime, written: WrittenQuiz, browse: Any, teacher: Someone, learner: Someone
) -> None:
    written.hand_in(learner)
    url = runtime.settings.gradebook_url(SLUG, learner.place.placement_id)
    with Gradebook(url) as gradebook:
        gradebook.db.connection().exec_driver_sql("CREATE TABLE mine (x INTEGER)")
        gradebook.db.commit()
    browser = browse(teacher)
    browser.post(f"{COURSE}/pack")
    work(runtime)
    page = browser.get(COURSE).text
    assert "The course could not be packed" in page
    assert "was changed by more than marks" in page
    assert "Pack again" in page
    assert browser.get(f"{COURSE}/pack.zip").status_code == 410
    assert files_of(runtime) == []
    with runtime.db.reading() as tx:
        assert {row.state for row in jobs.list_jobs(tx, None, 50)} == {jobs.JobState.DONE}


def test_only_markers_of_this_lms_course_get_it(
    runtime: Runtime, written: WrittenQuiz, browse: Any, teacher: Someone, learner: Someone
) -> None:
    with runtime.db.transaction() as tx:
        elsewhere = make_person(tx, make_context(tx, learner.place), "Somebody", Role.TEACHER)
        assistant = make_person(tx, learner.place, "Assistant", Role.ASSISTANT)
        tx.get_one(Context, learner.place.context_id).assistant_rights = []
    browse(teacher).post(f"{COURSE}/pack")
    work(runtime)
    for who in (learner, assistant):
        browser = browse(who)
        assert browser.post(f"{COURSE}/pack").status_code == 403
        assert browser.get(f"{COURSE}/pack").status_code == 403
        assert browser.get(f"{COURSE}/pack.zip").status_code == 403
    assert browse(elsewhere).get(f"{COURSE}/pack.zip").status_code == 404
    assert browse(teacher).get("/grading/another/pack.zip").status_code in {403, 404}


def test_erased_person_is_in_no_file_that_can_be_fetched(
    runtime: Runtime, written: WrittenQuiz, browse: Any, teacher: Someone, learner: Someone
) -> None:
    written.hand_in(learner)
    browser = browse(teacher)
    browser.post(f"{COURSE}/pack")
    work(runtime)
    with runtime.db.transaction() as tx:
        erase_personal_data(tx, learner.user_id)
    assert browser.get(f"{COURSE}/pack.zip").status_code == 404
    clear_packs(runtime)
    assert files_of(runtime) == []


def test_job_of_an_asking_that_was_replaced_does_nothing(
    runtime: Runtime, written: WrittenQuiz, teacher: Someone
) -> None:
    with runtime.db.transaction() as tx:
        jobs.enqueue(tx, PackCourse(teacher.place.placement_id, "0" * 32))
    work(runtime)
    assert (files_of(runtime), state_of(runtime)) == ([], None)
    with runtime.db.transaction() as tx:
        row = PackRow(placement_id=1, serial="1" * 32, state=PackState.PACKING, asked_at=clock.now())
        row.expires_at = clock.now() + KEPT
        tx.add(row)
    clear_packs(runtime)
    assert state_of(runtime) is not None
