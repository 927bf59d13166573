"""Groups from pasted lines: filled in to be looked through, kept only when all of it is right."""

from typing import Any

import pytest
from sqlalchemy import select

from grading.group_models import GroupSetRow
from grading.group_sets import list_sets
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.models import User
from tests.factories.grading import NAME, SLUG, Place, Someone, make_person
from tests.functional.grading.conftest import counted

OWN = f"/grading/{SLUG}/{NAME}/groups/own"


@pytest.fixture
def twins(runtime: Runtime, place: Place) -> list[Someone]:
    """Two learners of one name."""
    with runtime.db.transaction() as tx:
        return [make_person(tx, place, "Sam T.") for _ in range(2)]


def sub_of(runtime: Runtime, who: Someone) -> str:
    """The LMS's id of a person."""
    with runtime.db.reading() as tx:
        return tx.get_one(User, who.user_id).sub


def field(page: str, who: Someone) -> str:
    """What the page has filled in beside a learner."""
    tag = page.partition(f'id="group-{who.user_id}" ')[2].partition(">")[0]
    return tag.partition('value="')[2].partition('"')[0]


def in_sets(runtime: Runtime, place: Place) -> dict[str, dict[str, list[int]]]:
    with runtime.db.reading() as tx:
        return {
            each.name: {name: list(ids) for name, ids in each.groups.items()}
            for each in list_sets(tx, place.placement_id)
        }


def test_lines_are_filled_in_first_and_saved_as_shown(
    runtime: Runtime, browse: Any, place: Place, teacher: Someone, learner: Someone, other: Someone
) -> None:
    browser = browse(teacher)
    lines = "Group;Learner\r\nRed; ada  l.\r\n\r\n  red;Grace H.  \r\n"
    with counted(runtime) as statements:
        shown = browser.post(OWN, data={"name": "Pairs", "lines": lines, "do": "read"})
    assert len(statements) <= 6, statements
    assert shown.status_code == 200
    assert "Filled in for 2 learners." in shown.text
    assert (field(shown.text, learner), field(shown.text, other)) == ("Red", "Red")
    assert in_sets(runtime, place) == {}, "a preview keeps nothing"

    form = {"name": "Pairs", "lines": "", f"group-{learner.user_id}": "Red", f"group-{other.user_id}": "Red"}
    assert browser.post(OWN, data=form).status_code == 303
    assert in_sets(runtime, place) == {"Pairs": {"Red": [learner.user_id, other.user_id]}}


@pytest.mark.parametrize(
    "written", ["Red\tAda L.\nBlue\tGrace H.", 'Red,"L., Ada"\nBlue,Grace H.', "Red;Ada L.\nBlue;Grace H."]
)
def test_tabs_commas_and_semicolons_do(
    runtime: Runtime, browse: Any, place: Place, teacher: Someone, learner: Someone, other: Someone, written: str
) -> None:
    saved = browse(teacher).post(OWN, data={"name": "Pairs", "lines": written})
    assert saved.status_code == 303
    assert in_sets(runtime, place) == {"Pairs": {"Blue": [other.user_id], "Red": [learner.user_id]}}


def test_each_wrong_line_is_named_stays_to_be_mended_and_keeps_the_rest_from_being_saved(
    runtime: Runtime,
    browse: Any,
    place: Place,
    teacher: Someone,
    learner: Someone,
    other: Someone,
    twins: list[Someone],
) -> None:
    browser = browse(teacher)
    lines = [
        "Red; Ada L.",
        "Red; Jon D.",
        "Blue; Ada L.",
        "; Grace H.",
        "Green",
        "Blue; Sam T.",
        f"{'x' * 256}; Grace H.",
    ]
    for more, number in ({"do": "read"}, 422), ({}, 422):
        page = browser.post(OWN, data={"name": "Pairs", "lines": "\n".join(lines), **more})
        assert page.status_code == number
        for words in (
            "Line 1, “Red; Jon D.”: “Jon D.” is nobody in the course.",
            "Line 2, “Blue; Ada L.”: Ada L. is in Red by an earlier line.",
            "Line 3, “; Grace H.”: the name of the group is missing.",
            "Line 4, “Green”: write the group, a semicolon and the learner.",
            "Line 5, “Blue; Sam T.”: 2 learners have the name “Sam T.”. Write the LMS’s id: ",
            "the group&#39;s name has more than 255 characters.",
        ):
            assert words in page.text, words
        assert field(page.text, learner) == "Red"
        assert "Red; Ada L." not in page.text, "what could be read is in the fields"
    assert in_sets(runtime, place) == {}

    mended = {
        "name": "Pairs",
        f"group-{learner.user_id}": "Red",
        "lines": f"Blue; {sub_of(runtime, twins[1])}; Grace H.",
    }
    assert browser.post(OWN, data=mended).status_code == 303
    assert in_sets(runtime, place) == {"Pairs": {"Blue": [other.user_id, twins[1].user_id], "Red": [learner.user_id]}}


def test_lines_change_whom_they_name_and_nobody_else(
    runtime: Runtime, browse: Any, place: Place, teacher: Someone, learner: Someone, other: Someone
) -> None:
    browser = browse(teacher)
    browser.post(OWN, data={"name": "Pairs", "lines": "Red;Ada L.\nRed;Grace H."})
    with runtime.db.reading() as tx:
        set_id = tx.scalars(select(GroupSetRow.id)).one()
    page = browser.post(
        f"{OWN}?set={set_id}",
        data={
            "name": "Pairs",
            f"group-{learner.user_id}": "Red",
            f"group-{other.user_id}": "Red",
            "lines": "Blue;Grace H.",
            "do": "read",
        },
    ).text
    assert (field(page, learner), field(page, other)) == ("Red", "Blue")
    assert in_sets(runtime, place) == {"Pairs": {"Red": [learner.user_id, other.user_id]}}


def test_more_lines_than_a_class_has_and_odd_bytes_are_told(
    runtime: Runtime, browse: Any, place: Place, teacher: Someone, learner: Someone
) -> None:
    browser = browse(teacher)
    many = browser.post(OWN, data={"name": "Pairs", "lines": "Red;Ada L.\n" * 5001, "do": "read"})
    assert many.status_code == 422
    assert "Only 5000 lines are read at once" in many.text
    odd = browser.post(
        OWN, data={"name": "Pairs", "lines": f'\ufeffRed;"Ada L.\n\0;\n{"y" * 200_000};Ada L.', "do": "read"}
    )
    assert odd.status_code == 422
    assert field(odd.text, learner) == "Red"
    assert in_sets(runtime, place) == {}


def test_only_those_who_may_paste(runtime: Runtime, browse: Any, place: Place, learner: Someone) -> None:
    with runtime.db.transaction() as tx:
        assistant = make_person(tx, place, "Assistant", Role.ASSISTANT)
    for who in (learner, assistant):
        assert browse(who).post(OWN, data={"name": "Pairs", "lines": "Red;Ada L."}).status_code == 403
