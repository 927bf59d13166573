"""The way back to the LMS out of a selection that cannot go on, whatever the reason: nobody is left in the dialog.

The button posts to `/lti/pick/cancel`, and the LMS gets an answer with no items that says why
(https://www.imsglobal.org/spec/lti-dl/v2p0/#deep-linking-response-message, `errormsg` and `errorlog`).
"""

import re
from collections.abc import Mapping
from typing import Any

from flask import Flask, url_for
from flask.blueprints import BlueprintSetupState
from flask_babel import gettext as _

from lti_tool.lti.blueprint import BLUEPRINT
from lti_tool.lti.deep_linking import Problem
from lti_tool.lti.picking import SELECTION_USED
from lti_tool.web.errors import tell_way_back
from lti_tool.web.session import SignedIn, find_current_session

NOTHING_HERE, NOT_TAKEN, NOT_FOUND, FAILED = "nothing_here", "not_taken", "item_not_found", "failed"
"""Why a selection cannot go on, as the LMS is told."""
_REFERENCE = re.compile(r"[0-9A-F]{8}")


@BLUEPRINT.record_once
def _tell(state: BlueprintSetupState) -> None:
    assert isinstance(state.app, Flask)
    tell_way_back(state.app, _out_of_error)


def button_back(session: SignedIn, code: str, reference: str = "") -> dict[str, Any] | None:
    """The button that ends the selection and tells the LMS why; none where nothing is being selected."""
    if session.deep_linking is None:
        return None
    label = _("Return to %(platform)s", platform=session.platform_name)
    fields = {"problem": code, "reference": reference}
    return {"label": label, "url": url_for("lti.cancel"), "fields": {k: value for k, value in fields.items() if value}}


def find_problem(session: SignedIn, form: Mapping[str, str]) -> Problem | None:
    """What went wrong, by what the page's button says: in words of ours, whatever was posted."""
    code, reference = form.get("problem", ""), form.get("reference", "")
    texts = {
        NOTHING_HERE: _("There is no course yet that could be added. Write one in this tool, then choose again."),
        NOT_TAKEN: _(
            "%(platform)s takes no activities here, and this tool has nothing else. Add an external tool instead.",
            platform=session.platform_name,
        ),
        NOT_FOUND: _("What was chosen is no longer there. Choose again."),
        FAILED: _(
            "Something went wrong in this tool, and nothing was added. Choose again. If it happens again, tell the "
            "people who run the tool: reference %(reference)s.",
            reference=reference if _REFERENCE.fullmatch(reference) else "–",
        ),
    }
    return Problem(code, texts[code]) if code in texts else None


def _out_of_error(status: int, code: str, reference: str) -> dict[str, Any] | None:
    """The button of an error page in a selection. A refusal is no failure: the LMS gets nothing and no complaint."""
    session = find_current_session()
    if session is None or code == SELECTION_USED:
        return None
    return button_back(session, FAILED, reference) if status >= 500 else button_back(session, "")
