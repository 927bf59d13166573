"""The pages on which written answers are marked by hand, one at a time."""

from dataclasses import replace

from flask import Response, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from grading.access import placement_of
from grading.blueprint import blueprint
from grading.engine.hand_marks import Busy, CellRef, Changed
from grading.hand_marking import (
    By,
    Desk,
    Paper,
    Sheet,
    Spot,
    hide_names,
    load_sheet,
    open_answers,
    open_marks,
    set_desk,
)
from grading.hand_marking import save_mark as put_mark
from grading.hand_marking_forms import MarkForm, Problems, check_form, read_form, read_lines
from grading.hand_marking_pages import Look, answer_context, desk_context, spot_url
from grading.rubrics import RubricLine, change_rubric, load_rubric
from lti_tool.kernel.errors import Conflict, NotFound
from lti_tool.kernel.permissions import Right
from lti_tool.web.render import page
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import open_course, right_required

ADDRESS = "/<slug>/<name>/by-hand/<notebook>/<cell>/<int:submission_id>"
BUSY = "Somebody else is writing into the gradebook. Nothing was changed. Wait a few seconds and try again."


@blueprint.get("/<slug>/<name>/by-hand")
@right_required(Right.MARK)
def list_by_hand(slug: str, name: str) -> AnyResponse:
    """The questions of a quiz and how many answers are left."""
    _sheet, desk = _lay_out(slug, name)
    return page("grading/by_hand.html", done="done" in request.args, **desk_context(desk))


@blueprint.post("/<slug>/<name>/by-hand/names")
@right_required(Right.MARK)
def switch_names(slug: str, name: str) -> AnyResponse:
    """Hide names from those who mark this quiz, or show them."""
    session = open_course(slug)
    with current_runtime().db.transaction() as tx:
        hide_names(tx, load_sheet(tx, slug, name, placement_of(session)), request.form.get("hide") == "1")
    return redirect(url_for("grading.list_by_hand", slug=slug, name=name), 303)


@blueprint.get("/<slug>/<name>/by-hand/submissions/<int:submission_id>")
@right_required(Right.MARK)
def mark_submission(slug: str, name: str, submission_id: int) -> AnyResponse:
    """To what is left to mark in one submission."""
    sheet, desk = _lay_out(slug, name)
    paper, _moved = _find_paper(sheet, desk, submission_id)
    spots = [spot for spot in desk.sequence("learner") if spot.submission_id == paper.submission_id]
    first = next((spot for spot in spots if spot in desk.waiting), next(iter(spots), None))
    url = spot_url(desk, first, "learner") or url_for("grading.list_by_hand", slug=slug, name=name)
    return redirect(url, 303)


@blueprint.get(ADDRESS)
@right_required(Right.MARK)
def show_answer(slug: str, name: str, notebook: str, cell: str, submission_id: int) -> AnyResponse:
    """One answer with its mark."""
    look = _look(slug, name, CellRef(notebook, cell), submission_id)
    said = _("Saved") if "saved" in request.args else None
    return _answer_page(look, MarkForm.of(look.mark, look.items), said=said)


@blueprint.post(ADDRESS)
@right_required(Right.MARK)
def save_answer(slug: str, name: str, notebook: str, cell: str, submission_id: int) -> AnyResponse:
    """Save the mark and go on to the next answer; or change the rubric and stay."""
    look = _look(slug, name, CellRef(notebook, cell), submission_id)
    sent = read_form(request.form, look.items, look.question.max_score)
    new, problems = check_form(sent, look.question.max_score, look.mark.manual_score)
    lines, wrong_lines = read_lines(request.form)
    rubric_only = request.form.get("do") == "rubric"
    if wrong_lines or (problems and not rubric_only):
        rubric_open = bool(wrong_lines)
        return _answer_page(look, sent, status=422, problems=[*problems, *wrong_lines], rubric_open=rubric_open)
    if look.has_moved:
        return _answer_page(look, sent, status=409)
    refused = _change_rubric(look, lines)
    if refused:
        return _answer_page(_with_rubric(look), sent, status=409, problems=refused, rubric_open=True)
    if rubric_only:
        return _answer_page(_with_rubric(look), sent, said=_("Rubric saved"), rubric_open=True)
    try:
        put_mark(current_runtime(), look.desk.sheet, look.question, look.paper, sent.version, new, sent.chosen)
    except Changed:
        return _answer_page(_look(slug, name, look.question.ref, submission_id), sent, status=409, conflict=True)
    except Busy:
        return _answer_page(look, sent, status=503, problems=[("points", _(BUSY))])
    onwards = spot_url(look.desk, look.desk.find_next_waiting(look.by, look.spot), look.by, saved=1)
    return redirect(onwards or url_for("grading.list_by_hand", slug=slug, name=name, done=1), 303)


