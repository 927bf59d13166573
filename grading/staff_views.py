"""The teacher's pages: all submissions, one submission, marking by hand, trying again."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Response, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from grading.access import get_placement, placement_of
from grading.assignments import get_assignment, list_assignments
from grading.blueprint import blueprint
from grading.conditions_pages import notice_of
from grading.extensions import load_class_terms
from grading.gradebooks import require_gradebook
from grading.holding import decide
from grading.hub_tickets import Ticket, formgrader_path
from grading.hub_views import go_to_hub
from grading.marking import mark_again
from grading.models import AssignmentRow, Decision, SubmissionRow, SubmissionState
from grading.pack_views import pack_context
from grading.packs import find_pack
from grading.pages import Attempt, show_attempt, show_questions
from grading.passback import compare_with_lms, list_passbacks, send_again, send_all_again
from grading.results import settle_submission
from grading.staff_pages import (
    TABS,
    export_csv,
    get_submission,
    history_of,
    learners_of,
    load_class,
    overview_rows,
    show_extension,
    show_members,
    submissions_context,
)
from grading.submissions import Learner, list_owners, list_submissions
from grading.surroundings import find_write_url
from grading.terms_pages import say_which_counts, show_terms
from grading.views import file_of, marked_html, show_notebooks
from lti_tool.kernel.audit import Actor, Via
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import NotFound
from lti_tool.kernel.permissions import Right
from lti_tool.lti import public as lti
from lti_tool.web.render import page
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import SignedIn, open_course, right_required


@blueprint.get("/<slug>")
@right_required(Right.MARK)
def list_course(slug: str) -> AnyResponse:
    """All quizzes of the course with their numbers."""
    session = open_course(slug)
    with current_runtime().db.reading() as tx:
        rows = list_assignments(tx, slug)
        lines = overview_rows(tx, session, rows) if rows else []
        pack = pack_context(slug, find_pack(tx, placement_of(session)))
    export_url = url_for("grading.export_gradebook", slug=slug)
    return page("grading/overview.html", quizzes=lines, export_url=export_url, pack=pack)


@blueprint.get("/<slug>/<name>/submissions")
@right_required(Right.MARK)
def list_quiz(slug: str, name: str) -> AnyResponse:
    """The submissions of one quiz."""
    session = open_course(slug)
    shown, number = request.args.get("show", "all"), request.args.get("page", "1")
    is_number = number.isascii() and number.isdecimal() and len(number) < 6
    with current_runtime().db.reading() as tx:
        group = load_class(tx, session, load_class_terms(tx, slug, name, placement_of(session)))
        reach = lti.find_reach(tx, session.registration_id)
        notice = notice_of(current_runtime().settings, group.terms.row, group.terms.environment)
    context = submissions_context(session, group, shown if shown in TABS else "all", int(number) if is_number else 1)
    down = None if reach is None or reach.is_reachable else reach
    context |= {"write_url": find_write_url(slug, name, session.rights)}
    return page("grading/submissions.html", platform=session.platform_name, down=down, notice=notice, **context)


@blueprint.get("/<slug>/<name>/submissions.csv")
@right_required(Right.MARK)
def export_submissions(slug: str, name: str) -> AnyResponse:
    """The same as a file."""
    session = open_course(slug)
    with current_runtime().db.reading() as tx:
        text = export_csv(load_class(tx, session, load_class_terms(tx, slug, name, placement_of(session))))
    response = Response(text, content_type="text/csv; charset=utf-8", headers={"Cache-Control": "no-store"})
    response.headers.set("Content-Disposition", "attachment", filename=f"{slug}-{name}.csv")
    return response


@blueprint.get("/<slug>/<name>/learners/<int:user_id>")
@right_required(Right.MARK)
def show_learner(slug: str, name: str, user_id: int) -> AnyResponse:
    """The newest attempt of one learner: where the LMS's own marking page leads."""
    session = open_course(slug)
    with current_runtime().db.reading() as tx:
        row = get_assignment(tx, slug, name)
        learner = learners_of(tx, session).get(user_id)
        if learner is None:
            raise NotFound("learner_not_found", _("There is no such learner in your course."))
        attempts = list_submissions(tx, row.id, Learner(placement_of(session), user_id))
    if attempts:
        place: dict[str, Any] = {"slug": slug, "name": name, "submission_id": attempts[0].id}
        return redirect(url_for("grading.show_submission", **place), 303)
    return page(
        "errors/error.html",
        title=_("Nothing handed in yet"),
        message=_("%(name)s has not handed in anything for %(quiz)s.", name=learner.display_name, quiz=row.title),
    )


