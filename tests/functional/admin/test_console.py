"""What can be done in the console, and what is written down of it."""

import csv
import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from lti_tool.demo.model import Activity
from lti_tool.demo.testing import CampusServer
from lti_tool.kernel import audit, clock, heartbeat
from lti_tool.kernel.audit import OPERATOR, Actor, AuditRow, Via, list_acts
from lti_tool.kernel.errors import AppError
from lti_tool.kernel.jobs import JobRow, JobState
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.claims import LTI
from lti_tool.lti.keys import list_published_keys
from lti_tool.lti.models import Approval, CachedKeys, CachedToken, Deployment, Invite, Refusal, Registration
from lti_tool.lti.registrations import add_registration
from tests.fakes.launching import FRAME, Launcher
from tests.functional.admin.conftest import Console
from tests.functional.grading.conftest import counted
from tests.functional.security.test_platforms import SCHOOL

ROOT = Path(__file__).parents[3]
RECORDED = re.compile(r'\brecord\(\s*tx,\s*[\w.()]+,\s*"([a-z_]+)\.[a-z_]+"')
both = pytest.mark.parametrize("campus", ["moodle", "canvas"], indirect=True)


def platform_of(runtime: Runtime, number: int) -> Registration:
    with runtime.db.reading() as tx:
        return tx.get_one(Registration, number)


def acts(runtime: Runtime, beginning: str = "") -> list[AuditRow]:
    """Of the console, oldest first; signing in is left out."""
    with runtime.db.reading() as tx:
        found = list_acts(tx, action=beginning)
    return [act for act in reversed(found) if act.via is Via.CONSOLE and act.action != "admin.sign_in"]


@pytest.fixture
def school(runtime: Runtime) -> int:
    """A platform that is never called."""
    with runtime.db.transaction() as tx:
        return add_registration(tx, SCHOOL).id


