"""The teacher's page of files, and downloads."""

from werkzeug.wrappers import Response as AnyResponse

from lti_tool.web.runtime import current_runtime
from plugins.files.blueprint import blueprint
from plugins.files.downloads import send_granted


@blueprint.get("/d/<token>/<name>")
def download(token: str, name: str) -> AnyResponse:
    """What a signed link opens; the name is for the eye only."""
    return send_granted(current_runtime(), token)
