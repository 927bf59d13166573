"""What the page for marking by hand sends: points, comment, chosen items, and changes of the rubric."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from grading.engine.hand_marks import HandMark, NewMark
from grading.rubrics import LONGEST_LABEL, RubricItem, RubricLine, sum_of

LONGEST_COMMENT = 10_000
MOST_EXTRA = Decimal(1000)
NEW_LINES = 2
"""Rows for new items that the page offers at once."""
_VERSION = re.compile(r"version-([0-9]{1,15}|new-[0-9]{1,2})")
_NUMBER = re.compile(r"[-−]?[0-9]{1,6}(?:[.,][0-9]{1,4})?")

Problems = list[tuple[str, str]]
"""(id of the field, what to change)."""


@dataclass(frozen=True)
class MarkForm:
    """A mark as it was typed."""

    points: str
    extra: str
    comment: str
    chosen: frozenset[int]
    """Ids of rubric items."""
    version: str
    """Of the mark that was looked at."""

    @classmethod
    def of(cls, mark: HandMark, items: list[RubricItem]) -> "MarkForm":
        """As it stands in the gradebook."""
        given = mark.manual_score
        chosen = frozenset(item.id for item in items if item.is_chosen)
        return cls(show_number(given), show_number(mark.extra_credit), mark.comment or "", chosen, mark.version)


def read_form(form: "MultiDict[str, str]", items: list[RubricItem], most: Decimal) -> MarkForm:
    """What was sent. Without a script nobody has added up the chosen items: points left as shown are the sum then."""
    chosen = frozenset(item.id for item in items if str(item.id) in form.getlist("item"))
    points = _line(form, "points")
    before = frozenset(item.id for item in items if item.is_chosen)
    if not form.get("summed") and points == _line(form, "shown_points") and chosen != before:
        points = show_number(sum_of(items, chosen, most))
    comment = form.get("comment", "").replace("\0", "").replace("\r\n", "\n").strip()
    return MarkForm(points, _line(form, "extra"), comment, chosen, form.get("version", ""))


def check_form(sent: MarkForm, most: Decimal, given: Decimal | None) -> tuple[NewMark, Problems]:
    """The mark, and what is wrong with it. `given`: what the gradebook has; in formgrader it may be beyond `most`."""
    problems: Problems = []
    points, extra = read_number(sent.points), read_number(sent.extra)
    if sent.points and points is None:
        problems.append(("points", _("Write the points as a number, such as 2.5.")))
    elif points is not None and not 0 <= points <= most and points != given:
        message = _("The question is worth 0 to %(most)s points. What goes beyond is extra credit.", most=most)
        problems.append(("points", message))
    if (sent.extra and extra is None) or (extra is not None and not 0 <= extra <= MOST_EXTRA):
        problems.append(("extra", _("Write extra credit as a number of points, such as 0.5.")))
    if len(sent.comment) > LONGEST_COMMENT:
        problems.append(("comment", _("A comment has at most %(most)s characters.", most=LONGEST_COMMENT)))
    return NewMark(points, extra or None, sent.comment or None), problems


def read_lines(form: Mapping[str, str]) -> tuple[list[RubricLine], Problems]:
    """What the teacher has changed in the rubric: every mark is sent with all lines of it, as the page showed them."""
    lines: list[RubricLine] = []
    problems: Problems = []
    for name in [found[1] for key in form if (found := _VERSION.fullmatch(key))]:
        label, text = _line(form, f"label-{name}"), _line(form, f"points-{name}")
        if f"{text} {label}".strip() == _line(form, f"was-{name}"):
            continue
        points = read_number(text)
        if text and not label and name.startswith("new"):
            problems.append((f"label-{name}", _("Say what this item is for.")))
        if label and points is None:
            problems.append((f"points-{name}", _("Write the points of “%(label)s” as a number.", label=label)))
        if len(label) > LONGEST_LABEL:
            problems.append((f"label-{name}", _("An item has at most %(most)s characters.", most=LONGEST_LABEL)))
        version = _line(form, f"version-{name}")
        is_number = version.isascii() and version.isdecimal() and len(version) < 9
        item_id = None if name.startswith("new") else int(name)
        lines.append(RubricLine(item_id, int(version) if is_number else 0, label, points or Decimal(0)))
    return lines, problems


def read_number(text: str) -> Decimal | None:
    """A number with a point or a comma; None: it is none."""
    if not _NUMBER.fullmatch(text):
        return None
    return Decimal(text.replace(",", ".").replace("−", "-"))


def show_number(value: Decimal | None) -> str:
    """A number as a field shows it."""
    return "" if value is None else f"{value.normalize():f}"


def _line(form: Mapping[str, str], name: str) -> str:
    return " ".join(form.get(name, "").replace("\0", "").split())
