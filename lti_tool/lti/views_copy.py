"""A teacher opens an activity of a course that was copied: what the copy takes over."""

from typing import Any

from flask import Response, request, url_for
from flask_babel import gettext as _

from lti_tool.contract import Contents
from lti_tool.kernel.errors import NotFound
from lti_tool.kernel.permissions import Right
from lti_tool.lti.blueprint import BLUEPRINT
from lti_tool.lti.copies import Copy, find_copy, link_copy, separate_copy
from lti_tool.lti.models import Link
from lti_tool.lti.models_services import CopyState
from lti_tool.lti.sign_in import GONE_PATH, PICK_PATH, find_choice
from lti_tool.lti.views import see_other
from lti_tool.web.render import page
from lti_tool.web.runtime import current_plugins, current_runtime
from lti_tool.web.session import SignedIn, require_right


@BLUEPRINT.get("/lti/copied")
def show_copied() -> Response:
    """Say where the course comes from, and ask."""
    session = require_right(Right.EDIT_COURSE)
    with current_runtime().db.reading() as tx:
        copy = _copy_of(session, find_copy(tx, session.context_id or 0))
    if copy.state is not CopyState.OFFERED:
        return see_other(request.script_root + _next_path(session, picks=False))
    origin = copy.origin_title or _("another course")
    return page("lti/copied.html", origin=origin, action=url_for("lti.decide_copied"), platform=session.platform_name)


@BLUEPRINT.post("/lti/copied")
def decide_copied() -> Response:
    """Take the old course's content and settings over, or begin anew; then go on to the activity."""
    session = require_right(Right.EDIT_COURSE)
    picks = request.form.get("do") == "separate"
    with current_runtime().db.transaction() as tx:
        _copy_of(session, find_copy(tx, session.context_id or 0))
        (separate_copy if picks else link_copy)(tx, session.context_id or 0)
    return see_other(request.script_root + _next_path(session, picks=picks))


def _copy_of(session: SignedIn, copy: Copy | None) -> Copy:
    if copy is None or session.context_id is None:
        raise NotFound("copy_not_found", _("This course was not copied from one that is known here."))
    return copy


def _next_path(session: SignedIn, *, picks: bool) -> str:
    """The page of what the activity shows; the picker if it shows nothing, or is to show something else."""
    contents: list[Contents] = [plugin.contents for plugin in current_plugins() if plugin.contents]
    with current_runtime().db.reading() as tx:
        link: Any = tx.get(Link, session.link_id) if session.link_id else None
        ref = link.item_ref if link else None
        found = find_choice(tx, contents, session.registration_id, ref)
        if picks or ref is None:
            return PICK_PATH
        return found[1].path if found else GONE_PATH
