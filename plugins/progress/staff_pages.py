"""What teachers see: their class in a table that can be sorted, filtered and saved."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import url_for
from flask_babel import gettext as _

from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import NotFound
from lti_tool.lti import public as lti
from plugins.progress.explaining import spent_words
from plugins.progress.outbox import SOURCE
from plugins.progress.reading import LearnerProgress, read_many

ON_PAGE = 50
QUIET = timedelta(days=7)
LONG_AGO = datetime.fromtimestamp(0).astimezone()


@dataclass(frozen=True)
class Row:
    """A learner of the class."""

    person: lti.Person
    progress: LearnerProgress | None
    """None: not begun."""

    @property
    def name(self) -> str:
        """For sorting."""
        return self.person.display_name.casefold()

    @property
    def percent(self) -> int:
        """0 before they begin."""
        return self.progress.percent if self.progress else 0


@dataclass(frozen=True)
class Wish:
    """What a teacher wants to see."""

    show: str = "all"
    sort: str = "name"
    is_down: bool = False
    page: int = 1

    @classmethod
    def of(cls, show: str, sort: str, page: str) -> "Wish":
        """From the address; what makes no sense is passed over. `sort` begins with `-` to turn it round."""
        name = sort.removeprefix("-")
        number = int(page) if page.isascii() and page.isdecimal() and len(page) < 6 else 1
        return cls(
            show if show in FILTERS else "all", name if name in SORTS else "name", sort[:1] == "-", max(1, number)
        )


SORTS: dict[str, Callable[[Row], Any]] = {
    "name": lambda row: row.name,
    "percent": lambda row: row.percent,
    "time": lambda row: row.progress.seconds if row.progress else 0,
    "last": lambda row: row.progress.last_at if row.progress else LONG_AGO,
}
FILTERS: dict[str, Callable[[Row, datetime], bool]] = {
    "all": lambda row, now: True,
    "done": lambda row, now: row.progress is not None and row.progress.done_at is not None,
    "busy": lambda row, now: row.progress is not None and row.progress.done_at is None,
    "quiet": lambda row, now: (
        row.progress is not None and row.progress.done_at is None and row.progress.last_at < now - QUIET
    ),
    "none": lambda row, now: row.progress is None,
}


def load_class(tx: Tx, placement_id: int) -> list[Row]:
    """The learners of a placement, without test students. Two queries."""
    found = read_many(tx, placement_id)
    return [Row(person, found.get(person.id)) for person in lti.list_learners(tx, placement_id) if not person.is_test]


def get_learner(tx: Tx, placement_id: int, user_id: int) -> lti.Person:
    """A learner of the placement. Raises: NotFound."""
    for person in lti.list_learners(tx, placement_id):
        if person.id == user_id:
            return person
    raise NotFound("learner_not_found", _("There is no such learner in your course."))


def count_unsent(tx: Tx, placement_id: int) -> int:
    """How many percentages the LMS has refused."""
    return lti.count_in_placement(tx, SOURCE, placement_id).get(lti.ScoreState.REFUSED, 0)


def class_context(slug: str, rows: list[Row], wish: Wish) -> dict[str, Any]:
    """The context of `progress/class.html`, without what the LMS says."""
    now = clock.now()
    picks = {name: [row for row in rows if keep(row, now)] for name, keep in FILTERS.items()}
    shown = sorted(picks[wish.show], key=lambda row: row.name)
    shown.sort(key=SORTS[wish.sort], reverse=wish.is_down)
    pages = max(1, -(-len(shown) // ON_PAGE))
    number = min(wish.page, pages)
    begun = [row for row in rows if row.progress]
    return {
        "summary": {
            "learners": len(rows),
            "begun": len(begun),
            "done": len(picks["done"]),
            "mean": sum(row.percent for row in rows) // len(rows) if rows else 0,
        },
        "tabs": _tabs(slug, wish, picks),
        "columns": _columns(slug, wish),
        "rows": [_line(slug, row) for row in shown[(number - 1) * ON_PAGE : number * ON_PAGE]],
        "pages": _pages(slug, wish, number, pages),
        "export_url": url_for("progress.export_class", slug=slug),
    }


def export_csv(rows: list[Row]) -> str:
    """The class as CSV. A name that a spreadsheet would take for a formula is made harmless."""
    out = io.StringIO()
    write = csv.writer(out).writerow
    write(["learner", "id", "percent", "done_items", "counted_items", "minutes", "last_at", "done_at"])
    for row in sorted(rows, key=lambda row: row.name):
        name, one = row.person.display_name, row.progress
        facts: list[Any] = [0, "", "", 0, "", ""]
        if one:
            done_at = one.done_at.isoformat() if one.done_at else ""
            last_at = one.last_at.isoformat()
            facts = [one.percent, one.done_items, one.counted_items, one.seconds // 60, last_at, done_at]
        write(["'" + name if name[:1] in "=+-@\t\r" else name, row.person.hub_name, *facts])
    return out.getvalue()


def _tabs(slug: str, wish: Wish, picks: dict[str, list[Row]]) -> list[dict[str, Any]]:
    names = {
        "all": _("All"),
        "done": _("Finished"),
        "busy": _("Under way"),
        "quiet": _("Quiet for 7 days"),
        "none": _("Not begun"),
    }
    return [
        {
            "label": names[name],
            "url": url_for("progress.show_class", slug=slug, show=name, sort=_sort_of(wish)),
            "current": name == wish.show,
            "number": len(rows),
        }
        for name, rows in picks.items()
    ]


def _columns(slug: str, wish: Wish) -> list[dict[str, Any]]:
    """The heads of the table; a second press turns the order round. Numbers begin with the largest."""
    names = {"name": _("Learner"), "percent": _("Progress"), "time": _("Time spent"), "last": _("Last seen")}
    columns = []
    for name, label in names.items():
        turned = not wish.is_down if name == wish.sort else name != "name"
        url = url_for("progress.show_class", slug=slug, show=wish.show, sort=("-" if turned else "") + name)
        order = ("descending" if wish.is_down else "ascending") if name == wish.sort else None
        columns.append({"name": name, "label": label, "url": url, "order": order})
    return columns


def _pages(slug: str, wish: Wish, number: int, pages: int) -> dict[str, Any] | None:
    if pages == 1:
        return None

    def url(page: int) -> str | None:
        if not 1 <= page <= pages:
            return None
        return url_for("progress.show_class", slug=slug, show=wish.show, sort=_sort_of(wish), page=page)

    return {"number": number, "pages": pages, "previous": url(number - 1), "following": url(number + 1)}


def _sort_of(wish: Wish) -> str:
    return ("-" if wish.is_down else "") + wish.sort


def _line(slug: str, row: Row) -> dict[str, Any]:
    one = row.progress
    return {
        "name": row.person.display_name,
        "url": url_for("progress.show_learner", slug=slug, user_id=row.person.id) if one else None,
        "percent": row.percent,
        "count": _("%(done)s of %(all)s", done=one.done_items, all=one.counted_items) if one else None,
        "spent": spent_words(one.seconds) if one else None,
        "last_at": one.last_at if one else None,
        "done_at": one.done_at if one else None,
    }
