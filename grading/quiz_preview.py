"""A quiz as a learner who has done nothing would see it under rules that nobody has published."""

from typing import Any

from flask import Response, url_for
from flask_babel import gettext as _

from grading.assignments import Rules, preview_assignment
from grading.pages import quiz_context
from grading.surroundings import find_surroundings
from grading.terms import terms_of
from lti_tool.web.render import page
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import open_course


def preview_quiz(slug: str, name: str, *, title: str, summary: str, rules: Rules, preview: dict[str, Any]) -> Response:
    """The page; `preview` is for `_preview_notice.html`. Not to be called inside a transaction. Raises: NotFound."""
    session = open_course(slug)
    with current_runtime().db.reading() as tx:
        row = preview_assignment(tx, slug, name, title=title, summary=summary, rules=rules)
    where: dict[str, Any] = {"slug": slug, "name": name}
    context = quiz_context(session, row, terms_of(row), [])
    context |= {"can_submit": False, "why_not": _("In a preview nothing is handed in.")}
    return page(
        "grading/quiz.html",
        preview=preview,
        draft=None,
        group=None,
        error=None,
        here_url=None,
        place=find_surroundings(slug, name),
        write_url=None,
        version="",
        hub_url=url_for("grading.open_in_hub", **where),
        submit_url=url_for("grading.submit_draft", **where),
        upload_url=url_for("grading.submit_upload", **where),
        newest=None,
        earlier=[],
        **context,
    )
