"""Whose work a session may read: one's own, and as an observer that of the learner whom the LMS named."""

from typing import Any

from flask import request, url_for

from grading.access import learner_of, placement_of
from grading.blueprint import blueprint
from grading.submissions import Learner
from lti_tool.kernel.db import Tx
from lti_tool.kernel.permissions import Role
from lti_tool.lti import public as lti
from lti_tool.web.session import SignedIn

WANTED = "of"
"""Query parameter: which of several learners an observer looks at."""
READABLE = (
    "grading.show_quiz",
    "grading.show_status",
    "grading.show_feedback",
    "grading.show_marked_notebook",
    "grading.download_own_file",
)


def find_observed(tx: Tx, session: SignedIn) -> lti.Observed | None:
    """The learner whom an observer looks at, None for everybody else. Raises: Forbidden: they follow nobody here."""
    if session.role is not Role.OBSERVER:
        return None
    return lti.get_observed(tx, session.user_id, session.context_id, request.args.get(WANTED))


def read_learner(tx: Tx, session: SignedIn) -> Learner:
    """Whose work this session may read. Raises: Forbidden."""
    observed = find_observed(tx, session)
    return Learner(placement_of(session), observed.user_id) if observed else learner_of(session)


def observed_context(observed: lti.Observed | None, endpoint: str, place: dict[str, Any]) -> dict[str, Any]:
    """`observed` of the templates: `name`, and `tabs` if there are several."""
    if observed is None:
        return {"observed": None}
    tabs = [
        {
            "label": name,
            "url": url_for(endpoint, **place | {WANTED: user_id}),
            "current": user_id == observed.user_id,
            "number": None,
        }
        for user_id, name in observed.everybody
    ]
    return {"observed": {"name": observed.name, "tabs": tabs if len(tabs) > 1 else []}}


@blueprint.url_defaults
def _keep_wanted(endpoint: str, values: dict[str, Any]) -> None:
    """Links from page to page stay with the learner who was chosen."""
    if endpoint in READABLE and WANTED in request.args:
        values.setdefault(WANTED, request.args[WANTED])
