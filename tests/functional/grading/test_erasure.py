"""Who is erased is gone from the gradebook, too."""

from typing import Any

from nbgrader.api import Comment, Gradebook
from sqlalchemy import select

from grading.personal_data import erase_personal_data, export_personal_data
from grading.rubric_models import RubricChoiceRow, RubricItemRow
from lti_tool.kernel.runtime import Runtime
from tests.factories.grading import NAME, SLUG, Someone, work
from tests.fakes.written_quiz import WrittenQuiz, plugins, released, written
from tests.functional.grading.test_by_hand import answer_url, save

__all__ = ["plugins", "released", "written"]


def test_erased_learner_is_in_no_rubric_gradebook_or_folder(
    written: WrittenQuiz, runtime: Runtime, browse: Any, teacher: Someone, learner: Someone, other: Someone
) -> None:
    url = answer_url("why", written.hand_in(learner))
    written.hand_in(other)
    browser = browse(teacher)
    save(browser, url, **{"do": "rubric", "label-new-1": "Clear", "points-new-1": "1"})
    with runtime.db.reading() as tx:
        item = tx.scalars(select(RubricItemRow.id)).one()
    save(browser, url, item=[item], comment="For Ada alone.")
    work(runtime)
    folder = runtime.settings.placement_dir(SLUG, learner.place.placement_id)
    assert list(folder.glob(f"*/{learner.hub_name}"))
    with runtime.db.transaction() as tx:
        assert export_personal_data(tx, learner.user_id)["rubric"][0]["item"] == "Clear"
        erase_personal_data(tx, learner.user_id)
    work(runtime)
    work(runtime)

    with runtime.db.reading() as tx:
        assert tx.scalars(select(RubricChoiceRow)).all() == []
        assert tx.scalars(select(RubricItemRow.label)).all() == ["Clear"]
    with Gradebook(runtime.settings.gradebook_url(SLUG, learner.place.placement_id)) as gradebook:
        assert [student.id for student in gradebook.students] == [other.hub_name]
        assert gradebook.db.query(Comment).filter(Comment.manual_comment.is_not(None)).all() == []
        assert gradebook.find_grade("why", NAME, NAME, other.hub_name).needs_manual_grade
    assert not list(folder.glob(f"*/{learner.hub_name}"))
