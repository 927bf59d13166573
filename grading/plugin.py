"""What grading offers."""

from grading import (
    api,
    api_teaching,
    environment_views,
    export_views,
    extension_views,
    group_extension_views,
    group_views,
    hand_marking_views,
    pack_views,
    quiz_health_views,
    remarking_views,
    similarity_views,
    staff_views,
    views,
)
from grading.blueprint import blueprint
from grading.commands import sandbox
from grading.commands_nbgrader import nbgrader
from grading.engine_nbgrader import open_placement
from grading.engine_port import OpenEngine
from grading.group_models import GROUP_MODELS
from grading.handlers import make_handlers, make_recurring
from grading.health import check_hub
from grading.kernels import check_kernels
from grading.models import (
    AssignmentRow,
    BlobRow,
    CourseRow,
    DraftBlobRow,
    DraftRow,
    EnvironmentRow,
    ExtensionRow,
    GradebookRow,
    ResultRow,
    SubmissionRow,
)
from grading.pack_models import PackRow
from grading.personal_data import erase_personal_data, export_personal_data
from grading.portable_models import ArrivalRow, ArrivedStudentRow
from grading.remarking_rows import RemarkedRow, RemarkRow
from grading.rubric_models import HandMarkingRow, RubricChoiceRow, RubricItemRow
from grading.similarity_models import ComparisonRow, SimilarPairRow
from grading.warming import load, warm_up
from lti_tool.contract import NavItem, Plugin, WarmUp
from lti_tool.kernel.permissions import Right

PAGES = (
    api_teaching,
    views,
    staff_views,
    extension_views,
    group_extension_views,
    group_views,
    hand_marking_views,
    pack_views,
    export_views,
    similarity_views,
    environment_views,
    remarking_views,
    quiz_health_views,
)
"""Importing them hangs their pages on the blueprint."""


def make_plugin(open_engine: OpenEngine) -> Plugin:
    """Grading over an engine."""
    return Plugin(
        name="grading",
        summary="Notebook quizzes: submissions, marking, feedback, and grades for the LMS.",
        requires=("lti",),
        models=(
            CourseRow,
            GradebookRow,
            AssignmentRow,
            EnvironmentRow,
            BlobRow,
            *GROUP_MODELS,
            SubmissionRow,
            DraftRow,
            DraftBlobRow,
            ExtensionRow,
            ResultRow,
            ComparisonRow,
            SimilarPairRow,
            HandMarkingRow,
            RubricItemRow,
            RubricChoiceRow,
            RemarkRow,
            RemarkedRow,
            ArrivalRow,
            ArrivedStudentRow,
            PackRow,
        ),
        handlers=make_handlers(open_engine),
        health=(check_hub, check_kernels),
        blueprints=(blueprint, api.blueprint),
        nav=(NavItem("Submissions", "grading.list_course", right=Right.MARK, order=1),),
        recurring=make_recurring(open_engine),
        commands=(sandbox, nbgrader),
        warm_ups=(WarmUp("grade", warm_up, load),),
        export_personal_data=export_personal_data,
        erase_personal_data=erase_personal_data,
    )


PLUGIN = make_plugin(open_placement)
