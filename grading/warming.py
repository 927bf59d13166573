"""What a marking worker does before its first submission: is there a sandbox, and a warm process in it?"""

import gc
import logging
from importlib import import_module

from config.settings import Settings
from grading.engine.model import MarkLimits
from grading.sandbox import Limits, SandboxUnavailable, run_sealed
from grading.sealed_group import find_group_problem, read_directories

log = logging.getLogger(__name__)

GARBAGE = 20_000
"""New objects after which the collector looks at them, instead of 700: marking makes and drops many."""


def find_sandbox_problem() -> str:
    """Why nothing can be marked on this machine, and what to do; empty: it can."""
    try:
        run_sealed(["/usr/bin/env", "true"], limits=Limits(wall_s=20))
    except SandboxUnavailable as error:
        return str(error)
    except OSError as error:
        return f"No sandbox can be started: {error}."
    return ""


def find_warm_problem() -> str:
    """Why submissions are marked in kernels here, a second slower each; empty: they are forks of a warm process."""
    warm = import_module("grading.engine.warm_execution")
    try:
        warm.try_out()
    except SandboxUnavailable as error:
        return str(error)
    return ""


def load() -> None:
    """Import the engine, nbgrader with it."""
    import_module("grading.engine.course")


def warm_up(settings: Settings) -> None:
    """Say at once if nothing can be marked here; else load the engine, and start a warm process."""
    problem = find_sandbox_problem()
    if problem:
        log.error("sandbox_unavailable", extra={"why": problem})
        return
    groups = read_directories(settings.grading.control_groups)
    ungrouped = find_group_problem(groups)
    if ungrouped:
        log.warning("no_control_groups", extra={"why": ungrouped})
    load()
    gc.freeze()  # what is loaded stays: the collector need not look at it again and again
    gc.set_threshold(GARBAGE)
    if not settings.grading.warm:
        return
    quizzes = settings.quizzes
    limits = MarkLimits(warm_kept=quizzes.warm_kept, warm_bytes=quizzes.warm_mb << 20, control_groups=groups)
    try:
        import_module("grading.engine.warm_execution").warm_up(limits)
    except SandboxUnavailable as error:
        log.warning("no_warm_sandbox", extra={"why": str(error)})
    else:
        log.info("warm")