@blueprint.get("/<slug>/<name>/submissions/<int:submission_id>")
@right_required(Right.MARK)
def show_submission(slug: str, name: str, submission_id: int) -> AnyResponse:
    """One submission."""
    session = open_course(slug)
    with current_runtime().db.reading() as tx:
        everybody = load_class_terms(tx, slug, name, placement_of(session))
        row = everybody.row
        theirs = get_submission(tx, session, row, submission_id)
        found, ids = theirs.row, [person.id for person in theirs.members]
        deliveries = [each for some in list_passbacks(tx, found.placement_id, row.id, ids).values() for each in some]
        history = history_of(tx, found, session.platform_name)
    terms = everybody.of(found.user_id)
    attempt = show_attempt(found, terms, deliveries, feedback_url=None, ahead=None, to_staff=True)
    questions, total = show_questions(found, terms)
    place: dict[str, Any] = {"slug": slug, "name": name, "submission_id": submission_id}
    return page(
        "grading/submission.html",
        trail=[(row.title, url_for("grading.list_quiz", slug=slug, name=name))],
        quiz={"title": row.title},
        learner={"name": theirs.name},
        student=found.hub_name,
        members=show_members(session, everybody, found, theirs.members),
        terms=show_terms(terms) | {"due": terms.due_at},
        which_counts=say_which_counts(terms, theirs.attempts, found),
        extension=show_extension(session, everybody, found.user_id),
        platform=session.platform_name,
        attempt=attempt,
        attempts=_tabs(row, theirs.attempts, found),
        questions=questions,
        total=total,
        notebooks=show_notebooks(found, "grading.show_submission_notebook", place, downloads=False),
        files=_files(found, place),
        history=history,
        **_actions(found, attempt, theirs.attempts[0], place),
    )


@blueprint.get("/<slug>/<name>/submissions/<int:submission_id>/feedback/<path:path>")
@right_required(Right.MARK)
def show_submission_notebook(slug: str, name: str, submission_id: int, path: str) -> AnyResponse:
    """A marked notebook of a learner."""
    session = open_course(slug)
    with current_runtime().db.reading() as tx:
        found = get_submission(tx, session, get_assignment(tx, slug, name), submission_id).row
        return marked_html(tx, found, path)


@blueprint.get("/<slug>/<name>/submissions/<int:submission_id>/files/<path:path>")
@right_required(Right.MARK)
def download_file(slug: str, name: str, submission_id: int, path: str) -> AnyResponse:
    """A file as it was submitted; never shown, only saved."""
    session = open_course(slug)
    with current_runtime().db.reading() as tx:
        found = get_submission(tx, session, get_assignment(tx, slug, name), submission_id).row
        return file_of(tx, found, path)


@blueprint.post("/<slug>/<name>/submissions/<int:submission_id>/mark-again")
@right_required(Right.MARK)
def mark_submission_again(slug: str, name: str, submission_id: int) -> AnyResponse:
    """Put it in line for marking once more."""
    with _changing(slug, name, submission_id) as (tx, _row, found):
        mark_again(tx, found)
    return redirect(url_for("grading.show_submission", slug=slug, name=name, submission_id=submission_id), 303)


@blueprint.post("/<slug>/<name>/submissions/<int:submission_id>/decide/<any(accept,zero):what>")
@right_required(Right.MARK)
def decide_submission(slug: str, name: str, submission_id: int, what: str) -> AnyResponse:
    """Let a submission that was held count, with its points or with none."""
    session = open_course(slug)
    by = Actor(f"{session.display_name} ({session.platform_name})", Via.COURSE, session.user_id)
    with _changing(slug, name, submission_id) as (tx, row, found):
        decide(tx, row, found, Decision.ACCEPTED if what == "accept" else Decision.ZEROED, by)
        tx.flush()
        settle_submission(tx, found)
    return redirect(url_for("grading.show_submission", slug=slug, name=name, submission_id=submission_id), 303)


