"""What this part offers."""

from flask_babel import lazy_gettext as _l

from lti_tool.contract import NavItem, Plugin, Recurring
from lti_tool.kernel.messages import Handler
from lti_tool.kernel.permissions import Role
from lti_tool.lti import (
    framing,
    views,
    views_activity,
    views_check,
    views_copy,
    views_notices,
    views_pick,
    views_register,
    views_window,
)
from lti_tool.lti.blueprint import BLUEPRINT
from lti_tool.lti.cleaning import EVERY_S, clean
from lti_tool.lti.commands import keys, platform
from lti_tool.lti.copies import act_on_notice
from lti_tool.lti.line_items import update_line_item
from lti_tool.lti.messages import ActOnNotice, AskForNotices, UpdateLineItem
from lti_tool.lti.models import MODELS
from lti_tool.lti.models_services import SERVICE_MODELS
from lti_tool.lti.notice_service import ask_for_notices
from lti_tool.lti.personal_data import erase_personal_data, export_personal_data

WITH_PAGES = (
    framing,
    views,
    views_activity,
    views_check,
    views_copy,
    views_notices,
    views_pick,
    views_register,
    views_window,
)
"""Importing them hangs their pages on the blueprint."""

PLUGIN = Plugin(
    name="lti",
    summary="LTI 1.3 Advantage: platforms, launches, content selection and grades.",
    models=(*MODELS, *SERVICE_MODELS),
    handlers=(
        Handler("lti.ask_for_notices", AskForNotices, ask_for_notices, max_attempts=20),
        Handler("lti.act_on_notice", ActOnNotice, act_on_notice),
        Handler("lti.update_line_item", UpdateLineItem, update_line_item, queue="passback"),
    ),
    blueprints=(BLUEPRINT,),
    nav=(NavItem(_l("Activity"), "lti.show_activity", frozenset({Role.TEACHER}), order=9),),
    commands=(platform, keys),
    recurring=(Recurring("lti.clean", EVERY_S, clean),),
    export_personal_data=export_personal_data,
    erase_personal_data=erase_personal_data,
)