class TestPlatform:
    """One platform's page."""

    def test_is_renamed_edited_trusted_and_switched(self, console: Console, runtime: Runtime, school: int) -> None:
        here = f"/platforms/{school}"
        with runtime.db.transaction() as tx:
            tx.add(CachedKeys(registration_id=school, keys={}, tried_at=clock.now()))
        addresses = {"auth_url": SCHOOL.auth_url, "token_url": "https://lms.school.example/new", "token_audience": ""}
        for path, fields in (
            ("/name", {"name": " Our School "}),
            ("/addresses", {**addresses, "jwks_url": SCHOOL.jwks_url}),
            ("/hosts/add", {"host": "Files.School.example"}),
            ("/hosts/remove", {"host": "files.school.example"}),
            ("/console", {"trusted": "yes"}),
            ("/disable", {}),
            ("/approve", {}),
        ):
            assert console.post(here + path, **fields).status_code == 303, path
        row = platform_of(runtime, school)
        assert (row.name, row.token_url, row.service_hosts) == ("Our School", "https://lms.school.example/new", [])
        assert (row.trusts_administrators, row.state) == (True, Approval.ACTIVE)
        with runtime.db.reading() as tx:
            assert tx.get(CachedKeys, school) is None
        written = acts(runtime)
        assert [act.action for act in written] == [
            "platform.rename",
            "platform.edit",
            "platform.trust_host",
            "platform.distrust_host",
            "platform.trust_administrators",
            "platform.disable",
            "platform.approve",
        ]
        assert written[0].before == {"name": "School"} and written[0].after == {"name": "Our School"}
        assert written[1].before == {"token_url": SCHOOL.token_url}
        assert written[1].after == {"token_url": "https://lms.school.example/new"}
        assert written[5].before == {"state": "active"} and written[5].after == {"state": "disabled"}
        assert all(act.target.startswith(f"platform {school} (") for act in written)
        page = console.get(here + "?said=edited").text
        assert "The new addresses hold" in page and "Our School" in page

    @pytest.mark.parametrize(
        ("path", "fields", "message"),
        [
            ("/name", {"name": "  "}, "A name has 1 to 255 characters"),
            (
                "/addresses",
                {"auth_url": "ftp://x", "token_url": "https://a.b/t", "jwks_url": "https://a.b"},
                "auth-url",
            ),
            ("/addresses", {"auth_url": "https://a.b", "token_url": "", "jwks_url": "https://a.b"}, "token-url"),
            ("/hosts/add", {"host": "https://x.org/"}, "is not a host name"),
        ],
        ids=["no name", "no web address", "no token url", "no host"],
    )
    def test_what_cannot_be_is_refused_in_words_and_changes_nothing(
        self, console: Console, runtime: Runtime, school: int, path: str, fields: dict[str, str], message: str
    ) -> None:
        refused = console.post(f"/platforms/{school}{path}", **fields)
        assert refused.status_code == 400 and message in refused.text and "<h1>School</h1>" in refused.text
        assert platform_of(runtime, school).token_url == SCHOOL.token_url
        assert acts(runtime) == []

    def test_addresses_of_another_platform_are_refused(self, console: Console, runtime: Runtime, school: int) -> None:
        elsewhere = {name: f"https://other.example/{name}" for name in ("auth_url", "token_url", "jwks_url")}
        with runtime.db.transaction() as tx:
            other = add_registration(tx, replace(SCHOOL, name="Other", issuer="https://other.example", **elsewhere)).id
        taken = {**elsewhere, "token_url": SCHOOL.token_url}
        assert console.post(f"/platforms/{other}/addresses", **taken).status_code == 409
        assert platform_of(runtime, other).token_url == elsewhere["token_url"]

    def test_deployment_that_waits_is_approved_and_disabled(
        self, console: Console, runtime: Runtime, launcher: Launcher, quiz: Activity, registration_id: int
    ) -> None:
        with runtime.db.transaction() as tx:
            (row,) = tx.scalars(select(Deployment)).all()
            row.state = Approval.PENDING
        path = f"/platforms/{registration_id}/deployments/{row.id}"
        assert launcher.launch("ada", quiz).status_code == 403
        assert console.post(path + "/approve").status_code == 303
        page = launcher.open("ada", quiz)
        assert launcher.client.get(page).status_code == 200
        assert console.post(path + "/disable").status_code == 303
        assert launcher.client.get(page).status_code == 401
        assert launcher.launch("ada", quiz).status_code == 403
        assert [act.action for act in acts(runtime)] == ["deployment.approve", "deployment.disable"]

    @pytest.mark.parametrize("waits", [True, False])
    def test_further_deployment_waits_unless_the_operator_lets_all_in(
        self,
        console: Console,
        runtime: Runtime,
        launcher: Launcher,
        quiz: Activity,
        registration_id: int,
        monkeypatch: pytest.MonkeyPatch,
        waits: bool,
    ) -> None:
        if not waits:
            monkeypatch.setattr(runtime.settings.lti, "approve_deployments", False)

        def launch_elsewhere() -> int:
            fields = {**launcher.campus.start_launch("ada", quiz).fields, "lti_deployment_id": "another course"}
            claims = {LTI + "deployment_id": "another course"}
            answer = launcher.launch_changed("ada", quiz, auth_url=launcher.begin(fields), claims=claims)
            return answer.status_code

        with runtime.db.transaction() as tx:
            tx.delete(tx.scalars(select(Deployment)).one())
            tx.get_one(Registration, registration_id).learns_deployments = True
        assert launcher.launch("ada", quiz).status_code == 303, "the first one comes with the platform"
        assert launch_elsewhere() == (403 if waits else 303)
        with runtime.db.reading() as tx:
            first, second = tx.scalars(select(Deployment).order_by(Deployment.id)).all()
        assert (first.state, second.state) == (Approval.ACTIVE, Approval.PENDING if waits else Approval.ACTIVE)
        assert ("1 waits: an LMS, or an installation" in console.get("/").text) is waits
        assert (f"/deployments/{second.id}/approve" in console.get(f"/platforms/{registration_id}").text) is waits
        console.post(f"/platforms/{registration_id}/deployments/{second.id}/approve")
        assert launch_elsewhere() == 303
        assert launcher.launch("ada", quiz).status_code == 303

    def test_switching_off_takes_effect_at_once(
        self, console: Console, launcher: Launcher, quiz: Activity, registration_id: int
    ) -> None:
        page = launcher.open("ada", quiz)
        begun = launcher.login("ben", quiz)
        console.post(f"/platforms/{registration_id}/disable")
        assert launcher.client.get(page).status_code == 401
        form = launcher.campus.authorize("ben", begun)
        assert launcher.client.post("/lti/launch", data=dict(form.fields), headers=FRAME).status_code == 403

    def test_tells_why_launches_were_refused_once_the_signature_held(
        self, console: Console, launcher: Launcher, quiz: Activity, registration_id: int
    ) -> None:
        with clock.frozen(clock.now()):
            assert launcher.launch_changed("ada", quiz, claims={"iat": 2**33}).status_code == 400
            assert launcher.launch_changed("ada", quiz, claims={"aud": "another"}).status_code == 400
            for _ in range(3):
                assert launcher.launch_changed("ada", quiz, claims={"iat": 2**33}).status_code == 400
            assert launcher.launch_changed("ada", quiz, form={"id_token": "e30.e30.e30"}).status_code == 400
            clock.advance(11)
            assert launcher.launch_changed("ada", quiz, claims={"iat": 2**33}).status_code == 400
        page = console.get(f"/platforms/{registration_id}").text
        assert re.findall(r'<span class="quiet mono">(\w+)</span>.*?<span class="num">(\d+)</span>', page) == [
            ("clock_ahead", "2"),
            ("launch_refused", "1"),
        ]

    def test_unknown_platform_is_not_found(self, console: Console) -> None:
        answer = console.get("/platforms/99")
        assert answer.status_code == 404
        assert 'href="/admin/platforms"' in answer.text, "the way on"
        assert console.post("/platforms/99/approve").status_code == 404


