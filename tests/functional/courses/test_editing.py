"""What teachers change in the browser: revisions, publishing, conflicts, order; and what imports do with it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from grading.assignments import get_assignment
from grading.terms import terms_of
from lti_tool.kernel import clock
from lti_tool.kernel.errors import Conflict, Forbidden, Invalid
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from plugins.courses import editing, outline_edits
from plugins.courses.editing import Editor
from plugins.courses.exporter import export_course
from plugins.courses.importer import import_course
from plugins.courses.models import Item, ItemKind, Origin, PartState, Revision
from plugins.courses.parts import COURSE, OUTLINE, Content, item_part, module_part
from plugins.courses.revisions import EditConflict, find_newest, list_history, list_newest
from plugins.courses.service import get_item, get_outline
from plugins.progress import public as progress
from plugins.progress.courses import read_outlines
from plugins.reviews.eligibility import Obstacle, Who, read_eligibility
from tests.factories.grading import Place, make_place
from tests.functional.courses.conftest import SLUG, Import

Save = Callable[..., Revision]


@pytest.fixture
def ada(place: Place, run_import: Import) -> Editor:
    """A teacher of a course that is there."""
    run_import()
    return Editor(1, "Ada", place.registration_id, Role.TEACHER)


@pytest.fixture
def ben(ada: Editor) -> Editor:
    return Editor(2, "Ben", ada.registration_id, Role.TEACHER)


def content_of(runtime: Runtime, slug: str = "watering") -> Content:
    with runtime.db.reading() as tx:
        course = get_outline(tx, SLUG).course
        newest = find_newest(tx, course.id, item_part(slug))
    assert newest is not None
    return dict(newest.content)


@pytest.fixture
def save(runtime: Runtime) -> Save:
    """`save(editor, base, slug, **changes)`."""

    def run(who: Editor, base: int | None, slug: str = "watering", **changes: Any) -> Revision:
        content = content_of(runtime, slug) | changes
        with runtime.db.transaction() as tx:
            return editing.save_item(tx, SLUG, slug, content, who, base)

    return run


def seen(runtime: Runtime, slug: str = "watering") -> Item:
    with runtime.db.reading() as tx:
        return get_item(tx, get_outline(tx, SLUG).course.id, slug)


def order_of(runtime: Runtime) -> list[list[str]]:
    with runtime.db.reading() as tx:
        return [[module.slug, *(item.slug for item in items)] for module, items in get_outline(tx, SLUG).modules]


# ---- saving and publishing ----


def test_learners_see_a_change_when_it_is_published(runtime: Runtime, ada: Editor, save: Save) -> None:
    before = seen(runtime).markdown
    save(ada, 1, markdown="# Watering\n\nLess.\n\n## How much\n")

    assert (seen(runtime).markdown, seen(runtime).has_changes) == (before, True)
    with runtime.db.transaction() as tx:
        editing.publish_item(tx, SLUG, "watering", ada)
    assert seen(runtime).markdown.startswith("# Watering\n\nLess.")
    assert not seen(runtime).has_changes


def test_each_save_is_a_revision_with_its_author_and_the_same_again_is_none(
    runtime: Runtime, ada: Editor, ben: Editor, save: Save
) -> None:
    save(ada, 1, title="Water")
    save(ben, 2, title="Rain")
    save(ben, 3, title="Rain")

    with runtime.db.reading() as tx:
        found = list_history(tx, get_outline(tx, SLUG).course.id, item_part("watering"))
    assert [(revision.number, revision.author_name, revision.origin) for revision in found] == [
        (3, "Ben", Origin.BROWSER),
        (2, "Ada", Origin.BROWSER),
        (1, "", Origin.IMPORT),
    ]


def test_the_later_of_two_saves_is_a_conflict_and_loses_nothing(
    runtime: Runtime, ada: Editor, ben: Editor, save: Save
) -> None:
    save(ada, 1, title="Water")

    with pytest.raises(EditConflict) as caught:
        save(ben, 1, title="Rain")
    assert caught.value.content["title"] == "Water"
    assert content_of(runtime)["title"] == "Water"

    save(ben, 2, title="Rain")
    assert content_of(runtime)["title"] == "Rain"


def test_a_link_that_leads_nowhere_can_be_saved_and_not_published(runtime: Runtime, ada: Editor, save: Save) -> None:
    save(ada, 1, markdown="[x](nowhere)")

    with pytest.raises(Invalid, match="leads nowhere"), runtime.db.transaction() as tx:
        editing.publish_item(tx, SLUG, "watering", ada)
    assert "nowhere" not in seen(runtime).markdown


def test_an_unpublished_quiz_takes_no_submissions_until_it_is_published(runtime: Runtime, ada: Editor) -> None:
    with runtime.db.transaction() as tx:
        editing.unpublish_item(tx, SLUG, "first-quiz", ada)
    with runtime.db.reading() as tx:
        assert terms_of(get_assignment(tx, SLUG, "quiz-1")).is_closed(clock.now())
        assert [item.slug for item in get_outline(tx, SLUG).published().items] == ["sowing", "watering", "second-quiz"]

    with runtime.db.transaction() as tx:
        editing.publish_item(tx, SLUG, "first-quiz", ada)
    with runtime.db.reading() as tx:
        assert not terms_of(get_assignment(tx, SLUG, "quiz-1")).is_closed(clock.now())


def test_what_a_quiz_says_reaches_grading_when_it_is_published(runtime: Runtime, ada: Editor, save: Save) -> None:
    save(ada, 1, "first-quiz", title="Sums", attempts=7, due="2027-01-01T00:00:00+00:00")
    with runtime.db.transaction() as tx:
        editing.publish_item(tx, SLUG, "first-quiz", ada)

    with runtime.db.reading() as tx:
        row = get_assignment(tx, SLUG, "quiz-1")
    assert (row.title, row.max_attempts, row.due_at and row.due_at.year) == ("Sums", 7, 2027)


def test_an_old_revision_is_restored_as_a_new_one(runtime: Runtime, ada: Editor, save: Save) -> None:
    save(ada, 1, title="Water")
    with runtime.db.transaction() as tx:
        editing.restore(tx, SLUG, item_part("watering"), 1, ada)

    with runtime.db.reading() as tx:
        newest = list_history(tx, get_outline(tx, SLUG).course.id, item_part("watering"))[0]
    assert (newest.number, newest.origin) == (3, Origin.RESTORE)
    assert content_of(runtime)["title"] == "Watering"


def test_an_old_order_is_restored_and_what_is_new_goes_last(runtime: Runtime, ada: Editor) -> None:
    old = order_of(runtime)
    with runtime.db.transaction() as tx:
        outline_edits.move_part(tx, SLUG, "item", "watering", -1, ada)
        outline_edits.move_part(tx, SLUG, "item", "second-quiz", -1, ada)
        outline_edits.move_part(tx, SLUG, "module", "wood", -1, ada)
        outline_edits.add_item(tx, SLUG, "seeds", ItemKind.LESSON, "Late", ada)
        outline_edits.move_part(tx, SLUG, "item", "late", -1, ada)
        outline_edits.add_module(tx, SLUG, "Bark", ada)
        outline_edits.remove_item(tx, SLUG, "sowing", ada)
    assert order_of(runtime) != old

    with runtime.db.transaction() as tx:
        outline_edits.restore_order(tx, SLUG, 1, ada)

    assert order_of(runtime) == [["seeds", "watering", "first-quiz", "late"], ["wood", "second-quiz"], ["bark"]]
    with runtime.db.reading() as tx:
        newest = list_history(tx, get_outline(tx, SLUG).course.id, OUTLINE)[0]
    assert (newest.origin, newest.author_name) == (Origin.RESTORE, "Ada")


def test_progress_knows_what_is_published(runtime: Runtime, ada: Editor, place: Place) -> None:
    who = progress.Learner(1, 1)
    with runtime.db.transaction() as tx:
        editing.unpublish_item(tx, SLUG, "watering", ada)
    with runtime.db.reading() as tx:
        assert list(progress.read_course(tx, who, SLUG).items) == [
            f"courses/{SLUG}/{slug}" for slug in ("sowing", "first-quiz", "second-quiz")
        ]


def test_progress_knows_of_a_module_that_was_restored(runtime: Runtime, ada: Editor) -> None:
    changed: dict[str, Any] = {"title": "Nuts", "summary": "", "release": None, "after": []}
    with runtime.db.transaction() as tx:
        editing.save_module(tx, SLUG, "seeds", changed, ada, None)
        assert read_outlines(tx, [SLUG])[SLUG].modules[0].title == "Nuts"
        editing.restore(tx, SLUG, module_part("seeds"), 1, ada)
        assert read_outlines(tx, [SLUG])[SLUG].modules[0].title == "Seeds"


# ---- who may ----


@pytest.mark.parametrize("role", [Role.LEARNER, Role.ASSISTANT, Role.OBSERVER])
def test_only_teachers_edit(runtime: Runtime, ada: Editor, role: Role) -> None:
    who = Editor(3, "Eve", ada.registration_id, role)
    with pytest.raises(Forbidden), runtime.db.transaction() as tx:
        editing.publish_item(tx, SLUG, "watering", who)


def test_a_course_of_every_platform_is_edited_while_there_is_one_platform(runtime: Runtime, ada: Editor) -> None:
    with runtime.db.transaction() as tx:
        editing.publish_item(tx, SLUG, "watering", ada)
        other = make_place(tx, "canvas")
    with pytest.raises(Forbidden, match="Several platforms"), runtime.db.transaction() as tx:
        editing.publish_item(tx, SLUG, "watering", ada)
    assert other.registration_id != ada.registration_id


def test_a_course_of_one_platform_is_edited_by_its_teachers_only(
    runtime: Runtime, ada: Editor, run_import: Import
) -> None:
    run_import(registration_id=ada.registration_id, change_platform=True)
    with runtime.db.transaction() as tx:
        make_place(tx, "canvas")
        editing.publish_item(tx, SLUG, "watering", ada)
    with pytest.raises(Forbidden), runtime.db.transaction() as tx:
        editing.publish_item(tx, SLUG, "watering", Editor(9, "Eve", ada.registration_id + 1, Role.TEACHER))


# ---- order ----


def test_items_and_modules_move(runtime: Runtime, ada: Editor) -> None:
    with runtime.db.transaction() as tx:
        outline_edits.move_part(tx, SLUG, "item", "watering", -1, ada)
        outline_edits.move_part(tx, SLUG, "item", "first-quiz", 1, ada)
        outline_edits.move_part(tx, SLUG, "module", "wood", -1, ada)
    assert order_of(runtime) == [["wood", "first-quiz", "second-quiz"], ["seeds", "watering", "sowing"]]

    with runtime.db.transaction() as tx:
        outline_edits.move_part(tx, SLUG, "item", "watering", -1, ada)
        outline_edits.move_part(tx, SLUG, "module", "wood", -1, ada)
    assert order_of(runtime) == [["wood", "first-quiz", "second-quiz", "watering"], ["seeds", "sowing"]]
    with runtime.db.reading() as tx:
        positions = list(tx.scalars(select(Item.position).order_by(Item.position)))
    assert positions == [0, 1, 2, 3]


def test_an_order_made_by_dragging_is_taken_unless_the_outline_has_changed(runtime: Runtime, ada: Editor) -> None:
    order = [("wood", ["sowing"]), ("seeds", ["second-quiz", "first-quiz", "watering"])]
    with runtime.db.transaction() as tx:
        outline_edits.arrange(tx, SLUG, order, ada, 1)
    assert order_of(runtime) == [["wood", "sowing"], ["seeds", "second-quiz", "first-quiz", "watering"]]

    for stale in (1, 2):
        with pytest.raises(Conflict), runtime.db.transaction() as tx:
            outline_edits.arrange(tx, SLUG, order if stale == 1 else order[:1], ada, stale)


def test_a_new_item_is_a_draft_and_gets_a_slug_of_its_own(runtime: Runtime, ada: Editor) -> None:
    with runtime.db.transaction() as tx:
        titles = ["Wood", "Wood", "木", "Edit"]
        made = [outline_edits.add_item(tx, SLUG, "wood", ItemKind.LESSON, title, ada).slug for title in titles]
        module = outline_edits.add_module(tx, SLUG, "Wood", ada)
    assert made == ["wood", "wood-2", "lesson-7", "edit-2"]
    assert module.slug == "wood-2"
    assert seen(runtime, "wood").state is PartState.DRAFT
    assert order_of(runtime)[1] == ["wood", "second-quiz", *made]


def test_what_is_taken_out_can_be_put_back(runtime: Runtime, ada: Editor) -> None:
    with runtime.db.transaction() as tx:
        outline_edits.remove_item(tx, SLUG, "first-quiz", ada)
        assert outline_edits.list_free_quizzes(tx, get_outline(tx, SLUG)) == ["quiz-1"]
        assert [revision.part for revision in outline_edits.list_removed(tx, get_outline(tx, SLUG))] == [
            "item/first-quiz"
        ]
    with runtime.db.transaction() as tx:
        outline_edits.put_back(tx, SLUG, "first-quiz", ada)
        assert get_outline(tx, SLUG).modules[1][1][-1].assignment == "quiz-1"
        positions = list(tx.scalars(select(Item.position)))
    assert len(positions) == len(set(positions))
    assert seen(runtime, "first-quiz").state is PartState.DRAFT


def test_a_module_that_holds_something_stays(runtime: Runtime, ada: Editor) -> None:
    with pytest.raises(Invalid), runtime.db.transaction() as tx:
        outline_edits.remove_module(tx, SLUG, "wood", ada)
    with runtime.db.transaction() as tx:
        outline_edits.move_part(tx, SLUG, "item", "second-quiz", -1, ada)
        outline_edits.remove_module(tx, SLUG, "wood", ada)
    assert [module[0] for module in order_of(runtime)] == ["seeds"]


def test_a_course_made_in_the_browser_is_a_draft_of_the_platform(runtime: Runtime, ada: Editor) -> None:
    with runtime.db.transaction() as tx:
        course = outline_edits.create_course(tx, "Trees", "en", ada)
        outline_edits.add_item(tx, course.slug, "first-module", ItemKind.LESSON, "Bark", ada)
    assert (course.slug, course.state, course.registration_id) == ("trees-2", PartState.DRAFT, ada.registration_id)
    with pytest.raises(Invalid), runtime.db.transaction() as tx:
        editing.set_course_state(tx, "trees-2", PartState.PUBLISHED, ada)
    with runtime.db.transaction() as tx:
        editing.publish_item(tx, "trees-2", "bark", ada)
        editing.set_course_state(tx, "trees-2", PartState.PUBLISHED, ada)


# ---- imports and exports ----


def test_an_import_does_not_take_back_what_was_written_in_the_browser(
    runtime: Runtime, ada: Editor, save: Save, run_import: Import
) -> None:
    save(ada, 1, title="Water")
    run_import()  # the folder says what learners see: nothing is lost
    assert content_of(runtime)["title"] == "Water"
    assert seen(runtime).has_changes

    with runtime.db.transaction() as tx:
        editing.publish_item(tx, SLUG, "watering", ada)
    with pytest.raises(Conflict, match="item/watering") as caught:
        run_import()
    assert "coursebridge course export trees" in str(caught.value)
    assert seen(runtime).title == "Water"

    run_import(overwrite=True)
    assert seen(runtime).title == "Watering"
    with runtime.db.reading() as tx:
        history = list_history(tx, get_outline(tx, SLUG).course.id, item_part("watering"))
    assert [revision.origin for revision in history] == [Origin.IMPORT, Origin.BROWSER, Origin.IMPORT]


def test_an_item_that_the_folder_does_not_know_is_not_taken_out(
    runtime: Runtime, ada: Editor, run_import: Import
) -> None:
    with runtime.db.transaction() as tx:
        outline_edits.add_item(tx, SLUG, "wood", ItemKind.LESSON, "Bark", ada)
    with pytest.raises(Conflict, match="item/bark"):
        run_import()


def test_an_exported_course_is_changed_in_the_folder_and_imported(
    runtime: Runtime, ada: Editor, save: Save, tmp_path: Path
) -> None:
    save(ada, 1, title="Water")
    with runtime.db.transaction() as tx:
        editing.publish_item(tx, SLUG, "watering", ada)
    export_course(runtime, SLUG, tmp_path / "out")
    toml = tmp_path / "out" / "course.toml"
    assert 'title = "Water"' in toml.read_text()
    toml.write_text(toml.read_text().replace('title = "Water"', 'title = "Rain"'))

    import_course(runtime, tmp_path / "out")
    assert seen(runtime).title == "Rain"

    save(ada, 3, title="Snow")
    toml.write_text(toml.read_text().replace('title = "Rain"', 'title = "Ice"'))
    with pytest.raises(Conflict):
        import_course(runtime, tmp_path / "out")


def test_what_an_export_left_out_and_was_published_since_is_not_taken_back(
    runtime: Runtime, ada: Editor, save: Save, tmp_path: Path
) -> None:
    save(ada, 1, title="Water")
    export_course(runtime, SLUG, tmp_path / "out")
    import_course(runtime, tmp_path / "out")  # nothing is lost
    with runtime.db.transaction() as tx:
        editing.publish_item(tx, SLUG, "watering", ada)
    with pytest.raises(Conflict, match="item/watering"):
        import_course(runtime, tmp_path / "out")

    export_course(runtime, SLUG, tmp_path / "out")
    toml = tmp_path / "out" / "course.toml"
    assert " without " not in toml.read_text()
    toml.write_text(toml.read_text().replace('title = "Water"', 'title = "Rain"'))
    import_course(runtime, tmp_path / "out")
    assert seen(runtime).title == "Rain"


def test_an_export_has_what_learners_see_or_what_was_saved(
    runtime: Runtime, ada: Editor, save: Save, tmp_path: Path
) -> None:
    save(ada, 1, title="Water")

    assert export_course(runtime, SLUG, tmp_path / "out").left_out == ["watering"]
    assert 'title = "Watering"' in (tmp_path / "out" / "course.toml").read_text()
    assert export_course(runtime, SLUG, tmp_path / "out", saved=True).left_out == []
    assert 'title = "Water"' in (tmp_path / "out" / "course.toml").read_text()


def test_a_draft_comes_back_as_a_draft(runtime: Runtime, ada: Editor, tmp_path: Path) -> None:
    with runtime.db.transaction() as tx:
        outline_edits.add_item(tx, SLUG, "wood", ItemKind.LINK, "Forest", ada)
        outline_edits.add_item(tx, SLUG, "wood", ItemKind.NOTEBOOK, "Reading", ada)
    export_course(runtime, SLUG, tmp_path / "out")
    import_course(runtime, tmp_path / "out")

    assert seen(runtime, "forest").state is PartState.DRAFT
    export_course(runtime, SLUG, tmp_path / "again")
    assert (tmp_path / "again" / "course.toml").read_bytes() == (tmp_path / "out" / "course.toml").read_bytes()


def test_settings_are_seen_at_once(runtime: Runtime, ada: Editor) -> None:
    with runtime.db.reading() as tx:
        course = get_outline(tx, SLUG).course
        newest = find_newest(tx, course.id, COURSE)
    assert newest is not None
    with runtime.db.transaction() as tx:
        editing.save_settings(tx, SLUG, newest.content | {"title": "All trees", "tags": ["wood"]}, ada, 1)
    with runtime.db.reading() as tx:
        assert get_outline(tx, SLUG).course.title == "All trees"


def test_whoever_has_written_any_part_does_not_review_the_course(
    runtime: Runtime, place: Place, ada: Editor, save: Save
) -> None:
    settings, module, item, order, made = (replace(ada, user_id=number) for number in range(11, 16))
    with runtime.db.reading() as tx:
        newest = list_newest(tx, get_outline(tx, SLUG).course.id, [COURSE, module_part("wood")])
    with runtime.db.transaction() as tx:
        editing.save_settings(tx, SLUG, newest[COURSE].content | {"title": "All trees"}, settings, 1)
        editing.save_module(tx, SLUG, "wood", newest[module_part("wood")].content | {"title": "Woods"}, module, 1)
        outline_edits.move_part(tx, SLUG, "item", "watering", -1, order)
        outline_edits.add_item(tx, SLUG, "wood", ItemKind.LINK, "Forest", made)
    save(item, 1, title="Water")

    def obstacle(user_id: int) -> Obstacle | None:
        who = Who(user_id, place.registration_id, place.placement_id, Role.LEARNER)
        with runtime.db.reading() as tx:
            return read_eligibility(tx, who, SLUG, 0, has_review=False).obstacle

    assert [obstacle(who.user_id) for who in (settings, module, item, order, made)] == [Obstacle.AUTHOR] * 5
    assert obstacle(99) is None
