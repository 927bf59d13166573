"""Background work."""

from datetime import datetime
from typing import Any

from flask import Response, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from lti_tool.admin.blueprint import BLUEPRINT
from lti_tool.admin.guard import current_admin, for_admins
from lti_tool.admin.pages import PAGE_SIZE, asked_before, asked_for, console_page, done, older_url
from lti_tool.kernel import jobs
from lti_tool.kernel.errors import NotFound
from lti_tool.kernel.jobs import JobRow, JobState
from lti_tool.kernel.types import to_json
from lti_tool.web.runtime import current_runtime

JOBS = "admin.list_jobs"
LOOKS = {JobState.QUEUED: "queued", JobState.RUNNING: "running", JobState.DONE: "done", JobState.DEAD: "failed"}


@BLUEPRINT.get("/jobs")
@for_admins
def list_jobs() -> Response:
    """Jobs by state and kind, the newest first."""
    chosen, handler = _state(request.args.get("state", "")), asked_for("kind", 120)
    with current_runtime().db.reading() as tx:
        counts = jobs.count_jobs(tx)
        rows = jobs.list_jobs(tx, chosen, PAGE_SIZE, handler=handler, before_id=asked_before())
    filters = {"state": chosen.value if chosen else "", "kind": handler}
    dead = sum(number for name, state, number in counts if state is JobState.DEAD and name == handler)
    return console_page(
        "jobs",
        JOBS,
        tabs=_tabs(counts, chosen, handler),
        kinds=[("", _("All kinds")), *((name, name) for name in dict.fromkeys(row[0] for row in counts))],
        kind=handler,
        state=filters["state"],
        jobs=[_line(row) for row in rows],
        older_url=older_url(JOBS, rows, filters),
        dead=dead,
        retry_all_url=url_for("admin.retry_jobs") if dead else None,
    )


@BLUEPRINT.get("/jobs/<int:number>")
@for_admins
def show_job(number: int) -> Response:
    """One job."""
    with current_runtime().db.reading() as tx:
        row = jobs.find_job(tx, number)
    if row is None:
        raise NotFound("job_not_found", "There is no such job; one that was done is deleted after a while.")
    facts = {"message": row.message, "queue": row.queue, "payload": to_json(row.payload), "error": row.error}
    failures = [_failure(each) for each in reversed(row.failures or [])]
    times = {"due_at": row.due_at, "finished_at": row.finished_at, "lease_until": row.lease_until}
    trail = [(_("Jobs"), url_for(JOBS))]
    return console_page("job", JOBS, trail=trail, job=_line(row) | facts | times | {"failures": failures})


@BLUEPRINT.post("/jobs/<int:number>/retry")
@for_admins
def retry_job(number: int) -> AnyResponse:
    """Run a dead job again."""
    with current_runtime().db.transaction() as tx:
        jobs.retry(tx, number, current_admin().actor)
    return done("admin.show_job", "retried", number=number)


@BLUEPRINT.post("/jobs/retry")
@for_admins
def retry_jobs() -> AnyResponse:
    """Run every dead job of a kind again."""
    handler = request.form.get("kind", "")
    with current_runtime().db.transaction() as tx:
        jobs.retry_all(tx, handler, current_admin().actor)
    return done(JOBS, "retried", kind=handler)


def _failure(failed: dict[str, Any]) -> dict[str, Any]:
    return {**failed, "at": datetime.fromisoformat(failed["at"])}


def _state(text: str) -> JobState | None:
    return JobState(text) if text in set(JobState) else None


def _tabs(counts: list[tuple[str, JobState, int]], chosen: JobState | None, handler: str) -> list[dict[str, Any]]:
    words = {
        None: _("All"),
        JobState.QUEUED: _("Waiting"),
        JobState.RUNNING: _("Running"),
        JobState.DEAD: _("Given up"),
        JobState.DONE: _("Done"),
    }
    return [
        {
            "label": word,
            "url": url_for(JOBS, state=state.value if state else None, kind=handler or None),
            "current": state is chosen,
            "number": sum(number for name, each, number in counts if state in (None, each) and handler in ("", name)),
        }
        for state, word in words.items()
    ]


def _line(row: JobRow) -> dict[str, Any]:
    words = {"queued": _("Waiting"), "running": _("Running"), "done": _("Done"), "failed": _("Given up")}
    look = LOOKS[row.state]
    return {
        "number": row.id,
        "url": url_for("admin.show_job", number=row.id),
        "kind": row.handler,
        "badge": (look, words[look]),
        "attempts": row.attempts,
        "created_at": row.created_at,
        "why": (row.error or "").splitlines()[0] if row.error else "",
        "retry_url": url_for("admin.retry_job", number=row.id) if row.state is JobState.DEAD else None,
    }
