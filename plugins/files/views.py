"""The teacher's page of files, and downloads."""

from flask import Blueprint
from werkzeug.wrappers import Response as AnyResponse

from lti_tool.web.runtime import current_runtime
from plugins.files.downloads import send_granted

blueprint = Blueprint("files", __name__, url_prefix="/files")


@blueprint.get("/d/<token>/<name>")
def download(token: str, name: str) -> AnyResponse:
    """What a signed link opens; the name is for the eye only."""
    return send_granted(current_runtime(), token)
