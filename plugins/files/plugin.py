"""What this plugin offers."""

from lti_tool.contract import Plugin
from plugins.files import models
from plugins.files.handlers import HANDLERS, RECURRING
from plugins.files.views import blueprint

PLUGIN = Plugin(
    name="files",
    summary="Files that teachers upload: kept on disk or in an S3 bucket, checked before anybody gets them.",
    requires=("lti",),
    models=(
        models.FileRow,
        models.ContentRow,
        models.UploadRow,
        models.PieceRow,
        models.UseRow,
        models.UsageRow,
    ),
    handlers=HANDLERS,
    blueprints=(blueprint,),
    recurring=RECURRING,
)
