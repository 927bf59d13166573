"""What this part offers."""

from lti_tool.contract import Plugin, Recurring
from lti_tool.lti import framing, views, views_pick, views_register, views_window
from lti_tool.lti.blueprint import BLUEPRINT
from lti_tool.lti.cleaning import EVERY_S, clean
from lti_tool.lti.commands import keys, platform
from lti_tool.lti.models import MODELS
from lti_tool.lti.personal_data import erase_personal_data, export_personal_data
from lti_tool.lti.roster import HANDLERS, LOOK_EVERY_S, read_due_rosters

WITH_PAGES = (framing, views, views_pick, views_register, views_window)
"""Importing them hangs their pages on the blueprint."""

PLUGIN = Plugin(
    name="lti",
    summary="LTI 1.3 Advantage: platforms, launches, content selection and grades.",
    models=MODELS,
    blueprints=(BLUEPRINT,),
    commands=(platform, keys),
    handlers=HANDLERS,
    recurring=(Recurring("lti.clean", EVERY_S, clean), Recurring("lti.rosters", LOOK_EVERY_S, read_due_rosters)),
    export_personal_data=export_personal_data,
    erase_personal_data=erase_personal_data,
)
