"""The learner's pages: the quiz, handing in, the state of the newest attempt, feedback."""

import hashlib
from typing import Any

from flask import Response, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from grading.access import get_placement, learner_of, placement_of
from grading.assignments import get_assignment
from grading.blueprint import blueprint
from grading.drafts import draft_files
from grading.extensions import load_terms
from grading.filesets import Files, load_files
from grading.group_pages import show_group
from grading.hub_tickets import Ticket, work_path
from grading.hub_views import go_to_hub
from grading.models import SubmissionRow
from grading.observed import find_observed, observed_context, read_learner
from grading.pages import own_feedback_url, quiz_context, show_attempt, show_questions, status_context
from grading.passback import list_passbacks
from grading.quiz_reading import ReadQuiz, read_quiz
from grading.submissions import (
    Learner,
    Submitter,
    get_attempt,
    list_named,
    make_snapshot,
    pick_attempt,
    same_click_id,
    store_submission,
    upload_as_files,
)
from grading.surroundings import find_place, find_surroundings, find_write_url
from grading.terms_pages import say_which_counts
from lti_tool.kernel import clock
from lti_tool.kernel.crashpoints import reach
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import AppError, Forbidden, NotFound
from lti_tool.kernel.permissions import Right, Role
from lti_tool.lti import public as lti
from lti_tool.web.kept import kept_page
from lti_tool.web.render import page
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import SignedIn, open_course

FRAME_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"


@blueprint.get("/<slug>/<name>")
def show_quiz(slug: str, name: str) -> AnyResponse:
    """The quiz; teachers are taken to its submissions unless they ask to see it."""
    session = open_course(slug)
    if Right.MARK in session.rights and "as" not in request.args:
        return redirect(url_for("grading.list_quiz", slug=slug, name=name), 303)
    return quiz_page(session, slug, name)


@blueprint.get("/<slug>/<name>/status")
def show_status(slug: str, name: str) -> Response:
    """The newest attempt alone, asked for again and again while it is marked."""
    session = open_course(slug)
    with current_runtime().db.reading() as tx:
        who = read_learner(tx, session)
        row, terms = load_terms(tx, slug, name, who)
        attempts, names = list_named(tx, row.id, who)
        if not attempts:
            raise NotFound("submission_not_found", _("You have not handed in anything yet."))
        deliveries = list_passbacks(tx, who.placement_id, row.id, [who.user_id]).get(who.user_id, [])
        context = status_context(tx, session, row, terms, attempts, deliveries, names.get(attempts[0].id))
    return page("grading/_attempt_status.html", quiz={"title": row.title}, **context)


@blueprint.post("/<slug>/<name>/submit")
def submit_draft(slug: str, name: str) -> AnyResponse:
    """Hand in what Jupyter saved last."""
    session = open_course(slug)
    with current_runtime().db.reading() as tx:
        files = draft_files(tx, get_assignment(tx, slug, name).id, learner_of(session))
    return _submit(session, slug, name, files)


@blueprint.post("/<slug>/<name>/upload")
def submit_upload(slug: str, name: str) -> AnyResponse:
    """Hand in a notebook file."""
    session = open_course(slug)
    upload = request.files.get("notebook")
    if upload is None or not upload.filename:
        return quiz_page(session, slug, name, error=_("Choose a notebook file first."), status=422)
    with current_runtime().db.reading() as tx:
        row = get_assignment(tx, slug, name)
    try:
        files = upload_as_files(row, upload.filename, upload.read())
    except AppError as error:
        return quiz_page(session, slug, name, error=error.message, status=error.status)
    return _submit(session, slug, name, files)


@blueprint.post("/<slug>/<name>/open")
def open_in_hub(slug: str, name: str) -> AnyResponse:
    """To JupyterHub, signed in, on one's own copy of the quiz."""
    session = open_course(slug)
    refuse_observers(session)
    with current_runtime().db.reading() as tx:
        row = get_assignment(tx, slug, name)
        next_path = work_path(get_placement(tx, session).key, row.name)
    return go_to_hub(Ticket(session.hub_name, next_path))


