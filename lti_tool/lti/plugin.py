"""What this part offers."""

from functools import partial

from lti_tool.contract import Plugin, Recurring
from lti_tool.kernel.messages import Handler
from lti_tool.lti import framing, views, views_pick, views_register, views_window
from lti_tool.lti.ags import send_score
from lti_tool.lti.blueprint import BLUEPRINT
from lti_tool.lti.cleaning import EVERY_S, clean
from lti_tool.lti.commands import keys, platform
from lti_tool.lti.comparing import LOOK_EVERY_S as COMPARE_LOOK_EVERY_S
from lti_tool.lti.comparing import compare_old, compare_results
from lti_tool.lti.delivery import LOOK_EVERY_S, TRIES, SendScore, deliver_scores, give_up_turn, look_for_forgotten
from lti_tool.lti.messages import CompareResults, DeliverScores
from lti_tool.lti.models import MODELS
from lti_tool.lti.personal_data import erase_personal_data, export_personal_data
from lti_tool.lti.score_models import SCORE_MODELS

WITH_PAGES = (framing, views, views_pick, views_register, views_window)
"""Importing them hangs their pages on the blueprint."""


def make_plugin(send: SendScore) -> Plugin:
    """LTI over a way to send a score."""
    return Plugin(
        name="lti",
        summary="LTI 1.3 Advantage: platforms, launches, content selection and grades.",
        models=(*MODELS, *SCORE_MODELS),
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
        ),
        blueprints=(BLUEPRINT,),
        commands=(platform, keys),
        recurring=(
            Recurring("lti.clean", EVERY_S, clean),
            Recurring("lti.look_for_forgotten", LOOK_EVERY_S, look_for_forgotten),
            Recurring("lti.compare_old", COMPARE_LOOK_EVERY_S, compare_old),
        ),
        export_personal_data=export_personal_data,
        erase_personal_data=erase_personal_data,
    )


PLUGIN = make_plugin(send_score)
