"""What an act would do is seen as a learner would see it, before it is done; nothing is changed by looking."""

import html

import pytest

from lti_tool.kernel.runtime import Runtime
from tests.functional.courses.one_tool.test_previews import BEFORE, plain, sent_by
from tests.functional.courses.teaching import EDIT, HOME, Teacher, new_item
from tests.functional.grading.conftest import counted

pytestmark = pytest.mark.usefixtures("trees")


def look(runtime: Runtime, ada: Teacher, path: str) -> str:
    """A page that says that nothing was changed, that only reads, and little."""
    with counted(runtime) as statements:
        answer = ada.get(f"{EDIT}{path}")
    assert answer.status_code == 200, answer.text
    assert [one for one in statements if not one.lstrip().startswith(("SELECT", "WITH"))] == []
    assert len(statements) <= 6, statements
    page = html.unescape(answer.text)
    assert "Preview: how learners would see it. Nothing was changed." in page
    return page


def test_the_course_is_seen_without_an_item(runtime: Runtime, ada: Teacher, learner: Teacher) -> None:
    before = plain(learner.get(HOME).text)
    assert f"{ada.prefix}{EDIT}preview-without/sowing" in ada.get(EDIT).text
    page = look(runtime, ada, "preview-without/sowing")
    assert "Sowing" not in page and "Watering" in page
    assert "Wood" in page
    page = look(runtime, ada, "preview-without/second-quiz")
    assert "Wood" not in page, "learners see no module with nothing in it"
    assert plain(learner.get(HOME).text) == before


def test_what_was_taken_out_is_seen_back_at_the_end(runtime: Runtime, ada: Teacher) -> None:
    path = new_item(ada, "Grafting")
    slug = path.rpartition("/")[2]
    assert ada.post(f"{path}/remove").status_code == 303
    assert f"{ada.prefix}{EDIT}preview-with/{slug}" in ada.get(EDIT).text
    page = look(runtime, ada, f"preview-with/{slug}")
    assert page.rindex("Grafting") > page.rindex("Second quiz")
    assert "Grafting" not in ada.get(f"{EDIT}preview/").text
    assert ada.get(f"{EDIT}preview-with/sowing").status_code == 404, "it is there"


def test_an_old_revision_is_seen_before_it_is_restored(runtime: Runtime, ada: Teacher, learner: Teacher) -> None:
    entries = ["module/seeds", "module/wood", *BEFORE[1:4], BEFORE[5]]
    base = sent_by(ada, "order")["base"]
    assert ada.post(f"{EDIT}order", {"entry": entries, "base": base}).status_code == 303
    settings = sent_by(ada, "settings")
    assert ada.post(f"{EDIT}settings", settings | {"description": ""}).status_code == 303
    assert ada.post(f"{EDIT}items/sowing", sent_by(ada, "items/sowing") | {"do": "save"}).status_code == 303
    assert ada.post(f"{EDIT}modules/seeds", sent_by(ada, "modules/seeds")).status_code == 303
    before = plain(learner.get(HOME).text)

    page = look(runtime, ada, f"preview-revision/outline?number={base}")
    assert page.rindex("Watering") < page.rindex("Wood") < page.rindex("Second quiz")
    assert "<h1>Trees</h1>" in look(runtime, ada, "preview-revision/course?number=1")
    assert "<h1>Old trees</h1>" in ada.get(f"{EDIT}preview/").text
    assert "Seedlings" not in look(runtime, ada, "preview-revision/module/seeds?number=1")
    assert "Seedlings" in ada.get(f"{EDIT}preview/").text
    page = look(runtime, ada, "preview-revision/item/sowing?number=1")
    assert "How to sow" not in page and "Sowing" in page
    assert plain(learner.get(HOME).text) == before
    assert "preview-revision/item/sowing?number=1" in ada.get(f"{EDIT}history/item/sowing").text


@pytest.mark.parametrize(
    "path",
    [
        "preview-without/gone",
        "preview-with/gone",
        "preview-revision/course?number=99",
        "preview-revision/item/gone?number=1",
        "preview-revision/item/sowing?number=x",
    ],
)
def test_what_is_not_there_is_not_shown(ada: Teacher, path: str) -> None:
    assert ada.get(f"{EDIT}{path}").status_code == 404


@pytest.mark.parametrize("path", ["preview-without/sowing", "preview-with/x", "preview-revision/course?number=1"])
def test_learners_try_nothing(learner: Teacher, path: str) -> None:
    assert learner.get(f"{EDIT}{path}").status_code == 403