@blueprint.get("/<slug>/<name>/attempts/<int:number>/feedback")
def show_feedback(slug: str, name: str, number: int) -> Response:
    """What one of the learner's own attempts got."""
    session = open_course(slug)
    with current_runtime().db.reading() as tx:
        who = read_learner(tx, session)
        row, terms = load_terms(tx, slug, name, who)
        attempts, names = list_named(tx, row.id, who)
        attempt = _with_marks(pick_attempt(attempts, number))
    place = find_surroundings(slug, name)
    trail = [(place.course_title, place.course_url)] if place else []
    trail.append((row.title, url_for("grading.show_quiz", slug=slug, name=name)))
    questions, total = show_questions(attempt, terms)
    frame: dict[str, Any] = {"slug": slug, "name": name, "number": number}
    return page(
        "grading/feedback.html",
        trail=trail,
        quiz={"title": row.title},
        attempt=show_attempt(attempt, terms, [], feedback_url=None, ahead=None, by=names.get(attempt.id)),
        which_counts=say_which_counts(terms, attempts, attempt),
        questions=questions,
        total=total,
        notebooks=show_notebooks(attempt, "grading.show_marked_notebook", frame, downloads=True),
    )


@blueprint.get("/<slug>/<name>/attempts/<int:number>/feedback/<path:path>")
def show_marked_notebook(slug: str, name: str, number: int, path: str) -> Response:
    """One marked notebook of the learner's own."""
    session = open_course(slug)
    with current_runtime().db.reading() as tx:
        row = get_assignment(tx, slug, name)
        attempt = _with_marks(get_attempt(tx, row.id, read_learner(tx, session), number))
        return marked_html(tx, attempt, path)


def quiz_page(session: SignedIn, slug: str, name: str, *, error: str | None = None, status: int = 200) -> Response:
    """The quiz as one person sees it, with a refusal if there was one."""
    db = current_runtime().db
    attempts: list[SubmissionRow] = []
    deliveries: list[lti.Entry] = []
    newest: dict[str, Any] = {}
    names: dict[int, str] = {}
    observed = _observed_by(session)
    who = Learner(placement_of(session), observed.user_id) if observed else learner_of(session)
    read = read_quiz(db, slug, name, who)
    if error is None and _is_untouched(session, read):
        return _untouched_page(session, slug, name, read)
    row, terms, draft = read.row, read.terms, None if observed else read.draft
    if read.has_attempts:
        with db.reading() as tx:
            attempts, names = list_named(tx, row.id, who)
            deliveries = list_passbacks(tx, who.placement_id, row.id, [who.user_id]).get(who.user_id, [])
            newest = status_context(tx, session, row, terms, attempts, deliveries, names.get(attempts[0].id))
    context = quiz_context(session, row, terms, attempts, read.group.used if read.group else 0)
    where: dict[str, Any] = {"slug": slug, "name": name}
    context |= observed_context(observed, "grading.show_quiz", where)
    shown = [
        show_attempt(past, terms, [], feedback_url=own_feedback_url(row, past), ahead=None, by=names.get(past.id))
        for past in attempts[1:]
    ]
    return page(
        "grading/quiz.html",
        status=status,
        draft=draft,
        group=show_group(read, attempts),
        error=error,
        here_url=url_for("grading.show_quiz", **(where | request.args.to_dict())) if request.method == "GET" else None,
        place=find_surroundings(slug, name),
        write_url=find_write_url(slug, name, session.rights),
        version=_version(read, attempts, deliveries),
        hub_url=url_for("grading.open_in_hub", **where),
        submit_url=url_for("grading.submit_draft", **where),
        upload_url=url_for("grading.submit_upload", **where),
        newest=newest.pop("attempt", None),
        earlier=shown,
        **context,
        **newest,
    )


def _is_untouched(session: SignedIn, read: ReadQuiz) -> bool:
    """Is it the page of a learner who has not begun? It is the same for all of them."""
    is_plain = request.method == "GET" and not request.query_string
    has_begun = read.has_attempts or read.draft is not None or read.group is not None
    return is_plain and session.role.is_learner and session.deep_linking is None and not has_begun


def _untouched_page(session: SignedIn, slug: str, name: str, read: ReadQuiz) -> Response:
    place = find_place(slug, name)
    where: dict[str, Any] = {"slug": slug, "name": name}

    def make_context() -> dict[str, Any]:
        return {
            **quiz_context(session, read.row, read.terms, []),
            **observed_context(None, "grading.show_quiz", where),
            "draft": None,
            "group": show_group(read, []),
            "error": None,
            "here_url": url_for("grading.show_quiz", **where),
            "place": place and place.below(request.script_root),
            "write_url": None,
            "version": _version(read, [], []),
            "hub_url": url_for("grading.open_in_hub", **where),
            "submit_url": url_for("grading.submit_draft", **where),
            "upload_url": url_for("grading.submit_upload", **where),
            "newest": None,
            "earlier": [],
        }

    is_closed = read.terms.is_closed(clock.now())
    of = (read.content, read.terms, is_closed, read.is_group_work, place)
    return kept_page("grading/quiz.html", of, make_context)


