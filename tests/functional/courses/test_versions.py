"""The next version of a quiz: kept for its teacher, tried in full, and published whole or not at all."""

import base64
import html
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from grading.models import AssignmentRow
from lti_tool.kernel import clock, crashpoints, jobs
from lti_tool.kernel.audit import list_acts
from lti_tool.kernel.jobs import JobRow
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.line_items import LINE_ITEM_SCOPE
from lti_tool.lti.messages import UpdateLineItem
from lti_tool.lti.models import Link
from plugins.courses.messages import CheckVersion, PublishVersion
from plugins.courses.models import Revision
from plugins.courses.personal_data import erase_personal_data, export_personal_data
from plugins.courses.revisions import Author, add_revision
from plugins.courses.written_models import Written, WrittenBlob, WrittenState
from tests.factories import notebooks as make
from tests.factories.course_folders import PNG, quiz_notebook
from tests.factories.grading import Place, Someone, work
from tests.fakes.hub import FakeHub
from tests.functional.courses.conftest import SLUG, Import
from tests.functional.courses.teaching import EDIT, Teacher
from tests.functional.courses.test_import import hand_in, marked, state_of
from tests.functional.courses.test_quiz_editing import BROKEN, assignment, send
from tests.functional.grading.conftest import counted, hub, settings

__all__ = ["hub", "settings"]

PAGE = f"{EDIT}items/first-quiz/version"
ITEM_REF = f"courses/{SLUG}/first-quiz"
POOR = make.notebook(
    make.text("# Sums\n\nThink of `assert total in (2, 3), 'not even near'`."),
    make.solution("sum", make.SOLUTION.format("total = 3")),
    make.tests(
        "sum-tests",
        4,
        "assert total == 2, 'two, not three'\n" + make.HIDDEN.format("assert total in (2, 3), 'not even near'"),
    ),
    make.tests("free", 1, "assert True"),
    make.answer("why", 2),
)

HIDDEN_TEST = make.HIDDEN.format("secret_name = 1\nassert total == 2")


@pytest.fixture
def grace(app: Flask, someone: Callable[..., Someone], run_import: Import, place: Place) -> Teacher:
    """A teacher of the imported course."""
    run_import(registration_id=place.registration_id)
    return Teacher(app, someone(Role.TEACHER), SLUG)


def keep(teacher: Teacher, files: dict[str, bytes], **form: Any) -> None:
    answer = send(teacher, PAGE, files, **form)
    assert answer.status_code == 303, answer.text
    assert answer.headers["Location"].endswith("/version")


def run(runtime: Runtime, message: type[CheckVersion | PublishVersion]) -> None:
    """Run the jobs of one kind that wait, as a worker does; others stay where they are."""
    with runtime.db.reading() as tx:
        waits = select(JobRow.id).where(JobRow.message == message.name, JobRow.state == jobs.JobState.QUEUED)
        ids = list(tx.scalars(waits))
    assert ids
    for job_id in ids:
        assert jobs.run_job(runtime, runtime.db.router, job_id)


def check(runtime: Runtime, teacher: Teacher) -> str:
    """Ask for a check, have it done; the page then."""
    assert teacher.post(f"{PAGE}/check").status_code == 303
    assert "is being checked" in teacher.get(PAGE).text
    run(runtime, CheckVersion)
    return html.unescape(teacher.get(PAGE).text)


def publish(teacher: Teacher, **form: str) -> Any:
    page = teacher.get(PAGE).text
    sent = re.search(r'name="sha256" value="(\w+)"', page)
    return teacher.post(f"{PAGE}/publish", {"sha256": sent.group(1) if sent else "", **form})


def written(runtime: Runtime) -> Written:
    with runtime.db.reading() as tx:
        return tx.scalars(select(Written)).one()


def set_report(runtime: Runtime, *findings: dict[str, Any]) -> None:
    """What a check would have found: the check itself has its own tests."""
    report = {"findings": list(findings), "against": 1, "was": "4", "total": "9", "questions": [], "changes": []}
    with runtime.db.transaction() as tx:
        tx.execute(update(Written).values(report=report, state=WrittenState.CHECKED, checked_at=clock.now()))


