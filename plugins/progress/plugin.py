"""What this plugin offers."""

from flask_babel import lazy_gettext as _l

from lti_tool.contract import NavItem, Plugin
from lti_tool.kernel.permissions import Role
from lti_tool.lti import public as lti
from plugins.progress import staff_views, views
from plugins.progress.blueprint import blueprint
from plugins.progress.handlers import RECURRING, make_handlers
from plugins.progress.models import MODELS
from plugins.progress.passback import SendScore
from plugins.progress.personal_data import erase_personal_data, export_personal_data
from plugins.progress.unsent import ProgressOutbox

PAGES = (views, staff_views)
"""Importing them hangs their pages on the blueprint."""
NOT_OBSERVERS = frozenset(set(Role) - {Role.OBSERVER})


def make_plugin(send_score: SendScore) -> Plugin:
    """Progress over a way to the LMS."""
    return Plugin(
        name="progress",
        summary="How far learners are: percent, time spent, completion, and where to go on.",
        requires=("lti", "grading"),
        models=MODELS,
        handlers=make_handlers(send_score),
        outbox=ProgressOutbox(),
        blueprints=(blueprint,),
        nav=(NavItem(_l("Progress"), "progress.show_course", NOT_OBSERVERS, order=2),),
        recurring=RECURRING,
        export_personal_data=export_personal_data,
        erase_personal_data=erase_personal_data,
    )


PLUGIN = make_plugin(lti.send_score)
