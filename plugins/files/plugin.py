"""What this plugin offers."""

from flask_babel import lazy_gettext as _l

from lti_tool.contract import NavItem, Plugin
from lti_tool.kernel.permissions import Right
from plugins.files import models, tus, views
from plugins.files.blueprint import blueprint
from plugins.files.handlers import HANDLERS, RECURRING
from plugins.files.personal_data import erase_personal_data, export_personal_data

PAGES = (tus, views)
"""Importing them hangs their pages on the blueprint."""

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
    nav=(NavItem(_l("Files"), "files.list_course", right=Right.EDIT_COURSE, order=2),),
    recurring=RECURRING,
    export_personal_data=export_personal_data,
    erase_personal_data=erase_personal_data,
)
