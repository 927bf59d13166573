"""What the pages say of the conditions that a quiz is marked under."""

from dataclasses import dataclass

from flask_babel import gettext as _
from flask_babel import ngettext

from config.settings import Settings
from grading.conditions import held_for
from grading.models import AssignmentRow, EnvironmentRow, EnvironmentState

MOST_NAMED = 12
"""Packages that a page names."""


@dataclass(frozen=True)
class EnvironmentNotice:
    """What a teacher should know of a quiz's environment, for a template."""

    state: str
    """`building`, `failed`, or `kernel`: that may not be used any more."""
    text: str


def say_limits(settings: Settings, row: AssignmentRow) -> str:
    """What a notebook may use while it is marked, in a sentence."""
    held = held_for(settings, row)
    words = {"cell": _duration(held.cell_s), "whole": _duration(held.time_s), "memory": _size(held.memory_mb)}
    return str(
        _("When it is marked, a cell may take %(cell)s, the notebook %(whole)s and %(memory)s of memory.", **words)
    )


def say_environment(row: AssignmentRow) -> str | None:
    """Where it is marked, in a sentence; None: in the Python that every quiz has."""
    if row.kernel:
        return str(_("It is marked with the kernel %(name)s.", name=row.kernel))
    if not row.requirements:
        return None
    lines = row.requirements.split("\n")
    named = ", ".join(lines[:MOST_NAMED]) + ("…" if len(lines) > MOST_NAMED else "")
    return str(_("It is marked with these packages and what they need, and no others: %(names)s.", names=named))


def notice_of(settings: Settings, row: AssignmentRow, environment: EnvironmentRow | None) -> EnvironmentNotice | None:
    """What keeps submissions from being marked; None: nothing does that is known here."""
    if row.kernel and row.kernel not in settings.quizzes.kernels:
        text = _("%(name)s is not allowed here any more. Submissions are taken and wait.", name=row.kernel)
        return EnvironmentNotice("kernel", str(text))
    if not row.requirements or (environment is not None and environment.state is EnvironmentState.READY):
        return None
    if environment is not None and environment.state is EnvironmentState.FAILED:
        wait = _("Submissions are taken and wait; none is marked in another environment.")
        return EnvironmentNotice("failed", f"{environment.text} {wait}")
    text = _("Submissions are taken; they are marked as soon as the packages are there.")
    return EnvironmentNotice("building", str(text))


def _duration(seconds: int) -> str:
    if seconds % 60 == 0:
        return str(ngettext("%(num)d minute", "%(num)d minutes", seconds // 60))
    return str(ngettext("%(num)d second", "%(num)d seconds", seconds))


def _size(mib: int) -> str:
    return f"{mib // 1024} GB" if mib % 1024 == 0 else f"{mib} MB"