class TestConnection:
    """The test of a connection."""

    @both
    def test_says_what_works_and_writes_nothing(
        self, console: Console, launcher: Launcher, quiz: Activity, campus: CampusServer, registration_id: int
    ) -> None:
        launcher.open("tess", quiz)
        before = (len(campus.line_items()), campus.hits("token"))
        page = console.post(f"/platforms/{registration_id}/test").text
        assert page.count("Works</span>") == 3, page
        assert "1 read in the LMS course of" in page
        assert len(campus.line_items()) == before[0] and campus.hits("token") == before[1] + 1
        assert campus.received_scores() == []
        console.post(f"/platforms/{registration_id}/test")
        assert campus.hits("token") == before[1] + 2  # a cached token proves nothing

    def test_before_any_launch_columns_are_not_tried(self, console: Console, registration_id: int) -> None:
        page = console.post(f"/platforms/{registration_id}/test").text
        assert "Not tried: no activity with a gradebook was opened yet" in page

    def test_says_which_step_fails_and_why(
        self, console: Console, campus: CampusServer, registration_id: int, runtime: Runtime
    ) -> None:
        campus.set_fault("jwks", "status", value=500)
        campus.set_fault("token", "status", value=503)
        page = console.post(f"/platforms/{registration_id}/test").text
        assert page.count("Fails</span>") == 2 and page.count("Not tried</span>") == 1
        assert "The key URL answered 500" in page and "gave no access token (503" in page
        with runtime.db.reading() as tx:
            assert tx.scalars(select(CachedToken.token_cipher)).all() == [None]

    def test_keys_are_read_anew(
        self, console: Console, campus: CampusServer, registration_id: int, runtime: Runtime
    ) -> None:
        assert console.post(f"/platforms/{registration_id}/keys").status_code == 303
        campus.set_fault("jwks", "status", value=500)
        assert "answered 500" in console.post(f"/platforms/{registration_id}/keys").text
        with runtime.db.reading() as tx:
            assert tx.get_one(CachedKeys, registration_id).keys


