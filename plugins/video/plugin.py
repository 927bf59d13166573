"""What this plugin offers."""

from flask_babel import lazy_gettext as _l

from lti_tool.contract import NavItem, Plugin
from lti_tool.kernel.permissions import Right
from plugins.video import teacher_views, views
from plugins.video.models import MODELS
from plugins.video.preferences import erase_personal_data, export_personal_data
from plugins.video.processing import make_handlers

PAGES = (views, teacher_views)
"""Importing them hangs their pages on the blueprint."""

PLUGIN = Plugin(
    name="video",
    summary="Videos, uploaded or linked: poster, captions, transcript, and a player.",
    requires=("lti", "grading", "files", "progress"),
    models=MODELS,
    handlers=make_handlers(),
    blueprints=(views.blueprint,),
    nav=(NavItem(_l("Videos"), "video.list_videos", right=Right.EDIT_COURSE, order=3),),
    export_personal_data=export_personal_data,
    erase_personal_data=erase_personal_data,
)
