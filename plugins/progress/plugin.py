"""What this plugin offers."""

from flask_babel import lazy_gettext as _l

from lti_tool.contract import NavItem, Plugin
from plugins.progress import staff_views, views
from plugins.progress.blueprint import blueprint
from plugins.progress.handlers import HANDLERS, RECURRING
from plugins.progress.models import MODELS
from plugins.progress.personal_data import erase_personal_data, export_personal_data

PAGES = (views, staff_views)
"""Importing them hangs their pages on the blueprint."""


PLUGIN = Plugin(
    name="progress",
    summary="How far learners are: percent, time spent, completion, and where to go on.",
    requires=("lti", "grading"),
    models=MODELS,
    handlers=HANDLERS,
    blueprints=(blueprint,),
    nav=(NavItem(_l("Progress"), "progress.show_course", order=2),),
    recurring=RECURRING,
    export_personal_data=export_personal_data,
    erase_personal_data=erase_personal_data,
)
