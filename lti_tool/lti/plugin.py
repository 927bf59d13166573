"""What this part offers."""

from functools import partial

from flask_babel import lazy_gettext as _l

from lti_tool.contract import NavItem, Plugin, Recurring
from lti_tool.kernel.messages import Handler
from lti_tool.kernel.permissions import Right, Role
from lti_tool.lti import (
    framing,
    views,
    views_activity,
    views_check,
    views_copy,
    views_notices,
    views_pick,
    views_register,
    views_rights,
    views_window,
)
from lti_tool.lti.ags import send_score
from lti_tool.lti.blueprint import BLUEPRINT
from lti_tool.lti.check_content import CheckContents
from lti_tool.lti.cleaning import EVERY_S, clean
from lti_tool.lti.column_updates import TRIES as COLUMN_TRIES
from lti_tool.lti.column_updates import update_line_item
from lti_tool.lti.commands import keys, platform
from lti_tool.lti.comparing import LOOK_EVERY_S as COMPARE_LOOK_EVERY_S
from lti_tool.lti.comparing import compare_old, compare_results
from lti_tool.lti.copies import act_on_notice
from lti_tool.lti.delivery import LOOK_EVERY_S, TRIES, SendScore, deliver_scores, give_up_turn, look_for_forgotten
from lti_tool.lti.health import check_platforms
from lti_tool.lti.messages import ActOnNotice, AskForNotices, CompareResults, DeliverScores, UpdateLineItem
from lti_tool.lti.models import MODELS
from lti_tool.lti.models_services import SERVICE_MODELS
from lti_tool.lti.notice_service import ask_for_notices
from lti_tool.lti.personal_data import erase_personal_data, export_personal_data
from lti_tool.lti.roster import HANDLERS as ROSTER_HANDLERS
from lti_tool.lti.roster import LOOK_EVERY_S as ROSTER_LOOK_EVERY_S
from lti_tool.lti.roster import read_due_rosters
from lti_tool.lti.score_models import SCORE_MODELS

WITH_PAGES = (
    framing,
    views,
    views_activity,
    views_check,
    views_copy,
    views_notices,
    views_pick,
    views_register,
    views_rights,
    views_window,
)
"""Importing them hangs their pages on the blueprint."""


def make_plugin(send: SendScore) -> Plugin:
    """LTI over a way to send a score."""
    return Plugin(
        name="lti",
        summary="LTI 1.3 Advantage: platforms, launches, content selection and grades.",
        models=(*MODELS, *SERVICE_MODELS, *SCORE_MODELS),
        handlers=(
            Handler(
                "lti.deliver_scores",
                DeliverScores,
                partial(deliver_scores, send),
                queue="passback",
                max_attempts=TRIES,
                on_dead=give_up_turn,
            ),
            Handler("lti.compare_results", CompareResults, compare_results, queue="passback"),
            Handler("lti.ask_for_notices", AskForNotices, ask_for_notices, max_attempts=20),
            Handler("lti.act_on_notice", ActOnNotice, act_on_notice),
            Handler(
                "lti.update_line_item",
                UpdateLineItem,
                update_line_item,
                queue="passback",
                max_attempts=COLUMN_TRIES,
            ),
            *ROSTER_HANDLERS,
        ),
        blueprints=(BLUEPRINT,),
        contents=CheckContents(),
        nav=(
            NavItem(_l("Activity"), "lti.show_activity", right=Right.EDIT_COURSE, order=9),
            NavItem(_l("Assistants"), "lti.show_rights", frozenset({Role.TEACHER}), order=9),
        ),
        commands=(platform, keys),
        health=(check_platforms,),
        recurring=(
            Recurring("lti.clean", EVERY_S, clean),
            Recurring("lti.look_for_forgotten", LOOK_EVERY_S, look_for_forgotten),
            Recurring("lti.compare_old", COMPARE_LOOK_EVERY_S, compare_old),
            Recurring("lti.rosters", ROSTER_LOOK_EVERY_S, read_due_rosters),
        ),
        export_personal_data=export_personal_data,
        erase_personal_data=erase_personal_data,
    )


PLUGIN = make_plugin(send_score)
