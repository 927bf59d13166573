"""What a learner is told of an attempt that waits to be marked: how many come before it, and how long it may take."""

from dataclasses import dataclass
from math import ceil

from flask_babel import gettext as _
from flask_babel import ngettext

from grading.models import SubmissionRow, SubmissionState
from lti_tool.kernel.db import Tx
from lti_tool.kernel.line import COUNTED, Place, find_place

SOON_S, LATER_S = 15.0, 120.0
HOURS_FROM_MIN = 120


@dataclass(frozen=True)
class Waiting:
    """For a template."""

    text: str
    every_ms: int
    """Time between two looks of the page: the longer the wait, the rarer."""


QUICK_MS = 1500


def find_attempt_place(tx: Tx, row: SubmissionRow) -> Place | None:
    """Where an attempt stands in the line; None when it does not wait, or an earlier attempt is marked first."""
    if row.state is not SubmissionState.QUEUED or row.job_id is None:
        return None
    return find_place(tx, row.job_id)


def show_waiting(place: Place | None) -> Waiting:
    """The place of an attempt that waits."""
    if place is None:
        return Waiting(_("Waiting for its turn"), QUICK_MS * 2)
    every_ms = QUICK_MS
    if place.wait_s is None or place.wait_s > SOON_S:
        every_ms = QUICK_MS * (2 if place.ahead < 10 else 10 if place.wait_s and place.wait_s > LATER_S else 4)
    if place.ahead == 0:
        return Waiting(_("Yours is next"), every_ms)
    before = ngettext("%(num)d before yours", "%(num)d before yours", place.ahead)
    if place.is_more:
        before = _("more than %(number)s before yours", number=COUNTED)
    if place.wait_s is None:
        return Waiting(before, every_ms)
    return Waiting(f"{_say_time(place.wait_s, at_least=place.is_more)}, {before}", every_ms)


def _say_time(wait_s: float, *, at_least: bool) -> str:
    minutes = ceil(wait_s / 60)
    if minutes <= 1:
        return str(_("less than a minute"))
    if minutes < HOURS_FROM_MIN:
        time = ngettext("%(num)d minute", "%(num)d minutes", minutes)
    else:
        time = ngettext("%(num)d hour", "%(num)d hours", ceil(minutes / 60))
    return str(_("at least %(time)s", time=time) if at_least else _("about %(time)s", time=time))