def test_a_sound_version_is_checked_published_and_followed_by_the_lms(
    runtime: Runtime, grace: Teacher, place: Place, someone: Callable[..., Someone]
) -> None:
    with runtime.db.transaction() as tx:
        tx.execute(update(Link).values(item_ref=ITEM_REF, scopes=[LINE_ITEM_SCOPE]))
    marked(runtime, hand_in(runtime, someone(), "total = 2"))
    before = state_of(runtime)
    assert "You have written no new version" in grace.get(PAGE).text
    keep(grace, {"quiz-1.ipynb": quiz_notebook(9), "rain.csv": b"7\n"}, gone="data.csv")

    page = check(runtime, grace)
    assert state_of(runtime) == before, "a check changes nothing"
    assert not list(runtime.settings.courses_dir.glob(".check-*"))
    assert "The solution gets all points of its tests" in page
    assert "9 points in all; it was 4." in page
    assert "quiz-1.ipynb, “sum-tests”: worth 9; it was 4" in page
    assert "rain.csv: a new file" in page and "data.csv: the file is gone" in page
    assert "1 learner has handed in: 1 attempt." in page
    assert "The column in the LMS gets 9 as its maximum." in page
    with counted(runtime) as statements:
        grace.get(PAGE)
    assert len(statements) <= 6, statements

    assert publish(grace).status_code == 303
    run(runtime, PublishVersion)
    page = grace.get(PAGE).text
    assert "Published" in page and "/grading/trees/quiz-1/remark" in page
    assert assignment(runtime, "quiz-1").max_points == 9
    root = runtime.settings.courses_dir / SLUG
    assert sorted(path.name for path in (root / "release" / "quiz-1").iterdir()) == ["quiz-1.ipynb", "rain.csv"]
    with runtime.db.reading() as tx:
        (column,) = tx.scalars(select(JobRow).where(JobRow.message == UpdateLineItem.name))
        (act,) = list_acts(tx, action="quiz.publish")
    assert (Decimal(column.payload["max_points"]), column.payload["item_ref"]) == (9, ITEM_REF)
    assert (act.target, act.before, act.after["version"]) == ("quiz trees/quiz-1", {"points": "4"}, 2)
    assert written(runtime).base == 2

    keep(grace, {"quiz-1.ipynb": quiz_notebook(9)})
    assert written(runtime).state is WrittenState.PUBLISHED, "the same files are no other version"


def test_a_checked_version_is_seen_as_learners_will_get_it(
    runtime: Runtime, app: Flask, grace: Teacher, someone: Callable[..., Someone]
) -> None:
    words = make.text("New words. ![A seed](a%20seed.png) ![Gone](gone.png) ![Table](t.csv)")
    beside = {"a seed.png": PNG, "t.csv": b"a,b\n"}
    keep(grace, {"quiz-1.ipynb": quiz_notebook(9, words, make.tests("free", 1, HIDDEN_TEST)), **beside})
    seen, learner = f"{PAGE}/preview/quiz-1.ipynb", Teacher(app, someone(Role.LEARNER), SLUG)
    assert grace.get(seen).status_code == 404, "it was not checked yet"
    assert seen not in grace.get(PAGE).text
    assert seen in check(runtime, grace)
    before = state_of(runtime)

    with counted(runtime) as statements:
        page = grace.get(seen)
    assert page.status_code == 200
    assert "Preview: how learners see" in page.text and "New words." in page.text
    assert page.text.count('src="data:image/png;base64,') == 1
    assert "YOUR CODE HERE" in page.text and "NotImplementedError" in page.text
    assert "secret_name" not in page.text, "what learners do not get"
    assert re.search(r"total</span> <span[^>]*>=</span> <span[^>]*>2", page.text) is None, "the solution"
    assert [one for one in statements if not one.lstrip().startswith(("SELECT", "WITH"))] == []
    assert len(statements) <= 6, statements
    assert state_of(runtime) == before

    assert learner.get(seen).status_code == 403
    assert Teacher(app, someone(Role.TEACHER), SLUG).get(seen).status_code == 404, "another teacher has no version"
    assert grace.get(f"{PAGE}/preview/gone.ipynb").status_code == 404
    assert grace.get(f"{EDIT}items/sowing/version/preview/quiz-1.ipynb").status_code == 404
    assert grace.get(f"{EDIT}items/gone/version/preview/quiz-1.ipynb").status_code == 404


