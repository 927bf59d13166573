"""Marking in two steps: run an attempt and see what it would score, and put that into the gradebook later, or never.

What would be scored is rehearsed: nbgrader's rules write it in a transaction of the gradebook that never commits, so
that it is what they will write, marks given by hand included.
"""

import hashlib
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from grading.engine import feedback
from grading.engine.files import check_name, replace_tree
from grading.engine.gradebook import start_submission, writing
from grading.engine.marking import (
    Attempt,
    Marked,
    beside,
    find_receipt,
    prepare_attempt,
    read_scored,
    run_attempt,
    save_attempt,
    store_attempt,
)
from grading.engine.model import Executed, Given, MarkLimits, ReleasedAnew, Scored
from grading.engine.nbgrader_parts import Notebook, formats
from grading.engine.plan import NotebookPlan
from grading.engine.scoring import leave_settled, recall
from grading.engine.site import Site

NO_LIMIT = MarkLimits(input_bytes=sys.maxsize)
"""For files that have passed the limits before."""


def execute_attempt(site: Site, assignment: str, files: Mapping[str, bytes], limits: MarkLimits) -> Executed:
    """Run an attempt by the tests of now; the gradebook is left alone."""
    ran = run_attempt(site, assignment, files, 0, limits)
    return Executed(ran.results, tuple(ran.stories), _basis(ran.plans, ran.source), ran.cell_ms, ran.suspicion)


def weigh(
    site: Site,
    assignment: str,
    learner: str,
    executed: Executed,
    *,
    submitted_at: datetime,
    attempt: int,
    given: Mapping[tuple[str, str], Given],
    late_penalty: str,
) -> Scored:
    """What an executed attempt would score; nothing is kept.

    `given`: what a person gave it, by notebook and grade id. It counts for an attempt that the gradebook does not hold
    any more; of the one that it holds, it knows better itself.
    Raises: ReleasedAnew.
    """
    ran = _restore(site, assignment, executed, {}, attempt, NO_LIMIT)
    with site.held():
        held = find_receipt(site.work / "autograded" / check_name(learner) / assignment).get("attempt", 0)
        with writing(site.gradebook_url, rehearsal=True) as gradebook:
            rows = start_submission(gradebook, assignment, learner, submitted_at)
            names = [plan.name for plan in ran.plans]
            if held > attempt:
                recall(rows, names, given)
            save_attempt(rows, learner, ran, late_penalty, is_repeat=held == attempt)
            if held > attempt:
                leave_settled(rows, names)
            return read_scored(gradebook.db, site, assignment, learner, ran.stories)


def put(
    site: Site,
    assignment: str,
    learner: str,
    executed: Executed,
    files: Mapping[str, bytes],
    *,
    submitted_at: datetime,
    attempt: int,
    limits: MarkLimits,
    late_penalty: str,
) -> Scored:
    """Put an executed attempt into the gradebook, as marking it would; to do so again changes nothing.

    Raises: ReleasedAnew. Superseded: a later attempt is there.
    """
    ran = _restore(site, assignment, executed, files, attempt, limits)
    return store_attempt(site, assignment, check_name(learner), ran, submitted_at, attempt, late_penalty)


def render_executed(
    site: Site, assignment: str, executed: Executed, files: Mapping[str, bytes], scored: Scored
) -> dict[str, bytes]:
    """Its pages for the learner, as `CourseRoot.render_feedback` makes them of the attempt in the gradebook."""
    source = site.read(assignment)[1]
    data = prepare_attempt(source, files, 0, NO_LIMIT).data
    with TemporaryDirectory() as folder:
        replace_tree(Path(folder, "marked"), data | executed.notebooks)
        return feedback.render_feedback(site.gradebook_url, Path(folder, "marked"), scored.marks, scored.comments)


def _restore(
    site: Site,
    assignment: str,
    executed: Executed,
    files: Mapping[str, bytes],
    attempt: int,
    limits: MarkLimits,
) -> Attempt:
    """The attempt as it was when it had been run. Raises: ReleasedAnew: the tests are others now."""
    plans, source = site.read(check_name(assignment))
    ran = prepare_attempt(source, files, attempt, limits)
    if _basis(plans, ran.source) != executed.basis:
        raise ReleasedAnew
    stories = {story.name: story for story in executed.stories}
    ran.notebooks = [
        Marked(plan, _read(executed.notebooks.get(f"{plan.name}.ipynb")), stories[f"{plan.name}.ipynb"])
        for plan in plans
    ]
    return ran


def _read(body: bytes | None) -> Notebook | None:
    return None if body is None else formats.reads(body.decode(), as_version=formats.NO_CONVERT)


def _basis(plans: Iterable[NotebookPlan], source: Mapping[str, bytes]) -> str:
    lines = [repr((plan.name, plan.kernelspec, sorted(plan.cells.items()))) for plan in plans]
    lines += [f"{name} {hashlib.sha256(body).hexdigest()}" for name, body in sorted(beside(source).items())]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