@blueprint.post("/<slug>/<name>/submissions/<int:submission_id>/send-again")
@right_required(Right.SEND_GRADES)
def send_submission_again(slug: str, name: str, submission_id: int) -> AnyResponse:
    """Try once more to send the grade, to every link that does not have it."""
    with _changing(slug, name, submission_id) as (tx, row, found):
        for who in list_owners(tx, found):
            send_again(tx, found.placement_id, row.id, who.user_id)
    return redirect(url_for("grading.show_submission", slug=slug, name=name, submission_id=submission_id), 303)


@blueprint.post("/<slug>/<name>/send-all")
@right_required(Right.SEND_GRADES)
def send_all(slug: str, name: str) -> AnyResponse:
    """Try every grade once more that did not get through."""
    session = open_course(slug)
    with current_runtime().db.transaction() as tx:
        row = get_assignment(tx, slug, name)
        send_all_again(tx, placement_of(session), row.id, list(learners_of(tx, session)))
    return redirect(url_for("grading.list_quiz", slug=slug, name=name), 303)


@blueprint.post("/<slug>/<name>/compare")
@right_required(Right.SEND_GRADES)
def compare_quiz(slug: str, name: str) -> AnyResponse:
    """Have the LMS's gradebook compared with what was sent to it."""
    session = open_course(slug)
    with current_runtime().db.transaction() as tx:
        compare_with_lms(tx, placement_of(session), get_assignment(tx, slug, name).id)
    return redirect(url_for("grading.list_quiz", slug=slug, name=name), 303)


@blueprint.post("/<slug>/<name>/mark")
@right_required(Right.MARK)
def open_formgrader(slug: str, name: str) -> AnyResponse:
    """To formgrader in JupyterHub, at this quiz."""
    session = open_course(slug)
    require_gradebook(current_runtime(), placement_of(session))
    with current_runtime().db.reading() as tx:
        row, key = get_assignment(tx, slug, name), get_placement(tx, session).key
    path = f"gradebook/{row.name}/{row.notebooks[0]}" if len(row.notebooks) == 1 else f"gradebook/{row.name}"
    return go_to_hub(Ticket(session.hub_name, formgrader_path(key, path)))


@contextmanager
def _changing(slug: str, name: str, submission_id: int) -> Iterator[tuple[Tx, AssignmentRow, SubmissionRow]]:
    session: SignedIn = open_course(slug)
    with current_runtime().db.transaction() as tx:
        row = get_assignment(tx, slug, name)
        found = get_submission(tx, session, row, submission_id).row
        yield tx, row, found


def _tabs(row: AssignmentRow, attempts: list[SubmissionRow], shown: SubmissionRow) -> list[dict[str, Any]]:
    return [
        {
            "label": _("Attempt %(number)s", number=each.number),
            "url": url_for("grading.show_submission", slug=row.course_slug, name=row.name, submission_id=each.id),
            "current": each is shown,
            "number": None,
        }
        for each in reversed(attempts)
    ]


def _files(found: SubmissionRow, place: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": entry["path"],
            "size_text": f"{max(entry['size'], 100) / 1000:.1f} kB",
            "url": url_for("grading.download_file", **place, path=entry["path"]),
        }
        for entry in found.files
    ]


def _actions(found: SubmissionRow, attempt: Attempt, newest: SubmissionRow, place: dict[str, Any]) -> dict[str, Any]:
    course: dict[str, Any] = {"slug": place["slug"], "name": place["name"]}
    stopped = found.state is SubmissionState.FAILED or attempt.warning is not None or found.is_held
    may_mark_again = stopped and found is newest
    unsent = attempt.delivery is not None and attempt.delivery.may_be_sent
    may_mark = found is newest and found.marks
    may_decide = found.suspicion is not None and found.state.is_marked
    accept_url = url_for("grading.decide_submission", **place, what="accept") if may_decide else None
    zero_url = url_for("grading.decide_submission", **place, what="zero") if may_decide else None
    return {
        "accept_url": accept_url if found.decision is not Decision.ACCEPTED else None,
        "zero_url": zero_url if found.decision is not Decision.ZEROED else None,
        "by_hand_url": url_for("grading.mark_submission", **place) if may_mark else None,
        "mark_url": url_for("grading.open_formgrader", **course) if may_mark else None,
        "retry_mark_url": url_for("grading.mark_submission_again", **place) if may_mark_again else None,
        "retry_send_url": url_for("grading.send_submission_again", **place) if unsent else None,
        "remark_url": None if found.state.is_busy else url_for("grading.start_remark", **course),
        "submission_id": found.id,
    }