def test_what_a_check_made_goes_with_the_version_it_was_made_of(runtime: Runtime, grace: Teacher) -> None:
    def kept() -> set[str]:
        with runtime.db.reading() as tx:
            return set(tx.scalars(select(WrittenBlob.sha256)))

    keep(grace, {"quiz-1.ipynb": quiz_notebook(9)}, gone="data.csv")
    mine = kept()
    check(runtime, grace)
    made = kept() - mine
    assert len(made) == 1
    check(runtime, grace)
    assert len(kept()) == 2, "checked again, one is kept"
    keep(grace, {"quiz-1.ipynb": quiz_notebook(8)})
    assert not kept() & (mine | made)
    assert grace.get(f"{PAGE}/preview/quiz-1.ipynb").status_code == 404


def test_everything_that_is_wrong_is_named_at_once_and_stops_publishing(
    runtime: Runtime, grace: Teacher, someone: Callable[..., Someone]
) -> None:
    marked(runtime, hand_in(runtime, someone(), "total = 2"))
    keep(grace, {"quiz-1.ipynb": POOR})
    page = check(runtime, grace)

    assert "This cannot be published" in page
    assert "“sum-tests”: the solution gets 0 of 4 points. The test says: AssertionError: two, not three" in page
    assert "“free”: whoever hands in the quiz as it was given out gets 1 of 1 points here." in page
    assert "quiz-1.ipynb, cell 1, the text: learners would read a hidden test" in page
    assert "Learners have submitted this assignment already" in page and "Handed in in:" in page
    assert 'name="sha256"' not in page
    refused = grace.post(f"{PAGE}/publish", {"sha256": written(runtime).sha256, "confirmed": "1"})
    assert refused.status_code == 422 and "Put the errors right first" in refused.text
    assert assignment(runtime, "quiz-1").max_points == 4


def test_a_notebook_that_cannot_be_released_is_named_by_cell_without_being_run(
    runtime: Runtime, grace: Teacher
) -> None:
    broken = quiz_notebook(4, make.tests("sum-tests", 1, "pass"), make.tests("c", 0, "pass"), make.tests("", 1, "pass"))
    keep(grace, {"quiz-1.ipynb": broken})
    page = check(runtime, grace)
    for said in ("has the same ID. Give one of them a new ID.", "It is graded with 0 points.", "It needs an ID"):
        assert said in page, said
    refused = send(grace, PAGE, {"tool.csv": b"\x7fELF" + bytes(60)})
    assert refused.status_code == 422 and "tool.csv: Files of this kind are not accepted here." in refused.text


def test_tests_that_ask_for_nothing_stop_publishing(runtime: Runtime, grace: Teacher) -> None:
    keep(grace, {"quiz-1.ipynb": make.notebook(make.solution("sum", ""), make.tests("sum-tests", 3, "assert True"))})
    assert "gets all 3 points without any answer" in check(runtime, grace)


