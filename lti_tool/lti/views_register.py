"""The page behind a one-time registration link, opened by a platform's administrator inside the LMS; and what Canvas
reads where that is not used.
"""

from flask import Response, jsonify, request

from lti_tool.kernel.errors import ExternalError, Invalid
from lti_tool.lti.blueprint import BLUEPRINT
from lti_tool.lti.canvas_key import CONFIGURATION_PATH, canvas_configuration
from lti_tool.lti.dynamic_registration import register
from lti_tool.lti.framing import let_frame_origins
from lti_tool.lti.registrations import origin_of
from lti_tool.web.render import page
from lti_tool.web.runtime import current_runtime


@BLUEPRINT.get("/lti/register/<invite>")
def register_platform(invite: str) -> Response:
    """Register and say what is next."""
    url = request.args.get("openid_configuration", "")
    let_frame_origins([origin_of(url)])
    try:
        done = register(current_runtime(), invite, url, request.args.get("registration_token"))
    except ExternalError as error:  # a refusal of the other side is no fault of ours: 4xx, and it says what to do
        raise Invalid(error.code, error.message, error.details) from error
    let_frame_origins([done.origin, origin_of(url)])
    return page(
        "lti/registered.html",
        platform_name=done.platform_name,
        number=done.registration_id,
        waits=done.needs_approval,
        is_update=done.is_update,
    )


@BLUEPRINT.get(CONFIGURATION_PATH)
def show_canvas_configuration() -> Response:
    """What Canvas reads for a developer key."""
    return jsonify(canvas_configuration(current_runtime()))


def registration_url(root_url: str, invite: str) -> str:
    """The link that an administrator pastes into the LMS."""
    return f"{root_url}/lti/register/{invite}"