def _lay_out(slug: str, name: str) -> tuple[Sheet, Desk]:
    session, runtime = open_course(slug), current_runtime()
    with runtime.db.reading() as tx:
        sheet = load_sheet(tx, slug, name, placement_of(session))
    try:
        return sheet, set_desk(runtime.settings, sheet)
    except Busy as error:
        raise Conflict("gradebook_busy", _(BUSY)) from error


def _look(slug: str, name: str, ref: CellRef, submission_id: int) -> Look:
    """Raises: NotFound, Conflict."""
    runtime = current_runtime()
    sheet, desk = _lay_out(slug, name)
    question = desk.find_question(ref)
    paper, has_moved = _find_paper(sheet, desk, submission_id)
    if question is None or Spot(ref, paper.submission_id) not in desk.there:
        raise NotFound("answer_not_found", _("There is no such question in this quiz."))
    answer = open_answers(runtime.settings, sheet).read(paper.hub_name, ref, paper.submitted_at)
    try:
        mark = open_marks(runtime.settings, sheet).find(paper.hub_name, ref, answer.comment_at)
    except Busy as error:
        raise Conflict("gradebook_busy", _(BUSY)) from error
    if mark is None or mark.submitted_at != paper.submitted_at:
        raise Conflict("answer_changed", _("This answer is being marked anew just now. Load the page again."))
    with runtime.db.reading() as tx:
        items = load_rubric(tx, sheet.rubric_of(ref), paper.user_id)
    by: By = "learner" if request.args.get("by") == "learner" else "question"
    return Look(desk, question, paper, by, mark, answer, items, has_moved)


def _find_paper(sheet: Sheet, desk: Desk, submission_id: int) -> tuple[Paper, bool]:
    """The attempt in the gradebook of whoever handed this one in, and whether it is another. Raises: NotFound."""
    found = desk.find_paper(submission_id)
    if found is not None:
        return found, False
    owner = next((name for name, rows in sheet.attempts.items() if any(row[0] == submission_id for row in rows)), None)
    newer = next((paper for paper in desk.papers if paper.hub_name == owner), None)
    if newer is None:
        raise NotFound("submission_not_found", _("There is no such submission in your course, or it has no marks yet."))
    return newer, True


def _change_rubric(look: Look, lines: list[RubricLine]) -> Problems:
    """Why it could not be changed; empty: it is."""
    if not lines:
        return []
    try:
        with current_runtime().db.transaction() as tx:
            change_rubric(tx, look.desk.sheet.rubric_of(look.question.ref), lines)
    except Conflict as error:
        return [("rubric", error.message)]
    return []


def _with_rubric(look: Look) -> Look:
    """The same with the rubric as it is now."""
    with current_runtime().db.reading() as tx:
        items = load_rubric(tx, look.desk.sheet.rubric_of(look.question.ref), look.paper.user_id)
    return replace(look, items=items)


def _answer_page(
    look: Look,
    form: MarkForm,
    *,
    status: int = 200,
    problems: Problems | None = None,
    conflict: bool = False,
    said: str | None = None,
    rubric_open: bool = False,
) -> Response:
    context = answer_context(look, form, problems=problems or [], conflict=conflict, said=said, rubric_open=rubric_open)
    return page("grading/by_hand_answer.html", status=status, **context)
