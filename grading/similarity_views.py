"""For teachers: pairs of similar submissions of a quiz, and one pair side by side. What it means is theirs to judge."""

from typing import Any

from flask import redirect, url_for
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import aliased
from werkzeug.wrappers import Response as AnyResponse

from grading.access import placement_of
from grading.assignments import get_assignment
from grading.blueprint import blueprint
from grading.comparing import Comparison, ask_to_compare, find_comparison, read_pair
from grading.group_work import list_handed_in
from grading.models import SubmissionRow
from grading.own_work import OwnWork, Part
from grading.similarity import LEAST_PERCENT, match_lines
from grading.similarity_models import SimilarPairRow
from grading.staff_pages import learners_of
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import NotFound
from lti_tool.kernel.jobs import JobState
from lti_tool.kernel.permissions import Right
from lti_tool.lti import public as lti
from lti_tool.web.render import page
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import open_course, right_required


@blueprint.get("/<slug>/<name>/similar")
@right_required(Right.MARK)
def list_similar(slug: str, name: str) -> AnyResponse:
    """All pairs that were found, the most similar ones first."""
    session = open_course(slug)
    with current_runtime().db.reading() as tx:
        row = get_assignment(tx, slug, name)
        comparison = find_comparison(tx, placement_of(session), row.id)
        mine = (SimilarPairRow.placement_id == placement_of(session), SimilarPairRow.assignment_id == row.id)
        query = select(SimilarPairRow).where(*mine).order_by(SimilarPairRow.percent.desc(), SimilarPairRow.id)
        pairs, learners = tx.scalars(query).all(), learners_of(tx, session)
        groups = list_handed_in(tx, placement_of(session), row.id)
    names = {user_id: person.display_name for user_id, person in learners.items()}
    place: dict[str, Any] = {"slug": slug, "name": name}
    return page(
        "grading/similar.html",
        trail=[(row.title, url_for("grading.list_quiz", **place))],
        quiz={"title": row.title},
        least=LEAST_PERCENT,
        comparison=_show_comparison(comparison),
        compare_url=url_for("grading.compare_similar", **place),
        here_url=url_for("grading.list_similar", **place),
        pairs=[
            {
                "names": [
                    groups[submission_id].say(names) if submission_id in groups else names[user_id]
                    for submission_id, user_id in (
                        (pair.first_id, pair.first_user_id),
                        (pair.second_id, pair.second_user_id),
                    )
                ],
                "percent": pair.percent,
                "url": url_for("grading.show_similar", **place, pair_id=pair.id),
            }
            for pair in pairs
            if pair.first_user_id in learners and pair.second_user_id in learners
        ],
    )


@blueprint.post("/<slug>/<name>/similar/compare")
@right_required(Right.MARK)
def compare_similar(slug: str, name: str) -> AnyResponse:
    """Have the submissions compared now."""
    session = open_course(slug)
    with current_runtime().db.transaction() as tx:
        ask_to_compare(tx, placement_of(session), get_assignment(tx, slug, name).id)
    return redirect(url_for("grading.list_similar", slug=slug, name=name), 303)


@blueprint.get("/<slug>/<name>/similar/<int:pair_id>")
@right_required(Right.MARK)
def show_similar(slug: str, name: str, pair_id: int) -> AnyResponse:
    """Two submissions side by side."""
    session = open_course(slug)
    with current_runtime().db.reading() as tx:
        row, learners = get_assignment(tx, slug, name), learners_of(tx, session)
        pair, submissions = _get_pair(tx, learners, placement_of(session), row.id, pair_id)
        works = read_pair(tx, row, *submissions)
        groups = list_handed_in(tx, placement_of(session), row.id) if any(each.group_id for each in submissions) else {}
    names = {user_id: person.display_name for user_id, person in learners.items()}
    place: dict[str, Any] = {"slug": slug, "name": name}
    titles = {(each["notebook"], each["name"]): each.get("label") for each in row.questions if "name" in each}
    return page(
        "grading/similar_pair.html",
        trail=[
            (row.title, url_for("grading.list_quiz", **place)),
            (_("Similar submissions"), url_for("grading.list_similar", **place)),
        ],
        quiz={"title": row.title},
        percent=pair.percent,
        people=[
            {
                "name": groups[each.id].say(names) if each.id in groups else names[each.user_id],
                "number": each.number,
                "submitted_at": each.submitted_at,
                "url": url_for("grading.show_submission", **place, submission_id=each.id),
            }
            for each in submissions
        ],
        parts=_show_parts(*works, titles),
    )


def _get_pair(
    tx: Tx, learners: dict[int, lti.Person], placement_id: int, assignment_id: int, pair_id: int
) -> tuple[SimilarPairRow, tuple[SubmissionRow, SubmissionRow]]:
    """A pair of learners whom this teacher may see, and both submissions; one query. Raises: NotFound."""
    first, second = aliased(SubmissionRow), aliased(SubmissionRow)
    query = select(SimilarPairRow, first, second).join(first, first.id == SimilarPairRow.first_id)
    query = query.join(second, second.id == SimilarPairRow.second_id).where(SimilarPairRow.id == pair_id)
    mine = (SimilarPairRow.placement_id == placement_id, SimilarPairRow.assignment_id == assignment_id)
    found = tx.execute(query.where(*mine)).one_or_none()
    if found is None or found[1].user_id not in learners or found[2].user_id not in learners:
        message = _("There is no such pair. The submissions may have been compared anew; go back to the list.")
        raise NotFound("pair_not_found", message)
    return found[0], (found[1], found[2])


def _show_comparison(found: Comparison) -> dict[str, Any]:
    row = found.row
    return {
        "is_busy": found.is_busy,
        "has_failed": found.state is JobState.DEAD,
        "at": row.compared_at if row else None,
        "number": row.number if row else 0,
        "too_short": row.too_short if row else 0,
        "left_out": row.left_out if row else 0,
    }


def _show_parts(one: OwnWork, other: OwnWork, titles: dict[tuple[str, str], str | None]) -> list[dict[str, Any]]:
    """Answers of the same name beside each other; then the cells that were added, those of one beside the other's."""
    sides = []
    for work, alike in zip((one, other), match_lines(one, other), strict=True):
        added: dict[str, int] = {}
        shown: dict[tuple[str, str, int], list[dict[str, Any]]] = {}
        for part, lines in zip(work.parts, alike, strict=True):
            number = 0 if part.name else added.get(part.notebook, 0) + 1
            added[part.notebook] = max(number, added.get(part.notebook, 0))
            shown[part.notebook, part.name, number] = _show_lines(part, lines)
        sides.append(shown)
    keys = [*sides[0], *(key for key in sides[1] if key not in sides[0])]
    return [
        {
            "title": titles.get((notebook, name)) or name or _("Added cell %(number)s", number=number),
            "sides": [side.get((notebook, name, number)) for side in sides],
        }
        for notebook, name, number in sorted(keys, key=lambda key: key[2] > 0)
    ]


def _show_lines(part: Part, alike: set[int]) -> list[dict[str, Any]]:
    return [
        {"text": line.text, "kind": "alike" if number in alike else "given" if line.is_given else "own"}
        for number, line in enumerate(part.lines)
    ]
