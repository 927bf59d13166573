"""Marking again: begin a run, watch it, look at its preview, apply it or drop it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from grading.access import placement_of
from grading.assignments import get_assignment
from grading.blueprint import blueprint
from grading.extensions import load_class_terms
from grading.models import AssignmentRow, Counts
from grading.remarking import (
    Which,
    apply_run,
    count_states,
    drop_run,
    find_open,
    get_run,
    list_markable,
    list_past,
    repeat_run,
    resume_run,
    start_run,
)
from grading.remarking_pages import load_preview, place_of, progress_context, run_context, show_run
from grading.remarking_rows import RemarkRow, RunState
from grading.staff_pages import get_submission, learners_of
from lti_tool.kernel.audit import Actor, Via
from lti_tool.kernel.crashpoints import reach
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import AppError
from lti_tool.kernel.permissions import Right
from lti_tool.lti import public as lti
from lti_tool.web.render import page
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import SignedIn, open_course, right_required

AT_WORK = (RunState.MARKING, RunState.APPLYING)


@blueprint.get("/<slug>/<name>/remark")
@right_required(Right.MARK)
def begin_remark(slug: str, name: str) -> AnyResponse:
    """What to mark again; the run that is open, if there is one."""
    return _begin_page(open_course(slug), name)


@blueprint.post("/<slug>/<name>/remark")
@right_required(Right.MARK)
def start_remark(slug: str, name: str) -> AnyResponse:
    """Begin."""
    session = open_course(slug)
    try:
        with current_runtime().db.transaction() as tx:
            row = get_assignment(tx, slug, name)
            run_id = start_run(tx, placement_of(session), row, _read_choice(tx, session, row), _actor(session))
    except AppError as error:
        return _begin_page(session, name, error)
    reach("remark.begun")
    return redirect(url_for("grading.show_remark", slug=slug, name=name, remark_id=run_id), 303)


@blueprint.get("/<slug>/<name>/remark/<int:remark_id>")
@right_required(Right.MARK)
def show_remark(slug: str, name: str, remark_id: int) -> AnyResponse:
    """How far it is; then whose score changes by how much; then what came of it."""
    session = open_course(slug)
    with current_runtime().db.reading() as tx:
        terms = load_class_terms(tx, slug, name, placement_of(session))
        run = get_run(tx, placement_of(session), terms.row.id, remark_id)
        if run.state in AT_WORK:
            return page("grading/remark_run.html", preview=None, **_shared(tx, terms.row, run))
        preview = load_preview(tx, run, terms, learners_of(tx, session))
    number = request.args.get("page", "1")
    is_number = number.isascii() and number.isdecimal() and len(number) < 6
    context = run_context(preview, request.args.get("show"), int(number) if is_number else 1)
    return page("grading/remark_run.html", preview=context, progress=None, **_addresses(terms.row, run))


@blueprint.get("/<slug>/<name>/remark/<int:remark_id>/status")
@right_required(Right.MARK)
def show_remark_status(slug: str, name: str, remark_id: int) -> AnyResponse:
    """How far it is, asked for again and again."""
    session = open_course(slug)
    with current_runtime().db.reading() as tx:
        row = get_assignment(tx, slug, name)
        run = get_run(tx, placement_of(session), row.id, remark_id)
        context = _shared(tx, row, run)
    answer = page("grading/_remark_progress.html", **context)
    if run.state not in AT_WORK or run.stopped:
        answer.headers["HX-Refresh"] = "true"
    return answer


@blueprint.post("/<slug>/<name>/remark/<int:remark_id>/apply")
@right_required(Right.MARK)
def apply_remark_view(slug: str, name: str, remark_id: int) -> AnyResponse:
    """Give the attempts that are ticked their new marks, or all of them."""
    picked = None if request.form.get("all") else [int(each) for each in request.form.getlist("pick") if _is_id(each)]
    with _changing(slug, name, remark_id) as (tx, session, row, run):
        if run.state is not RunState.APPLYING:  # else a second click
            apply_run(tx, run, row, picked, _actor(session))
    return redirect(url_for("grading.show_remark", slug=slug, name=name, remark_id=remark_id), 303)


@blueprint.post("/<slug>/<name>/remark/<int:remark_id>/drop")
@right_required(Right.MARK)
def drop_remark(slug: str, name: str, remark_id: int) -> AnyResponse:
    """Leave what was not applied as it is."""
    with _changing(slug, name, remark_id) as (tx, session, row, run):
        if run.state.is_open:
            drop_run(tx, run, row, _actor(session))
    return redirect(url_for("grading.show_remark", slug=slug, name=name, remark_id=remark_id), 303)


@blueprint.post("/<slug>/<name>/remark/<int:remark_id>/resume")
@right_required(Right.MARK)
def resume_remark(slug: str, name: str, remark_id: int) -> AnyResponse:
    """Go on after it has stopped."""
    with _changing(slug, name, remark_id) as (tx, _session, _row, run):
        resume_run(tx, run)
    return redirect(url_for("grading.show_remark", slug=slug, name=name, remark_id=remark_id), 303)


@blueprint.post("/<slug>/<name>/remark/<int:remark_id>/repeat")
@right_required(Right.MARK)
def repeat_remark(slug: str, name: str, remark_id: int) -> AnyResponse:
    """Mark once more what failed or does not hold any more."""
    with _changing(slug, name, remark_id) as (tx, _session, _row, run):
        if run.state is not RunState.MARKING:
            repeat_run(tx, run)
    return redirect(url_for("grading.show_remark", slug=slug, name=name, remark_id=remark_id), 303)


def _begin_page(session: SignedIn, name: str, error: AppError | None = None) -> AnyResponse:
    slug = session.course_slug or ""
    with current_runtime().db.reading() as tx:
        row, placement_id = get_assignment(tx, slug, name), placement_of(session)
        run = find_open(tx, placement_id, row.id)
        if run is not None and error is None:
            return redirect(url_for("grading.show_remark", **place_of(row, run)), 303)
        learners, past = list(learners_of(tx, session).values()), list_past(tx, placement_id, row.id)
    return page(
        "grading/remark.html",
        status=error.status if error else 200,
        trail=[(row.title, url_for("grading.list_quiz", **place_of(row)))],
        quiz={"title": row.title},
        error=error.message if error else None,
        which=request.form.get("which", "newest" if row.counts is Counts.LAST else "all"),
        learners=[(person.id, _name(person), str(person.id) in request.form.getlist("who")) for person in learners],
        start_url=url_for("grading.start_remark", **place_of(row)),
        open_url=url_for("grading.show_remark", **place_of(row, run)) if run else None,
        past=[
            show_run(each) | {"attempts": number, "applied": done, "url": _run_url(row, each)}
            for each, number, done in past
        ],
    )


def _read_choice(tx: Tx, session: SignedIn, row: AssignmentRow) -> list[tuple[int, int]]:
    """(submission id, user id) of what was asked for: one submission, or those of some learners, or of all."""
    number = request.form.get("submission", "")
    if _is_id(number):
        found = get_submission(tx, session, row, int(number)).row
        return [] if found.state.is_busy else [(found.id, found.user_id)]
    learners = set(learners_of(tx, session))
    picked = {int(each) for each in request.form.getlist("who") if _is_id(each)}
    text = request.form.get("which", "")
    which = Which(text) if text in [each.value for each in Which] else Which.NEWEST
    return list_markable(tx, placement_of(session), row.id, learners & picked if picked else learners, which)


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10


def _name(person: lti.Person) -> str:
    return str(_("%(name)s (test student)", name=person.display_name)) if person.is_test else person.display_name


def _actor(session: SignedIn) -> Actor:
    return Actor(f"{session.display_name} ({session.platform_name})", Via.COURSE, session.user_id)


def _run_url(row: AssignmentRow, run: RemarkRow) -> str:
    return url_for("grading.show_remark", **place_of(row, run))


def _shared(tx: Tx, row: AssignmentRow, run: RemarkRow) -> dict[str, Any]:
    """What a run at work shows."""
    return _addresses(row, run) | {"progress": progress_context(run, count_states(tx, run.id))}


def _addresses(row: AssignmentRow, run: RemarkRow) -> dict[str, Any]:
    place = place_of(row, run)
    return {
        "trail": [(row.title, url_for("grading.list_quiz", **place_of(row)))],
        "quiz": {"title": row.title},
        "run": show_run(run),
        "here_url": url_for("grading.show_remark", **place),
        "status_url": url_for("grading.show_remark_status", **place),
        "apply_url": url_for("grading.apply_remark_view", **place),
        "drop_url": url_for("grading.drop_remark", **place),
        "resume_url": url_for("grading.resume_remark", **place),
        "repeat_url": url_for("grading.repeat_remark", **place),
        "begin_url": url_for("grading.begin_remark", **place_of(row)),
    }


@contextmanager
def _changing(slug: str, name: str, remark_id: int) -> Iterator[tuple[Tx, SignedIn, AssignmentRow, RemarkRow]]:
    session = open_course(slug)
    with current_runtime().db.transaction() as tx:
        row = get_assignment(tx, slug, name)
        yield tx, session, row, get_run(tx, placement_of(session), row.id, remark_id, lock=True)
