"""The endpoint that saves come in by."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from lti_tool.kernel import clock
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from plugins.progress.models import ItemRow, LearnerRow
from plugins.progress.public import read_course
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
