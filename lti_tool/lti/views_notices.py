"""Where platforms send their notices."""

from flask import Response, jsonify, request

from lti_tool.kernel.errors import TooLarge
from lti_tool.lti.blueprint import BLUEPRINT
from lti_tool.lti.notices import BODY_BYTES, take_notices
from lti_tool.web.runtime import current_runtime


@BLUEPRINT.post("/lti/notices")
def receive_notices() -> Response:
    """Keep what holds and answer at once; the work is done by a job. No session: each notice is signed."""
    if (request.content_length or 0) > BODY_BYTES:
        raise TooLarge("notices_too_large", "This is more than a post of notices may hold.")
    taken, refused = take_notices(current_runtime(), request.get_data(cache=False))
    response = jsonify(taken=taken, refused=refused)
    response.headers["Cache-Control"] = "no-store"
    return response
