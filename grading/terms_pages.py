"""What the pages say of the terms of a quiz, and of what an attempt counts after them."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from flask_babel import format_decimal, ngettext
from flask_babel import gettext as _

from grading.models import Counts, SubmissionRow
from grading.terms import Terms, Weighed, attempt_that_counts


@dataclass(frozen=True)
class Late:
    """What lateness does to an attempt, for a template."""

    label: str
    """`2 days late: −20 %`"""
    text: str
    """`8 of 10, 2 days late: −20 %, counts 6.4`"""
    off: Decimal
    counts: Decimal


def show_terms(terms: Terms) -> dict[str, Any]:
    """`terms` of the templates: .counts .late (sentences, or none) .closes (or none) .is_extended."""
    matters = terms.max_attempts != 1
    words = {
        Counts.LAST: _("the last attempt"),
        Counts.BEST: _("the best attempt"),
        Counts.FIRST: _("the first attempt"),
    }
    return {
        "counts": words[terms.counts] if matters else None,
        "late": _late_rule(terms),
        "closes": terms.closes_at,
        "is_extended": terms.is_extended,
    }


def say_terms(terms: Terms) -> list[str]:
    """The same in sentences, for whoever is told of them elsewhere."""
    shown, words = show_terms(terms), []
    if shown["counts"]:
        words.append(_("What counts is %(which)s.", which=shown["counts"]))
    if shown["late"]:
        words.append(shown["late"])
    if terms.closes_at is not None:
        words.append(_("When it has closed, nothing is taken any more."))
    return [str(each) for each in words]


def _late_rule(terms: Terms) -> str | None:
    if terms.due_at is None:
        return None
    if not terms.late_per_day:
        return str(_("After the due date an attempt is marked as late; it costs no points."))
    most = terms.percent_off(100)
    if most == terms.late_per_day:
        return str(_("After the due date %(most)s %% of the points of an attempt are taken off.", most=most))
    words = {"part": terms.late_per_day, "most": most}
    text = _(
        "Each day begun after the due date takes %(part)s %% off the points of an attempt, %(most)s %% at most.",
        **words,
    )
    return str(text)


def show_late(weighed: Weighed | None, max_points: Decimal) -> Late | None:
    """What is to be said of lateness; None: it was in time, or has no points yet."""
    if weighed is None or not weighed.days_late:
        return None
    days = ngettext("%(num)d day late", "%(num)d days late", weighed.days_late)
    said = _("%(points)s of %(max)s", points=format_decimal(weighed.points), max=format_decimal(max_points))
    if weighed.in_gradebook:
        label = _("%(days)s: %(off)s points, by nbgrader", days=days, off=f"−{format_decimal(weighed.in_gradebook)}")
        return Late(label, f"{said}, {label}", Decimal(0), weighed.counts)
    if not weighed.percent_off:
        return Late(days, f"{said}, {days}", Decimal(0), weighed.counts)
    label = _("%(days)s: −%(percent)s %%", days=days, percent=weighed.percent_off)
    text = _("%(said)s, %(label)s, counts %(counts)s", said=said, label=label, counts=format_decimal(weighed.counts))
    return Late(label, text, weighed.off, weighed.counts)


def say_which_counts(terms: Terms, attempts: Sequence[SubmissionRow], shown: SubmissionRow) -> str | None:
    """A sentence about the attempt that counts, seen from one of them; None: only one was made, or none is marked."""
    counts = attempt_that_counts(terms, attempts)
    if counts is None or len(attempts) < 2 or counts.is_held:
        return None
    if counts is shown:
        return str(_("This attempt counts."))
    weighed = terms.weigh_attempt(counts)
    points, most = weighed.counts if weighed else Decimal(0), counts.max_points
    words = {"number": counts.number, "points": format_decimal(points), "max": format_decimal(most)}
    return str(_("Attempt %(number)s counts, with %(points)s of %(max)s.", **words))