def _observed_by(session: SignedIn) -> lti.Observed | None:
    if session.role is not Role.OBSERVER:
        return None
    with current_runtime().db.reading() as tx:
        return find_observed(tx, session)


def _version(read: ReadQuiz, attempts: list[SubmissionRow], deliveries: list[lti.Entry]) -> str:
    """A text that is another one when the page has news."""
    told: list[object] = [read.terms, read.group, read.draft and read.draft.saved_at]
    told += [(row.number, row.shown_state, row.points) for row in attempts]
    told += [(row.state, row.version, row.changed_at) for row in deliveries]
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def refuse_observers(session: SignedIn) -> None:
    """An observer (a parent, say) reads, and has no notebook of their own."""
    if session.role is Role.OBSERVER:
        message = _("You are here as an observer: you see the work of the learner whom you follow and change nothing.")
        raise Forbidden("observer_refused", message)


def show_notebooks(
    row: SubmissionRow, endpoint: str, place: dict[str, Any], *, downloads: bool
) -> list[dict[str, Any]]:
    """The marked notebooks of an attempt for a template."""
    return [
        {
            "name": entry["path"].removesuffix(".html"),
            "frame_url": url_for(endpoint, **place, path=entry["path"]),
            "download_url": url_for(endpoint, **place, path=entry["path"], download=1) if downloads else None,
        }
        for entry in row.feedback or []
    ]


def marked_html(tx: Tx, row: SubmissionRow, path: str) -> Response:
    """A learner's HTML, in a sandbox of its own: it can run nothing and reach nothing. Raises: NotFound."""
    listing = [entry for entry in row.feedback or [] if entry["path"] == path]
    if not listing:
        raise NotFound("feedback_not_found", _("There is no marked notebook of that name."))
    response = Response(load_files(tx, listing)[path], content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = FRAME_POLICY
    response.headers["Cache-Control"] = "private, no-store"
    if "download" in request.args:
        response.headers.set("Content-Disposition", "attachment", filename=path.rsplit("/", 1)[-1])
    return response


@blueprint.get("/<slug>/<name>/attempts/<int:number>/files/<path:path>")
def download_own_file(slug: str, name: str, number: int, path: str) -> Response:
    """A file of one of the learner's own attempts as it was handed in, by whomever of the group."""
    session = open_course(slug)
    with current_runtime().db.reading() as tx:
        attempt = get_attempt(tx, get_assignment(tx, slug, name).id, read_learner(tx, session), number)
        return file_of(tx, attempt, path)


def file_of(tx: Tx, row: SubmissionRow, path: str) -> Response:
    """A file as it was submitted; never shown, only saved. Raises: NotFound."""
    listing = [entry for entry in row.files if entry["path"] == path]
    if not listing:
        raise NotFound("file_not_found", _("There is no file of that name in this submission."))
    content = load_files(tx, listing)[path]
    response = Response(content, content_type="application/octet-stream", headers={"Cache-Control": "no-store"})
    response.headers.set("Content-Disposition", "attachment", filename=path.rsplit("/", 1)[-1])
    return response


def _submit(session: SignedIn, slug: str, name: str, files: Files) -> AnyResponse:
    if not session.role.is_learner:
        raise Forbidden("role_refused", _("Only learners hand in."))
    runtime, who = current_runtime(), Submitter(placement_of(session), session.user_id, session.hub_name)
    limit = runtime.settings.grading.max_submission_bytes
    try:
        snapshot = make_snapshot(files, limit)
        with runtime.db.transaction() as tx:
            row = get_assignment(tx, slug, name)
            request_id = request.form.get("request_id") or same_click_id(tx, row, who, files)
            store_submission(tx, row, who, snapshot, via="page", request_id=request_id)
    except AppError as error:
        return quiz_page(session, slug, name, error=error.message, status=error.status)
    reach("submit.committed")
    return redirect(url_for("grading.show_quiz", slug=slug, name=name), 303)


def _with_marks(attempt: SubmissionRow) -> SubmissionRow:
    if attempt.marks is None or attempt.is_held:
        raise NotFound(
            "feedback_not_found", _("There is no feedback yet. It is here as soon as the attempt is marked.")
        )
    return attempt
