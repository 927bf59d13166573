"""What teachers do about a quiz's environment: have it built again."""

from flask import redirect, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from grading.assignments import get_assignment
from grading.blueprint import blueprint
from grading.environments import find_row, want
from grading.models import EnvironmentState
from lti_tool.kernel.errors import Conflict
from lti_tool.kernel.permissions import Right
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import open_course, right_required


@blueprint.post("/<slug>/<name>/environment")
@right_required(Right.MARK)
def build_again(slug: str, name: str) -> AnyResponse:
    """Install the packages of a quiz once more, after it has failed."""
    open_course(slug)
    with current_runtime().db.transaction() as tx:
        quiz = get_assignment(tx, slug, name)
        row = find_row(tx, quiz.requirements)
        if row is not None and row.state is EnvironmentState.READY:
            raise Conflict("environment_ready", _("The packages of this quiz are installed already."))
        if quiz.requirements:
            want(tx, quiz.requirements)
    return redirect(url_for("grading.list_quiz", slug=slug, name=name), 303)
