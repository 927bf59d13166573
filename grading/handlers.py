"""What grading does about messages."""

from functools import partial

from grading.comparing import compare_submissions
from grading.engine_port import OpenEngine
from grading.environment_clearing import EVERY_S as CLEAR_S
from grading.environment_clearing import clear_environments
from grading.environments import build_environment, give_up_building
from grading.gradebooks import forget_learner, prepare_gradebook, prepare_launched_gradebook
from grading.group_sets import FOLLOW_S, follow_all_groups, follow_groups
from grading.marking import autograde, give_up_marking
from grading.messages import (
    ApplyRemark,
    Autograde,
    BuildEnvironment,
    CompareSubmissions,
    FollowGroups,
    ForgetLearner,
    PackCourse,
    PlaceArrival,
    PrepareGradebook,
    RemarkAttempts,
    SettleResults,
    SyncMarks,
)
from grading.packs import CLEAR_S as PACKS_CLEAR_S
from grading.packs import clear_packs, give_up_packing, pack_course
from grading.passback import send_to_launched_link
from grading.portable_placing import adopt_who_joined, adopt_who_launched, place_arrival
from grading.remarking_applying import apply_remark, stop_applying
from grading.remarking_work import remark_attempts, stop_remark
from grading.settling import settle_results
from grading.sync import reconcile, sync_marks
from lti_tool.contract import Recurring
from lti_tool.kernel.messages import Handler
from lti_tool.lti.messages import LinkLaunched, MembersJoined

RECONCILE_S = 30.0


def make_handlers(open_engine: OpenEngine) -> tuple[Handler, ...]:
    """The handlers over an engine."""
    return (
        Handler(
            "grading.autograde", Autograde, partial(autograde, open_engine), queue="grade", on_dead=give_up_marking
        ),
        Handler(
            "grading.remark_attempts",
            RemarkAttempts,
            partial(remark_attempts, open_engine),
            queue="grade",
            on_dead=stop_remark,
        ),
        Handler("grading.apply_remark", ApplyRemark, partial(apply_remark, open_engine), on_dead=stop_applying),
        Handler("grading.prepare_gradebook", PrepareGradebook, partial(prepare_gradebook, open_engine)),
        Handler("grading.prepare_launched_gradebook", LinkLaunched, partial(prepare_launched_gradebook, open_engine)),
        Handler("grading.forget_learner", ForgetLearner, partial(forget_learner, open_engine), queue="default"),
        Handler("grading.sync_marks", SyncMarks, partial(sync_marks, open_engine), queue="default"),
        Handler("grading.build_environment", BuildEnvironment, build_environment, on_dead=give_up_building),
        Handler("grading.follow_groups", FollowGroups, follow_groups, max_attempts=3),
        Handler("grading.pack_course", PackCourse, pack_course, max_attempts=3, on_dead=give_up_packing),
        Handler("grading.place_arrival", PlaceArrival, place_arrival),
        Handler("grading.adopt_who_launched", LinkLaunched, adopt_who_launched),
        Handler("grading.adopt_who_joined", MembersJoined, adopt_who_joined),
        Handler("grading.settle_results", SettleResults, settle_results),
        Handler("grading.compare_submissions", CompareSubmissions, compare_submissions, max_attempts=3),
        Handler("grading.send_to_launched_link", LinkLaunched, send_to_launched_link, queue="passback"),
    )


def make_recurring(open_engine: OpenEngine) -> tuple[Recurring, ...]:
    """What is done again and again."""
    return (
        Recurring("grading.reconcile", RECONCILE_S, partial(reconcile, open_engine)),
        Recurring("grading.follow_groups", FOLLOW_S, follow_all_groups),
        Recurring("grading.clear_packs", PACKS_CLEAR_S, clear_packs),
        Recurring("grading.clear_environments", CLEAR_S, clear_environments),
    )
