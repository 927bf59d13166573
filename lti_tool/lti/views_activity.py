"""What an activity of the LMS shows, for whoever edits and opened it: something else, or new dates."""

from flask import Response, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from lti_tool.contract import Choice
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import NotFound
from lti_tool.kernel.permissions import Right
from lti_tool.lti.blueprint import BLUEPRINT
from lti_tool.lti.column_updates import may_update, want_update
from lti_tool.lti.models import Link
from lti_tool.lti.sign_in import find_choice
from lti_tool.web.render import page
from lti_tool.web.runtime import current_plugins, current_runtime
from lti_tool.web.session import SignedIn, current_session, right_required


@BLUEPRINT.get("/lti/activity")
@right_required(Right.EDIT_COURSE)
def show_activity() -> Response:
    """What it shows, and what can be done about it."""
    session = current_session()
    with current_runtime().db.reading() as tx:
        link, choice = _read(tx, session)
    return page(
        "lti/activity.html",
        activity=link.title,
        choice=choice,
        platform=session.platform_name,
        pick_url=url_for("lti.pick"),
        update_url=url_for("lti.update_activity") if choice and may_update(link, choice) else None,
        is_sent="sent" in request.args,
    )


@BLUEPRINT.post("/lti/activity")
@right_required(Right.EDIT_COURSE)
def update_activity() -> AnyResponse:
    """Carry name, points and dates over into the activity's column."""
    session = current_session()
    with current_runtime().db.transaction() as tx:
        link, choice = _read(tx, session)
        is_sent = choice is not None and want_update(tx, link, choice)
    return redirect(url_for("lti.show_activity", sent=1 if is_sent else None), 303)


def _read(tx: Tx, session: SignedIn) -> tuple[Link, Choice | None]:
    link = tx.get(Link, session.link_id) if session.link_id else None
    if link is None or session.deep_linking is not None:
        message = _("You did not come here by an activity of your LMS course. Open one there to change what it shows.")
        raise NotFound("link_not_found", message)
    contents = [plugin.contents for plugin in current_plugins() if plugin.contents]
    found = find_choice(tx, contents, session.registration_id, link.item_ref)
    return link, found[1] if found else None
