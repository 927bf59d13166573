"""What stands in a form is shown as a learner would see it, and nothing of it is saved."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from lti_tool.kernel.runtime import Runtime
from tests.functional.courses.conftest import SLUG
from tests.functional.courses.teaching import EDIT, HOME, Teacher
from tests.functional.grading.conftest import counted

pytestmark = pytest.mark.usefixtures("trees")

SETTINGS = {"title": "Old trees", "language": "en", "level": "beginner", "admission": "lms", "price": "12.50"}
SETTINGS |= {"currency": "EUR", "description": "See [sowing](sowing).", "authors": "Ada, Grace", "base": "1"}
MODULE = {"title": "Seedlings", "summary": "Green.", "release": "2099-05-01T08:00", "tz": "UTC", "base": "1"}
BEFORE = ["module/seeds", "item/sowing", "item/watering", "item/first-quiz", "module/wood", "item/second-quiz"]
AFTER = ["module/wood", "item/second-quiz", "item/watering", "module/seeds", "item/first-quiz", "item/sowing"]
QUIZ = {"title": "Quiz of sums", "attempts": "2", "counts": "best", "due": "2098-03-01T10:00", "tz": "UTC"}
QUIZ |= {"late_per_day": "10", "closes": "2098-03-08T10:00", "required": "1", "time_limit": "77", "base": "1"}
LESSON = {
    "title": "How to sow",
    "markdown": "Deep, $x^2$ cm.\n\n<script>alert(1)</script>",
    "required": "1",
    "base": "1",
}
FORMS: dict[str, dict[str, Any]] = {
    "settings": SETTINGS,
    "modules/seeds": MODULE,
    "items/first-quiz": QUIZ,
    "items/sowing": LESSON,
    "order": {"entry": AFTER},
}


def sent_by(ada: Teacher, path: str) -> dict[str, Any]:
    """The form as a browser would send it, with the number of the revision that it began with."""
    base = re.search(r'name="base" value="(\d+)"', ada.get(EDIT + path).text)
    assert base is not None
    return FORMS[path] | {"base": base.group(1)}


def plain(page: str) -> str:
    """The page without the signed passes of its links, which are others each time."""
    return re.sub(r"[\w-]+\.[\w-]{6}\.[\w-]{20,}", "", page)


def preview(ada: Teacher, path: str, changes: Mapping[str, Any] | None = None) -> str:
    answer = ada.post(f"{EDIT}{path}/preview", sent_by(ada, path) | dict(changes or {}))
    assert answer.status_code == 200, answer.text
    assert "Nothing of this is saved" in answer.text
    return str(answer.text)


@pytest.mark.parametrize("path", FORMS)
def test_a_preview_writes_nothing_and_asks_little(runtime: Runtime, ada: Teacher, learner: Teacher, path: str) -> None:
    sent, before = sent_by(ada, path), plain(learner.get(HOME).text)
    with counted(runtime) as statements:
        answer = ada.post(f"{EDIT}{path}/preview", sent)
    assert answer.status_code == 200, answer.text
    assert [one for one in statements if not one.lstrip().startswith(("SELECT", "WITH"))] == []
    assert len(statements) <= 6, statements

    assert learner.post(f"{EDIT}{path}/preview", sent).status_code == 403
    assert plain(learner.get(HOME).text) == before
    assert ada.get(f"{EDIT}preview/").status_code == 200
    assert "Old trees" not in ada.get(f"{EDIT}preview/").text


@pytest.mark.parametrize("path", FORMS)
def test_every_form_has_a_button_for_its_preview(ada: Teacher, path: str) -> None:
    page = ada.get(EDIT + path).text
    button = re.search(r'<button[^>]*formaction="([^"]*)" formtarget="_blank">', page)
    assert button is not None
    assert button.group(1) == f"{ada.prefix}{EDIT}{path}/preview"


def test_settings_are_seen_before_they_are_saved(ada: Teacher) -> None:
    page = preview(ada, "settings")
    assert "<h1>Old trees</h1>" in page and "€12.50" in page and "Grace" in page and "Beginner" in page
    assert f'href="{ada.prefix}{EDIT}preview/sowing"' in page


def test_a_module_is_seen_before_it_is_saved(ada: Teacher) -> None:
    page = preview(ada, "modules/seeds")
    assert "Seedlings" in page and "Green." in page and ">1 May 2099" in page


def test_another_order_is_seen_before_it_is_saved_and_then_is(ada: Teacher, learner: Teacher) -> None:
    def titles(page: str) -> list[str]:
        return sorted(("Second quiz", "Watering", "First quiz", "Sowing"), key=lambda title: page.rindex(title))

    assert titles(preview(ada, "order")) == ["Second quiz", "Watering", "First quiz", "Sowing"]
    assert titles(learner.get(HOME).text)[0] == "Sowing"
    assert ada.post(f"{EDIT}order", sent_by(ada, "order")).status_code == 303
    assert titles(learner.get(HOME).text) == ["Second quiz", "Watering", "First quiz", "Sowing"]
    put_back(ada)


def test_the_terms_of_a_quiz_are_seen_before_they_are_saved(ada: Teacher, learner: Teacher) -> None:
    page = preview(ada, "items/first-quiz")
    assert "<h1>Quiz of sums</h1>" in page and "2 of 2" in page and "1 Mar 2098" in page and "8 Mar 2098" in page
    assert "The best one" in page or "best attempt" in page.lower()
    assert "10" in page and "77 seconds" in page
    assert "In a preview nothing is handed in." in page
    assert "Quiz of sums" not in learner.get(f"/grading/{SLUG}/quiz-1").text


def test_terms_that_are_saved_and_not_published_are_seen_in_the_preview_of_the_quiz(ada: Teacher) -> None:
    assert ada.post(f"{EDIT}items/first-quiz", sent_by(ada, "items/first-quiz") | {"do": "save"}).status_code == 303
    page = ada.get(f"{EDIT}preview/first-quiz").text
    assert "<h1>Quiz of sums</h1>" in page and "Back to editing" in page


def test_a_lesson_is_seen_before_it_is_saved(ada: Teacher) -> None:
    page = preview(ada, "items/sowing")
    assert "How to sow" in page and "<msup>" in page and "alert(1)" not in page


@pytest.mark.parametrize(
    ("path", "changes", "status"),
    [
        ("settings", {"title": ""}, 422),
        ("settings", {"price": "a lot"}, 422),
        ("settings", {"description": "[gone](file:7f)"}, 422),
        ("modules/seeds", {"title": ""}, 422),
        ("modules/gone", {}, 404),
        ("items/first-quiz", {"attempts": "none"}, 422),
        ("items/first-quiz", {"time_limit": "999999"}, 422),
        ("items/gone", {}, 404),
        ("order", {"entry": AFTER[:-1]}, 409),
        ("order", {"base": "99"}, 409),
        ("order", {"entry": []}, 409),
    ],
)
def test_what_cannot_be_saved_cannot_be_previewed(
    ada: Teacher, path: str, changes: dict[str, Any], status: int
) -> None:
    there = path.replace("gone", "seeds" if path.startswith("modules") else "sowing")
    answer = ada.post(f"{EDIT}{path}/preview", sent_by(ada, there) | changes)
    assert answer.status_code == status, answer.text
    assert "Nothing of this is saved" not in answer.text


def put_back(ada: Teacher) -> None:
    """The tool is used by the other tests as well."""
    assert ada.post(f"{EDIT}order", sent_by(ada, "order") | {"entry": BEFORE}).status_code == 303


def shown_order(page: str) -> list[str]:
    return re.findall(r'name="entry" value="([^"]*)"', page)


def test_the_order_is_made_with_buttons_alone(ada: Teacher, learner: Teacher) -> None:
    page = ada.get(f"{EDIT}order").text
    assert shown_order(page) == BEFORE
    base = re.findall(r'name="base" value="(\d+)"', page)[0]
    for move in ("item/watering/up", "module/wood/up", "item/watering/up"):
        answer = ada.post(f"{EDIT}order/move", {"entry": shown_order(page), "base": base, "move": move})
        assert answer.status_code == 200, answer.text
        page = answer.text
    wanted = ["module/wood", "item/second-quiz", "item/watering", "module/seeds", "item/sowing", "item/first-quiz"]
    assert shown_order(page) == wanted
    assert re.search(r'value="item/watering/up"[^>]* autofocus', page)
    assert shown_order(ada.get(f"{EDIT}order").text) == BEFORE, "nothing was saved on the way"

    assert ada.post(f"{EDIT}order", {"entry": wanted, "base": base}).status_code == 303
    assert shown_order(ada.get(f"{EDIT}order").text) == wanted
    late = ada.post(f"{EDIT}order/move", {"entry": BEFORE, "base": base, "move": "item/watering/up"})
    assert late.status_code == 409 and shown_order(late.text) == wanted
    assert learner.get(f"{EDIT}order").status_code == 403
    put_back(ada)


@pytest.mark.parametrize(
    ("move", "status"), [("item/watering/sideways", 400), ("", 400), ("item/gone/up", 404), ("module/gone/up", 404)]
)
def test_a_move_that_is_none_is_refused(ada: Teacher, move: str, status: int) -> None:
    answer = ada.post(f"{EDIT}order/move", {"entry": BEFORE, "base": "1", "move": move})
    assert answer.status_code == status
