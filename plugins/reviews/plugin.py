"""What this plugin offers."""

from flask_babel import lazy_gettext as _l

from lti_tool.contract import NavItem, Plugin
from plugins.reviews import teacher_views, views
from plugins.reviews.commands import reviews
from plugins.reviews.models import MODELS
from plugins.reviews.personal_data import erase_personal_data, export_personal_data

PAGES = (views, teacher_views)
"""Importing them hangs their pages on the blueprint."""

PLUGIN = Plugin(
    name="reviews",
    summary="Reviews of courses by those who have taken a good part of them, and the rating that they give.",
    requires=("lti", "progress"),
    models=MODELS,
    blueprints=(views.blueprint,),
    nav=(NavItem(_l("Reviews"), "reviews.list_reviews", order=6),),
    commands=(reviews,),
    export_personal_data=export_personal_data,
    erase_personal_data=erase_personal_data,
)
