"""The endpoint that saves come in by."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select, update

from lti_tool.kernel import clock
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.web.session import BROWSER_COOKIE, SessionRow, digest_of, end_sessions_of
from plugins.progress import group_commit
from plugins.progress.models import ItemRow, LearnerRow
from plugins.progress.public import read_course
from tests.conftest import BASE_URL
from tests.factories.grading import SLUG, Someone
from tests.factories.progress import T0, ref
from tests.functional.grading.conftest import counted
from tests.functional.progress.conftest import Browser, learner_of

AT = int(T0.timestamp() * 1000)
Browse = Callable[[Someone], Browser]


def save(name: str = "trees", number: int = 1, **more: Any) -> dict[str, Any]:
    return {"id": f"save-{number:04}", "ref": ref(name), "at": AT} | more


def test_saved_means_committed(runtime: Runtime, browse: Browse, learner: Someone) -> None:
    with clock.frozen(T0 + timedelta(minutes=5)):
        answer = browse(learner).save(
            save(seen=True, active=[[AT, AT + 60_000]]),
            save("film", 2, watched=[[0, 30.5]], position=30.5, duration=100.0),
            save("gone", 3, seen=True),
        )

    assert answer.status_code == 200
    said = answer.get_json()
    assert (said["saved"], said["unknown"]) == (["save-0001", "save-0002"], ["save-0003"])
    assert said["at"] == AT + 300_000
    with runtime.db.reading() as tx:
        found = read_course(tx, learner_of(learner), SLUG)
    assert (found.percent, found.seconds, found.items[ref("film")].resume_s) == (25, 60, 30.5)


def test_same_batch_again_changes_nothing(runtime: Runtime, browse: Browse, learner: Someone) -> None:
    browser = browse(learner)
    with clock.frozen(T0 + timedelta(minutes=5)):
        for _ in range(3):
            assert browser.save(save(seen=True, active=[[AT, AT + 60_000]])).status_code == 200

    with runtime.db.reading() as tx:
        assert tx.scalars(select(LearnerRow.seconds)).one() == 60


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"at": "now"}, 400),
        ({"id": "x"}, 400),
        ({"watched": [[0, 1e300]]}, 400),
        ({"watched": [[0, 1]] * 401}, 400),
        ({"active": [[0, AT, 1]]}, 400),
        ({"position": -1}, 400),
        ({"ref": "x" * 301}, 400),
        ({"junk": "x" * 70_000}, 413),
    ],
)
def test_what_no_page_of_ours_sends_is_refused(
    browse: Browse, learner: Someone, wrong: dict[str, Any], status: int
) -> None:
    assert browse(learner).save(save(**wrong)).status_code == status


@pytest.mark.parametrize("name", ["courses/another/trees", "courses/notebooks-101", "x", "courses/notebooks-101/a\0b"])
def test_items_of_other_courses_are_unknown(runtime: Runtime, browse: Browse, learner: Someone, name: str) -> None:
    said = browse(learner).save(save(ref=name, seen=True)).get_json()

    assert said["unknown"] == ["save-0001"]
    with runtime.db.reading() as tx:
        assert list(tx.scalars(select(ItemRow))) == []


def test_saves_of_another_learner_are_refused_and_kept_by_the_browser(browse: Browse, learner: Someone) -> None:
    assert browse(learner).save(save(seen=True), who="somebody else").status_code == 409


@pytest.mark.parametrize("role", [Role.TEACHER, Role.ASSISTANT, Role.OBSERVER])
def test_only_learners_save(browse: Browse, someone: Callable[..., Someone], role: Role) -> None:
    assert browse(someone(role)).save(save(seen=True)).status_code == 403


def test_nobody_saves_without_a_session(browse: Browse, learner: Someone) -> None:
    browser = browse(learner)
    browser.prefix = ""

    assert browser.save(save(seen=True)).status_code == 401


def test_a_heartbeat_takes_few_statements(runtime: Runtime, browse: Browse, learner: Someone) -> None:
    with clock.frozen(T0 + timedelta(minutes=5)):
        browser = browse(learner)
        browser.save(save(seen=True))
        with counted(runtime) as statements:
            browser.save(save(active=[[AT, AT + 20_000]]))

    # session; learner locked, item and time read; time, item and learner written; PostgreSQL looks at JSON types once
    assert len(statements) <= 8, statements


def test_a_session_that_has_ended_saves_nothing_more(runtime: Runtime, browse: Browse, learner: Someone) -> None:
    browser = browse(learner)
    assert browser.save(save(seen=True)).status_code == 200
    with runtime.db.transaction() as tx:
        end_sessions_of(tx, learner.user_id)

    assert browser.save(save("paths", 2, seen=True)).status_code == 401
    with runtime.db.reading() as tx:
        assert tx.scalars(select(ItemRow.ref)).all() == [ref("trees")]


def test_a_session_of_another_browser_saves_nothing(runtime: Runtime, browse: Browse, learner: Someone) -> None:
    browser = browse(learner)
    with runtime.db.transaction() as tx:
        tx.execute(update(SessionRow).values(browser_digest=digest_of("secret")))

    assert browser.save(save(seen=True)).status_code == 401
    browser.client.set_cookie(BROWSER_COOKIE, "another", domain=urlsplit(BASE_URL).hostname or "", secure=True)
    assert browser.save(save(seen=True)).status_code == 401
    browser.client.set_cookie(BROWSER_COOKIE, "secret", domain=urlsplit(BASE_URL).hostname or "", secure=True)
    assert browser.save(save(seen=True)).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_no_page_of_somebody_else_saves(browse: Browse, learner: Someone, site: str) -> None:
    browser = browse(learner)
    body = {"who": browser.key, "saves": [save(seen=True)]}

    assert browser.post("/progress/saves", json=body, headers={"Sec-Fetch-Site": site}).status_code == 403


def test_the_answer_is_kept_and_framed_by_nobody(browse: Browse, learner: Someone) -> None:
    headers = browse(learner).save(save(seen=True)).headers

    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
    assert headers["Content-Type"] == "application/json"


def test_saves_of_many_sessions_are_one_commit_and_the_bad_one_is_told(
    runtime: Runtime, someone: Callable[..., Someone], browse: Browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    browsers = [browse(someone(name=name)) for name in ("ada", "bob", "eve")]
    browsers[2].key = "somebody else's"
    writer, groups = group_commit.writer_of(runtime.db), []
    write = writer._write

    def write_when_all_are_there(entries: Any) -> None:
        groups.append(len(entries))
        while sum(groups) + len(writer._waiting) < len(browsers):
            time.sleep(0.01)
        write(entries)

    monkeypatch.setattr(writer, "_write", write_when_all_are_there)
    with ThreadPoolExecutor(len(browsers)) as threads:
        answers = list(threads.map(lambda browser: browser.save(save(seen=True)), browsers))

    assert groups == [1, 2]
    assert [answer.status_code for answer in answers] == [200, 200, 409]