class TestRegistration:
    """New platforms."""

    def test_invitation_is_made_shown_once_and_withdrawn(
        self, console: Console, runtime: Runtime, client: FlaskClient
    ) -> None:
        page = console.post("/registration/invites", invited="Physics", days="30").text
        link = page.partition("https://localhost/lti/register/")[2][:43]
        assert len(link) == 43 and link not in console.get("/registration").text
        with runtime.db.reading() as tx:
            (row,) = tx.scalars(select(Invite)).all()
        assert (row.expires_at - row.created_at).days == 30
        assert console.post(f"/registration/invites/{row.digest}/withdraw").status_code == 303
        assert client.get(f"/lti/register/{link}?openid_configuration=https://x.example/").status_code == 410
        assert [act.action for act in acts(runtime)] == ["invite.make", "invite.withdraw"]
        assert link not in str([(act.target, act.after) for act in acts(runtime)])

    def test_platform_that_registered_itself_is_approved(
        self, console: Console, runtime: Runtime, client: FlaskClient, campus: CampusServer
    ) -> None:
        page = console.post("/registration/invites", invited="Campus", days="7").text
        link = page.partition("https://localhost/lti/register/")[2][:43]
        assert client.get(campus.registration_url(f"/lti/register/{link}")).status_code == 200
        assert "Campus" in console.get("/registration").text
        number = 1
        assert platform_of(runtime, number).state is Approval.PENDING
        console.post(f"/platforms/{number}/approve")
        assert platform_of(runtime, number).state is Approval.ACTIVE

    def test_platform_is_added_by_hand(self, console: Console, runtime: Runtime) -> None:
        given = {name: getattr(SCHOOL, name) for name in ("name", "issuer", "client_id", "auth_url", "token_url")}
        missing = console.post("/registration/by-hand", **given)
        assert missing.status_code == 400 and "jwks-url" in missing.text
        assert f'value="{SCHOOL.issuer}"' in missing.text
        no_address = {**given, "issuer": "our school", "jwks_url": SCHOOL.jwks_url}
        odd = console.post("/registration/by-hand", **no_address)
        assert odd.status_code == 400 and "issuer must be a full address" in odd.text
        done = console.post("/registration/by-hand", **given, jwks_url=SCHOOL.jwks_url, deployment_ids="1 2")
        assert done.headers["Location"].startswith("/admin/platforms/1")
        twice = console.post("/registration/by-hand", **given, jwks_url=SCHOOL.jwks_url)
        assert twice.status_code == 409 and "registered already" in twice.text
        with runtime.db.reading() as tx:
            assert sorted(tx.scalars(select(Deployment.deployment_id))) == ["1", "2"]
        assert [act.action for act in acts(runtime)] == ["platform.add"]
        for url in ("https://localhost/lti/login", "https://localhost/lti/launch", "https://localhost/lti/jwks"):
            assert url in console.get("/registration").text


def test_canvas_gets_the_address_of_its_configuration(console: Console, runtime: Runtime, school: int) -> None:
    address = "https://localhost/lti/canvas.json"
    assert address in console.get("/registration").text
    page = console.get(f"/platforms/{school}").text
    with runtime.db.transaction() as tx:
        row = tx.get_one(Registration, school)
        before, row.dialect = row.dialect, "canvas" if row.dialect != "canvas" else "moodle"
    other = console.get(f"/platforms/{school}").text
    assert (address in page, address in other) == (before == "canvas", before != "canvas")


def test_key_is_rotated(console: Console, runtime: Runtime) -> None:
    (before,) = [jwk["kid"] for jwk in list_published_keys(runtime)]
    assert console.post("/keys/rotate").status_code == 303
    after = [jwk["kid"] for jwk in list_published_keys(runtime)]
    page = console.get("/keys").text
    assert after[1] == before and all(kid[:12] in page for kid in after)
    assert "Signs next" in page and "Signs</span>" in page
    assert [(act.action, act.target) for act in acts(runtime)] == [("key.rotate", f"key {after[0]}")]


