"""What this plugin offers."""

from flask_babel import lazy_gettext as _l

from lti_tool.contract import NavItem, Plugin
from plugins.courses import models
from plugins.courses.commands import course
from plugins.courses.contents import CourseContents
from plugins.courses.blueprint import blueprint

PLUGIN = Plugin(
    name="courses",
    summary="Courses of lessons and notebook quizzes, written as folders of files.",
    requires=("lti", "grading", "progress"),
    models=models.MODELS,
    blueprints=(blueprint,),
    nav=(NavItem(label=_l("Course"), endpoint="courses.show_course"),),
    commands=(course,),
    contents=CourseContents(),
)
