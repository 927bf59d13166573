"""What a learner claims of items that are closed to them does not count, by whichever way it comes in."""

import json
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from lti_tool.kernel import clock
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from plugins.courses.models import Admission, Course
from plugins.progress import public as progress
from plugins.progress.saves import learner_key
from tests.factories.course_folders import TOML
from tests.factories.grading import Someone
from tests.functional.courses.conftest import SLUG, Browser, Import

SOWING, WATERING, DRAFT = (f"courses/{SLUG}/{item}" for item in ("sowing", "watering", "second-quiz"))
LIMITED = TOML.replace('slug = "watering"', 'slug = "watering"\nafter = ["sowing"]')
LIMITED = LIMITED.replace('slug = "second-quiz"', 'slug = "second-quiz"\nstate = "draft"')


class Forger:
    """A learner who sends what the script of a page would send."""

    def __init__(self, app: Flask, runtime: Runtime, who: Someone) -> None:
        self.browser, self.runtime = Browser(app, who, SLUG), runtime
        self.learner = progress.Learner(who.place.placement_id, who.user_id)

    def claim(self, *refs: str, beacon: bool = False) -> list[str]:
        """Say that these are seen and watched; returns those that the tool says it has kept."""
        now = int(clock.now().timestamp() * 1000)
        facts: dict[str, Any] = {"at": now, "seen": True, "active": [[now - 60_000, now]]}
        saves = [{"id": f"save-{number:08}", "ref": ref, **facts} for number, ref in enumerate(refs)]
        body = {"who": learner_key(self.runtime.signer, self.learner), "saves": saves}
        kind = "text/plain;charset=UTF-8" if beacon else "application/json"
        answer = self.browser.post("/progress/saves", data=json.dumps(body), content_type=kind)
        assert answer.status_code == 200, answer.text
        kept = set(answer.json["saved"])
        return [ref for number, ref in enumerate(refs) if f"save-{number:08}" in kept]

    def done(self) -> set[str]:
        with self.runtime.db.reading() as tx:
            found = progress.read_course(tx, self.learner, SLUG)
        return {ref for ref, item in found.items.items() if item.state is progress.ItemState.DONE or item.seconds}


@pytest.fixture
def forger(app: Flask, runtime: Runtime, run_import: Import, someone: Any) -> Forger:
    run_import({"course.toml": LIMITED})
    return Forger(app, runtime, someone(Role.LEARNER))


@pytest.mark.parametrize("beacon", [False, True])
def test_closed_items_and_drafts_are_not_seen(forger: Forger, beacon: bool) -> None:
    assert forger.claim(WATERING, DRAFT, "courses/trees/none", beacon=beacon) == []
    assert forger.done() == set()
    assert forger.claim(WATERING, SOWING, beacon=beacon) == [SOWING]  # closed as the batch comes in
    assert forger.claim(WATERING, beacon=beacon) == [WATERING]
    assert forger.done() == {SOWING, WATERING}


def test_mark_of_a_closed_item_is_refused(forger: Forger) -> None:
    mark = {"item": "watering", "done": "yes"}
    assert forger.browser.post(f"/progress/{SLUG}/mark", data=mark).status_code == 403
    mark["item"] = "second-quiz"
    assert forger.browser.post(f"/progress/{SLUG}/mark", data=mark).status_code == 404
    assert forger.done() == set()


def test_nothing_of_an_unpublished_or_unpaid_course_counts(forger: Forger) -> None:
    for changes in ({"state": "draft"}, {"state": "published", "admission": Admission.PAID, "lms_members_pay": True}):
        with forger.runtime.db.transaction() as tx:
            tx.execute(update(Course).values(**changes))
        with clock.frozen(clock.now()):
            clock.advance(60)
            assert forger.claim(SOWING) == []
    assert forger.done() == set()