class TestJobs:
    """Background work."""

    def add(self, runtime: Runtime, state: JobState, handler: str = "film.cut", error: str | None = None) -> int:
        moment = clock.now()
        with runtime.db.transaction() as tx:
            number = len(tx.scalars(select(JobRow.id)).all())
            row = JobRow(handler=handler, message="film.shot", message_id=f"{number}", payload={"reel": 7})
            row.queue, row.state, row.error, row.attempts = "default", state, error, 8
            row.due_at = row.created_at = moment
            tx.add(row)
            tx.flush()
            return row.id

    def test_are_shown_by_state_and_kind(self, console: Console, runtime: Runtime) -> None:
        dead = self.add(runtime, JobState.DEAD, error="OSError: no film <left>\nmore")
        self.add(runtime, JobState.DONE, handler="film.dry")
        every = console.get("/jobs").text
        assert "film.cut" in every and "film.dry" in every and "OSError: no film &lt;left&gt;" in every
        shown = console.get("/jobs?state=dead").text
        assert (
            f"/admin/jobs/{dead}" in shown
            and '<td data-label="Kind"><span><span class="mono long">film.dry' not in shown
        )
        one = console.get(f"/jobs/{dead}").text
        assert "no film &lt;left&gt;\nmore" in one and "&#34;reel&#34;:7" in one
        assert console.get("/jobs/99").status_code == 404

    def test_every_attempt_that_failed_is_told_the_newest_first(self, console: Console, runtime: Runtime) -> None:
        one = self.add(runtime, JobState.DEAD, error="OSError: no film")
        tries = [
            ("2026-03-01T10:00:00+00:00", 1, "TimeoutError: slow <reel>"),
            ("2026-03-01T10:04:00+00:00", 2, "OSError"),
        ]
        with runtime.db.transaction() as tx:
            row = tx.get_one(JobRow, one)
            row.failures = [{"at": at, "attempt": number, "text": text} for at, number, text in tries]
        page = console.get(f"/jobs/{one}").text
        assert (
            page.index("Attempt 2") < page.index("OSError") < page.index("Attempt 1") < page.index("slow &lt;reel&gt;")
        )
        assert "2026-03-01T10:04" in page

    def test_dead_ones_run_again_one_or_all_of_a_kind(self, console: Console, runtime: Runtime) -> None:
        one, two, other = (self.add(runtime, JobState.DEAD, kind) for kind in ("film.cut", "film.cut", "film.dry"))
        assert console.post(f"/jobs/{one}/retry").status_code == 303
        assert console.post(f"/jobs/{one}/retry").status_code == 409
        assert console.post("/jobs/retry", kind="film.cut").status_code == 303
        with runtime.db.reading() as tx:
            states = {row.id: row.state for row in tx.scalars(select(JobRow))}
        assert states == {one: JobState.QUEUED, two: JobState.QUEUED, other: JobState.DEAD}
        written = acts(runtime, "job.")
        assert [act.target for act in written] == [f"job {one} (film.cut)", f"job {two} (film.cut)"]
        assert written[0].before["state"] == "dead" and written[0].after == {"state": "queued"}

    def test_long_list_has_pages(self, console: Console, runtime: Runtime) -> None:
        for _ in range(51):
            self.add(runtime, JobState.DONE)
        first = console.get("/jobs").text
        assert "before=2" in first and '/admin/jobs/1"' not in first
        assert '/admin/jobs/1"' in console.get("/jobs?before=2").text