class TestRefusals:
    """Each way in which publishing is refused leaves everything as it was."""

    def test_warnings_want_a_yes(self, runtime: Runtime, grace: Teacher) -> None:
        keep(grace, {"quiz-1.ipynb": quiz_notebook(9)})
        found = {"name": "free", "notebook": "quiz-1", "title": "", "got": "1", "points": "1"}
        set_report(runtime, {"level": "warning", "code": "empty_passes"} | found)
        refused = publish(grace)
        assert refused.status_code == 422 and "Read the warnings" in refused.text
        assert publish(grace, confirmed="1").status_code == 303
        assert grace.post(f"{PAGE}/check").status_code == 409, "it is being published"
        assert grace.post(f"{PAGE}/drop").status_code == 409

    def test_what_was_saved_again_or_never_checked_is_not_published(self, runtime: Runtime, grace: Teacher) -> None:
        assert grace.post(f"{PAGE}/publish").status_code == 404
        assert grace.post(f"{PAGE}/check").status_code == 404
        keep(grace, {"quiz-1.ipynb": quiz_notebook(9)})
        assert publish(grace).status_code == 409
        set_report(runtime)
        old = written(runtime).sha256
        keep(grace, {"quiz-1.ipynb": quiz_notebook(8)})
        refused = grace.post(f"{PAGE}/publish", {"sha256": old})
        assert refused.status_code == 409 and "saved again since it was checked" in refused.text
        assert written(runtime).report is None

    def test_a_version_that_was_overtaken_is_checked_anew_and_says_by_whom(
        self, runtime: Runtime, grace: Teacher, app: Flask, someone: Callable[..., Someone]
    ) -> None:
        keep(grace, {"quiz-1.ipynb": BROKEN})
        set_report(runtime)
        linus = Teacher(app, someone(Role.TEACHER), SLUG)
        assert "You have written no new version" in linus.get(PAGE).text, "a version is its teacher's alone"
        assert send(linus, f"{EDIT}items/first-quiz/source", {"quiz-1.ipynb": quiz_notebook(7)}).status_code == 303

        refused = grace.post(f"{PAGE}/publish", {"sha256": written(runtime).sha256})
        assert refused.status_code == 409 and "Check yours once more" in refused.text
        page = check(runtime, grace)
        assert "published another version" in page and "It is graded with 0 points." in page
        assert written(runtime).base == 1

    def test_a_version_that_is_overtaken_while_it_waits_to_be_published_gives_way(
        self, runtime: Runtime, grace: Teacher, app: Flask, someone: Callable[..., Someone]
    ) -> None:
        keep(grace, {"quiz-1.ipynb": quiz_notebook(9)})
        set_report(runtime)
        assert publish(grace).status_code == 303
        linus = Teacher(app, someone(Role.TEACHER), SLUG)
        assert send(linus, f"{EDIT}items/first-quiz/source", {"quiz-1.ipynb": quiz_notebook(7)}).status_code == 303
        before = state_of(runtime)
        run(runtime, PublishVersion)
        assert state_of(runtime) == before
        assert written(runtime).state is WrittenState.CHECKED
        page = grace.get(PAGE).text
        assert "Not published" in page and "Check yours once more" in page

    def test_what_does_not_fit_any_more_is_refused_by_the_job_and_said(
        self, runtime: Runtime, grace: Teacher, someone: Callable[..., Someone]
    ) -> None:
        marked(runtime, hand_in(runtime, someone(), "total = 2"))
        keep(grace, {"quiz-1.ipynb": quiz_notebook(4, make.tests("more", 1, "pass"))})
        set_report(runtime)  # as a check found it before anybody had handed in
        before = state_of(runtime)
        assert publish(grace).status_code == 303
        run(runtime, PublishVersion)
        page = grace.get(PAGE).text
        assert "Not published" in page and "Learners have submitted this assignment already" in page
        assert state_of(runtime) == before

    def test_only_those_who_may_edit_come_near(
        self, runtime: Runtime, grace: Teacher, app: Flask, someone: Callable[..., Someone]
    ) -> None:
        for role in (Role.LEARNER, Role.ASSISTANT, Role.OBSERVER):
            other = Teacher(app, someone(role), SLUG)
            assert other.get(PAGE).status_code == 403
            assert send(other, PAGE, {"quiz-1.ipynb": quiz_notebook(9)}).status_code == 403
            for path in (f"{PAGE}/check", f"{PAGE}/publish", f"{PAGE}/drop", f"{EDIT}items/first-quiz/write"):
                assert other.post(path).status_code == 403, path
        assert grace.get(f"{EDIT}items/sowing/version").status_code == 404
        assert grace.post(f"{EDIT}items/sowing/write").status_code == 404


def test_a_check_of_what_was_saved_again_or_thrown_away_says_nothing(runtime: Runtime, grace: Teacher) -> None:
    keep(grace, {"quiz-1.ipynb": quiz_notebook(9)})
    assert grace.post(f"{PAGE}/check").status_code == 303
    keep(grace, {"quiz-1.ipynb": quiz_notebook(8)})
    run(runtime, CheckVersion)
    assert written(runtime).state is WrittenState.WRITING
    assert grace.post(f"{PAGE}/drop").status_code == 303
    assert "You have written no new version" in grace.get(PAGE).text
    with runtime.db.reading() as tx:
        assert not tx.scalars(select(WrittenBlob)).all()


def test_a_worker_that_dies_over_and_over_leaves_a_state_that_can_be_left(runtime: Runtime, grace: Teacher) -> None:
    keep(grace, {"quiz-1.ipynb": quiz_notebook(9)})
    assert grace.post(f"{PAGE}/check").status_code == 303
    handler = runtime.db.router.by_name["courses.check_version"]
    assert handler.on_dead is not None
    with runtime.db.transaction() as tx:
        row = tx.scalars(select(Written)).one()
        handler.on_dead(tx, CheckVersion(row.id, row.sha256), "killed")
    assert "tried several times" in grace.get(PAGE).text
    assert grace.post(f"{PAGE}/check").status_code == 303


