"""What this plugin offers."""

from flask_babel import lazy_gettext as _l

from lti_tool.contract import NavItem, Plugin
from plugins.courses import (
    authoring,
    guarding,
    in_jupyter,
    quiz_places,
    quiz_releases,
    views,
    views_catalogue,
    views_edit,
    views_enrol,
    views_history,
    views_item,
    views_order,
    views_people,
    views_preview,
    views_quiz,
    views_trying,
    views_version,
)
from plugins.courses.blueprint import blueprint
from plugins.courses.commands import course
from plugins.courses.contents import CourseContents
from plugins.courses.handlers import HANDLERS
from plugins.courses.models import MODELS
from plugins.courses.personal_data import erase_personal_data, export_personal_data
from plugins.courses.written_models import WRITTEN_MODELS

PAGES = (
    authoring,
    guarding,
    in_jupyter,
    quiz_places,
    quiz_releases,
    views,
    views_catalogue,
    views_edit,
    views_enrol,
    views_history,
    views_order,
    views_preview,
    views_item,
    views_people,
    views_quiz,
    views_trying,
    views_version,
)
"""Importing them hangs their pages on the blueprint."""

PLUGIN = Plugin(
    name="courses",
    summary="Courses of lessons, videos and notebook quizzes, written in the browser or as folders of files.",
    requires=("lti", "grading", "files", "progress", "video", "reviews"),
    models=(*MODELS, *WRITTEN_MODELS),
    handlers=HANDLERS,
    blueprints=(blueprint,),
    nav=(NavItem(label=_l("Course"), endpoint="courses.show_course"),),
    commands=(course,),
    contents=CourseContents(),
    export_personal_data=export_personal_data,
    erase_personal_data=erase_personal_data,
)