class TestAuditLog:
    """Who did what."""

    def test_act_and_its_line_are_one_transaction(self, runtime: Runtime, school: int) -> None:
        def fail_afterwards() -> None:
            with runtime.db.transaction() as tx:
                tx.execute(update(Registration).values(name="Renamed"))
                audit.record(tx, OPERATOR, "platform.rename", "platform 1")
                raise AppError("late", "Something failed later.")

        with pytest.raises(AppError):
            fail_afterwards()
        with runtime.db.reading() as tx:
            assert [act.action for act in list_acts(tx)] == ["platform.add"]

    def test_line_is_never_changed(self, runtime: Runtime, school: int) -> None:
        def change() -> None:
            with runtime.db.transaction() as tx:
                tx.scalars(select(AuditRow)).one().actor = "nobody"

        def delete() -> None:
            with runtime.db.transaction() as tx:
                tx.delete(tx.scalars(select(AuditRow)).one())

        for attempt in (change, delete):
            with pytest.raises(RuntimeError, match="only ever added to"):
                attempt()

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE kernel_audit SET actor = 'nobody' WHERE user_id = 7",
            "UPDATE kernel_audit SET actor = 'Erased', target = 'another' WHERE user_id = 7",
            "UPDATE kernel_audit SET actor = 'Erased' WHERE user_id IS NULL",
            "UPDATE kernel_audit SET id = 99",
            "UPDATE kernel_audit SET user_id = 8",
            "UPDATE kernel_audit SET at = '2001-01-01'",
            "UPDATE kernel_audit SET via = 'course'",
            "UPDATE kernel_audit SET action = 'platform.read'",
            """UPDATE kernel_audit SET "before" = '{}'""",
            """UPDATE kernel_audit SET "after" = '{"state": "active"}'""",
            "DELETE FROM kernel_audit",
            {"sqlite": "UPDATE kernel_audit SET rowid = 99", "postgresql": "TRUNCATE kernel_audit"},
            {
                "sqlite": "INSERT OR REPLACE INTO kernel_audit SELECT id, at, 'nobody', user_id, via, action, target, "
                '"before", "after" FROM kernel_audit',
                "postgresql": "INSERT INTO kernel_audit SELECT * FROM kernel_audit "
                "ON CONFLICT (id) DO UPDATE SET actor = 'nobody'",
            },
        ],
        ids=str,
    )
    def test_database_refuses_what_goes_past_the_program(
        self, statement: str | dict[str, str], runtime: Runtime, school: int
    ) -> None:
        with runtime.db.transaction() as tx:
            audit.record(tx, Actor("Ada", Via.COURSE, 7), "rights.change", "LMS course 1", before={"a": 1})
        before = self.stored(runtime)
        sql = statement if isinstance(statement, str) else statement[runtime.db.engine.dialect.name]

        with pytest.raises(IntegrityError, match="only ever added to"), runtime.db.engine.begin() as connection:
            connection.exec_driver_sql(sql)

        assert self.stored(runtime) == before

    def stored(self, runtime: Runtime) -> list[Any]:
        with runtime.db.engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql("SELECT * FROM kernel_audit ORDER BY id")]

    def test_name_of_a_person_goes_with_the_person(self, runtime: Runtime) -> None:
        with runtime.db.transaction() as tx:
            audit.record(tx, Actor("Ada", Via.COURSE, 7), "rights.change", "LMS course 1")
            audit.record(tx, Actor("Ben", Via.COURSE, 8), "rights.change", "LMS course 1")
            audit.forget_actor(tx, 7)
        with runtime.db.reading() as tx:
            assert [act.actor for act in list_acts(tx)] == ["Ben", "Erased"]

    def test_is_filtered_and_exported(self, console: Console, runtime: Runtime, school: int) -> None:
        console.post(f"/platforms/{school}/name", name="=cmd|calc")
        console.post("/keys/rotate")
        shown = console.get("/audit?action=platform.&words=school").text
        assert "platform.rename" in shown and "key.rotate" not in shown
        assert "platform.rename" not in console.get("/audit?words=100%25_").text
        answer = console.get("/audit.csv?action=key.")
        assert answer.headers["Content-Disposition"].startswith("attachment")
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert [row["action"] for row in rows] == ["key.rotate"]
        every = list(csv.DictReader(io.StringIO(console.get("/audit.csv").text)))
        assert [row["action"] for row in every][:2] == ["key.rotate", "platform.rename"]
        assert not any(value.startswith("=") for row in every for value in row.values())

    def test_what_was_changed_is_told_in_words(self, console: Console, school: int) -> None:
        console.post(f"/platforms/{school}/console", trusted="yes")
        console.post("/registration/invites", invited="Northfield", days="1")
        page = console.get("/audit").text
        assert "no → yes" in page
        assert re.search(r"expires_at:</span> \d{4}-\d\d-\d\d \d\d:\d\d UTC<", page)

    def test_every_kind_of_act_can_be_filtered_for(self, console: Console) -> None:
        written = {
            area
            for folder in ("lti_tool", "grading", "plugins")
            for path in (ROOT / folder).rglob("*.py")
            for area in RECORDED.findall(path.read_text())
        }
        assert {"platform", "person", "job", "quiz"} <= written
        offered = re.findall(r'<option value="(\w+)\."', console.get("/audit").text)
        assert written | {"deployment"} == set(offered)

    def test_command_line_is_written_down_too(self, runtime: Runtime, school: int) -> None:
        with runtime.db.reading() as tx:
            (act,) = list_acts(tx)
        assert (act.via, act.action, act.actor) == (Via.COMMAND, "platform.add", OPERATOR.name)
        assert act.after["issuer"] == SCHOOL.issuer


