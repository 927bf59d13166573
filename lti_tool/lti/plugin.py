"""What this part offers."""

from flask_babel import lazy_gettext as _l

from lti_tool.contract import NavItem, Plugin, Recurring
from lti_tool.kernel.permissions import Role
from lti_tool.lti import framing, views, views_pick, views_register, views_rights, views_window
from lti_tool.lti.blueprint import BLUEPRINT
from lti_tool.lti.cleaning import EVERY_S, clean
from lti_tool.lti.commands import keys, platform
from lti_tool.lti.health import check_platforms
from lti_tool.lti.models import MODELS
from lti_tool.lti.personal_data import erase_personal_data, export_personal_data

WITH_PAGES = (framing, views, views_pick, views_register, views_rights, views_window)
"""Importing them hangs their pages on the blueprint."""

PLUGIN = Plugin(
    name="lti",
    summary="LTI 1.3 Advantage: platforms, launches, content selection and grades.",
    models=MODELS,
    blueprints=(BLUEPRINT,),
    nav=(NavItem(_l("Assistants"), "lti.show_rights", frozenset({Role.TEACHER}), order=9),),
    commands=(platform, keys),
    health=(check_platforms,),
    recurring=(Recurring("lti.clean", EVERY_S, clean),),
    export_personal_data=export_personal_data,
    erase_personal_data=erase_personal_data,
)
