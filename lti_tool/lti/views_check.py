"""The page that tells a teacher how their launch went."""

from typing import Any

from flask import Response, request, url_for

from lti_tool.lti.blueprint import BLUEPRINT
from lti_tool.lti.browser import read_browser_secret
from lti_tool.lti.check_content import CHECK_PATH
from lti_tool.lti.checking import list_findings
from lti_tool.web.render import page
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import current_session, find_current_session


@BLUEPRINT.app_context_processor
def _check_url() -> dict[str, Any]:
    """`check_url` of base.html: at the foot of every page of a teacher."""
    session = find_current_session()
    shown = session is not None and session.role.is_staff and session.deep_linking is None
    return {"check_url": url_for("lti.show_check") if shown else None}


@BLUEPRINT.get(CHECK_PATH)
def show_check() -> Response:
    """What the browser and the LMS did at this launch, and what to do about it."""
    runtime, session = current_runtime(), current_session()
    with runtime.db.reading() as tx:
        findings = list_findings(
            tx, session, sends_cookie=read_browser_secret() is not None, leeway_s=runtime.settings.lti.leeway_s
        )
    return page("lti/check.html", findings=findings, browser=request.headers.get("User-Agent", ""))