class Killed(BaseException):
    """What stands for a kill signal in this process."""


def test_a_publisher_that_is_killed_half_way_does_it_once_more_and_notes_it_once(
    runtime: Runtime, grace: Teacher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die() -> None:
        raise Killed

    keep(grace, {"quiz-1.ipynb": quiz_notebook(9)})
    set_report(runtime)
    assert publish(grace).status_code == 303
    monkeypatch.setattr(crashpoints, "die", die)
    monkeypatch.setenv(crashpoints.VARIABLE, "version.installed")
    with pytest.raises(Killed):
        run(runtime, PublishVersion)
    assert assignment(runtime, "quiz-1").max_points == 4, "it is in place, and not noted yet"
    assert "is being published" in grace.get(PAGE).text
    refused = send(grace, PAGE, {"quiz-1.ipynb": quiz_notebook(5)})
    assert refused.status_code == 409 and "Wait until that has ended" in refused.text

    monkeypatch.delenv(crashpoints.VARIABLE)
    with clock.frozen(clock.now()):
        clock.advance(runtime.settings.jobs.lease_s + 1)
        work(runtime)
    assert assignment(runtime, "quiz-1").max_points == 9
    assert written(runtime).state is WrittenState.PUBLISHED
    with runtime.db.reading() as tx:
        assert len(list_acts(tx, action="quiz.publish")) == 1
        assert len(tx.scalars(select(Revision).where(Revision.part == "source/quiz-1")).all()) == 2
    keep(grace, {"quiz-1.ipynb": quiz_notebook(5)})
    assert (written(runtime).state, written(runtime).base) == (WrittenState.WRITING, 2)


def test_the_way_into_jupyter_is_a_ticket_for_this_placement(
    runtime: Runtime, grace: Teacher, place: Place, app: Flask, someone: Callable[..., Someone]
) -> None:
    answer = grace.post(f"{EDIT}items/first-quiz/write")
    assert answer.status_code == 303
    ticket = answer.headers["Location"].partition("ticket=")[2]
    headers = {"Authorization": f"Bearer {runtime.settings.hub.service_token.get_secret_value()}"}
    redeemed = app.test_client().post("/api/v1/hub/tickets/redeem", json={"ticket": ticket}, headers=headers)
    assert redeemed.json is not None
    assert redeemed.json["next"] == f"/write?course={SLUG}-{place.placement_id}&assignment=quiz-1"
    assert [course["may_write"] for course in redeemed.json["courses"]] == [True]


class TestApi:
    """What a writer's server gets and keeps, over HTTP with a token of the Hub."""

    def ask(
        self,
        client: FlaskClient,
        hub: FakeHub,
        who: Someone,
        method: str = "GET",
        server: str | None = None,
        **more: Any,
    ) -> Any:
        server = f"write-{SLUG}-{who.place.placement_id}" if server is None else server
        headers = {"Authorization": f"Bearer {hub.token_of(who.hub_name, server)}"}
        path = f"/api/v1/courses/{SLUG}-{who.place.placement_id}/assignments/quiz-1/source"
        return client.open(path, method=method, headers=headers, **more)

    def body(self, source: bytes, at: datetime, base: int = 1) -> dict[str, Any]:
        files = [{"path": "quiz-1.ipynb", "content_b64": base64.b64encode(source).decode()}]
        return {"files": files, "base": base, "saved_at": at.isoformat()}

    def test_the_newest_save_is_kept_for_its_writer_alone(
        self, client: FlaskClient, hub: FakeHub, runtime: Runtime, grace: Teacher, someone: Callable[..., Someone]
    ) -> None:
        ada, linus, now = someone(Role.TEACHER), someone(Role.TEACHER), clock.now()
        first = self.ask(client, hub, ada).json
        assert (first["base"], first["saved_at"]) == (1, None)
        assert [file["path"] for file in first["files"]] == ["data.csv", "quiz-1.ipynb"]

        newer = self.body(quiz_notebook(9), now)
        assert self.ask(client, hub, ada, "PUT", json=newer).status_code == 200
        older = self.body(quiz_notebook(5), now - timedelta(seconds=5))
        assert self.ask(client, hub, ada, "PUT", json=older).json["saved_at"] == now.isoformat()
        mine = self.ask(client, hub, ada).json
        assert base64.b64decode(mine["files"][0]["content_b64"]) == quiz_notebook(9)
        assert self.ask(client, hub, linus).json["saved_at"] is None
        assert assignment(runtime, "quiz-1").max_points == 4

        with runtime.db.transaction() as tx:
            assert [each["quiz"] for each in export_personal_data(tx, ada.user_id)["written"]] == ["quiz-1"]
            erase_personal_data(tx, ada.user_id)
            assert not tx.scalars(select(Written)).all() and not tx.scalars(select(WrittenBlob)).all()

    def test_who_has_published_goes_on_from_what_a_colleague_published_since(
        self,
        client: FlaskClient,
        hub: FakeHub,
        runtime: Runtime,
        app: Flask,
        grace: Teacher,
        someone: Callable[..., Someone],
    ) -> None:
        ada, now = someone(Role.TEACHER), clock.now()
        self.ask(client, hub, ada, "PUT", json=self.body(quiz_notebook(9), now - timedelta(seconds=9)))
        with runtime.db.transaction() as tx:
            tx.execute(update(Written).values(state=WrittenState.PUBLISHED))
        assert self.ask(client, hub, ada).json["saved_at"] is not None

        with runtime.db.transaction() as tx:
            add_revision(
                tx, written(runtime).course_id, "source/quiz-1", {"files": {}}, Author(None, "Linus"), base=None
            )
        found = self.ask(client, hub, ada).json
        assert (found["base"], found["saved_at"]) == (2, None)
        assert "Write begins with theirs" in Teacher(app, ada, SLUG).get(PAGE).text
        self.ask(client, hub, ada, "PUT", json=self.body(quiz_notebook(8), now, base=2))
        assert (written(runtime).base, written(runtime).state) == (2, WrittenState.WRITING)

    def test_nothing_is_saved_over_what_is_being_published(
        self, client: FlaskClient, hub: FakeHub, runtime: Runtime, grace: Teacher, someone: Callable[..., Someone]
    ) -> None:
        ada, now = someone(Role.TEACHER), clock.now()
        first, later = (now + timedelta(seconds=each) for each in (-9, -5))
        self.ask(client, hub, ada, "PUT", json=self.body(quiz_notebook(9), first))
        with runtime.db.transaction() as tx:
            tx.execute(update(Written).values(state=WrittenState.PUBLISHING))
        kept = written(runtime)
        refused = self.ask(client, hub, ada, "PUT", json=self.body(quiz_notebook(8), later))
        assert (refused.status_code, refused.json["code"]) == (409, "version_busy")
        after = written(runtime)
        assert (after.sha256, after.saved_at, after.files) == (kept.sha256, kept.saved_at, kept.files)
        assert self.ask(client, hub, ada, "PUT", json=self.body(quiz_notebook(9), later)).status_code == 200

    def test_nobody_else_gets_a_source(
        self,
        client: FlaskClient,
        hub: FakeHub,
        runtime: Runtime,
        grace: Teacher,
        place: Place,
        someone: Callable[..., Someone],
    ) -> None:
        body = self.body(quiz_notebook(9), clock.now())
        for role in (Role.LEARNER, Role.ASSISTANT, Role.OBSERVER, Role.TEST_STUDENT):
            who = someone(role)
            assert self.ask(client, hub, who).status_code == 403
            assert self.ask(client, hub, who, "PUT", json=body).status_code == 403
        assert client.get(f"/api/v1/courses/{SLUG}-1/assignments/quiz-1/source").status_code == 401
        teacher = someone(Role.TEACHER)
        for server in ("", f"grade-{SLUG}-{place.placement_id}", f"write-{SLUG}-99"):
            assert self.ask(client, hub, teacher, server=server).json["code"] == "writing_server_needed"
            assert self.ask(client, hub, teacher, "PUT", server=server, json=body).status_code == 403
        assert self.ask(client, hub, teacher, "PUT", json=body | {"base": -1}).status_code == 422
        with runtime.db.transaction() as tx:
            tx.execute(update(AssignmentRow).where(AssignmentRow.name == "quiz-1").values(name="elsewhere"))
        assert self.ask(client, hub, teacher).status_code == 404