class TestOverview:
    """How everything is."""

    def beat(self, runtime: Runtime, queues: str, *, sweeps: bool) -> None:
        with runtime.db.transaction() as tx:
            heartbeat.beat(tx, heartbeat.Worker(queues, sweeps))

    def test_says_that_no_worker_runs_and_what_to_do(self, console: Console) -> None:
        page = console.get("/").text
        assert "No worker runs" in page and "coursebridge up" in page
        assert "No LMS is registered yet" in page

    def test_misses_a_worker_that_went_silent(self, runtime: Runtime, console: Console) -> None:
        with clock.frozen(clock.now()):
            self.beat(runtime, "grade,passback,mail,default", sweeps=True)
            assert "1 running" in console.get("/").text
            clock.advance(61)
            assert "No worker runs, the last one was heard of" in console.get("/").text

    def test_misses_a_queue_and_a_sweep(self, runtime: Runtime, console: Console) -> None:
        self.beat(runtime, "passback,mail,default", sweeps=False)
        assert "No worker takes the queues grade" in console.get("/").text
        self.beat(runtime, "grade", sweeps=False)
        assert "No worker looks after the job table" in console.get("/").text

    def test_tells_of_late_work_given_up_work_and_keys(self, runtime: Runtime, console: Console, school: int) -> None:
        TestJobs().add(runtime, JobState.DEAD)
        late = TestJobs().add(runtime, JobState.QUEUED)
        with runtime.db.transaction() as tx:
            tx.get_one(JobRow, late).due_at = clock.now().replace(year=2020)
            tx.add(CachedKeys(registration_id=school, keys={}, tried_at=clock.now()))
        page = console.get("/").text
        assert "The oldest job has waited" in page and "1 could not be done after all attempts" in page
        assert "Its keys cannot be read" in page


@pytest.mark.parametrize("number", ["9" * 30, "-1", "²", "x", ""])
def test_numbers_that_no_row_has_are_passed_over(console: Console, number: str) -> None:
    for path in ("/jobs?before=", "/audit?before=", "/deliveries?before=", "/deliveries?platform="):
        assert console.get(path + number).status_code == 200, path


def test_words_that_no_database_takes_find_nothing_and_break_nothing(console: Console) -> None:
    for path in ("/jobs?kind=%00", "/audit?words=%00", "/audit?action=%00", "/audit.csv?words=%00"):
        assert console.get(path).status_code == 200, path


def test_pages_take_at_most_six_queries(console: Console, runtime: Runtime) -> None:
    for number in range(5):
        url = f"https://lms{number}.example"
        facts = replace(SCHOOL, name=f"LMS {number}", issuer=url, auth_url=url, token_url=url, jwks_url=url)
        with runtime.db.transaction() as tx:
            row = add_registration(tx, replace(facts, deployment_ids=("1", "2")))
            tx.add(CachedKeys(registration_id=row.id, keys={}, tried_at=clock.now()))
            tx.add(Refusal(registration_id=row.id, code="x", text="No.", last_at=clock.now(), number=1))
    job = TestJobs().add(runtime, JobState.DEAD)
    paths = ["/", "/platforms", "/platforms/1", "/registration", "/keys", "/jobs", f"/jobs/{job}", "/audit"]
    for path in [*paths, "/audit.csv"]:
        with counted(runtime) as statements:
            assert console.get(path).status_code == 200
        assert len(statements) <= 6, (path, statements)
