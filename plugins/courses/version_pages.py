"""What the page of a quiz's next version shows."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from flask import url_for
from flask_babel import format_decimal, ngettext
from flask_babel import gettext as _

from grading import public as grading
from lti_tool.kernel.permissions import Right
from lti_tool.lti import public as lti
from lti_tool.web.session import current_session
from plugins.courses.editor_pages import frame
from plugins.courses.models import Item, Revision
from plugins.courses.parts import source_part
from plugins.courses.service import Outline
from plugins.courses.version_report import Finding, Report
from plugins.courses.written import list_released
from plugins.courses.written_models import Written, WrittenState


def version_context(
    slug: str,
    outline: Outline,
    item: Item,
    row: Written | None,
    newest: Revision | None,
    started: grading.Started,
    columns: lti.Columns,
) -> dict[str, Any]:
    """The context of `courses/edit/version.html` but for what was refused."""
    report = row.report if row is not None else None
    shown = {
        "version": None if row is None else _show_version(row, newest),
        "report": None if report is None else _show_report(report),
        "previews": [] if row is None or row.state is WrittenState.PUBLISHED else _list_previews(slug, item, row),
        "started": _tell_started(started, report, columns),
        "remark_url": _remark_url(slug, item, started),
    }
    return (
        frame(slug, outline, "outline")
        | shown
        | {
            "item": {"title": item.title, "is_published": item.state.value == "published"},
            "key": hashlib.sha256(repr(shown).encode()).hexdigest()[:16],
            "refused": None,
            "is_at_placement": current_session().placement_id is not None,
        }
        | _addresses(slug, item)
    )


@dataclass(frozen=True)
class Told:
    """A report in sentences, for a terminal."""

    errors: list[str]
    warnings: list[str]
    news: list[str]
    """Points, what changes, and what it means for learners who have begun and for the LMS."""


def tell_report(report: Report, started: grading.Started, columns: lti.Columns) -> Told:
    """What the page of a version shows, line by line."""
    shown = _show_report(report)
    total, was = shown["total"], shown["was"]
    news = [] if total is None or was is None or total == was else [_points_words(total, was)]
    return Told(shown["errors"], shown["warnings"], news + shown["changes"] + _tell_started(started, report, columns))


def _points_words(total: Decimal, was: Decimal) -> str:
    return str(_("%(total)s points in all; it was %(was)s.", total=format_decimal(total), was=format_decimal(was)))


def _addresses(slug: str, item: Item) -> dict[str, str]:
    at: dict[str, Any] = {"slug": slug, "item_slug": item.slug}
    return {
        "edit_url": url_for("courses.edit_item", **at) + "#notebooks",
        "here_url": url_for("courses.show_version", **at),
        "history_url": url_for("courses.show_history", slug=slug, part=source_part(str(item.assignment))),
        "write_url": url_for("courses.write_view", **at),
        "check_url": url_for("courses.check_version_view", **at),
        "publish_url": url_for("courses.publish_version_view", **at),
        "drop_url": url_for("courses.drop_version_view", **at),
    }


def _list_previews(slug: str, item: Item, row: Written) -> list[dict[str, str]]:
    """Where each notebook of a checked version is seen as learners would get it."""
    at: dict[str, Any] = {"slug": slug, "item_slug": item.slug}
    return [{"name": path, "url": url_for("courses.preview_version", **at, path=path)} for path in list_released(row)]


def _remark_url(slug: str, item: Item, started: grading.Started) -> str | None:
    if not started.attempts or Right.MARK not in current_session().rights:
        return None
    return url_for("grading.begin_remark", slug=slug, name=item.assignment)


def _show_version(row: Written, newest: Revision | None) -> dict[str, Any]:
    number = newest.number if newest else 0
    is_overtaken = row.report is not None and row.report["against"] != number
    return {
        "state": row.state.value,
        "is_busy": row.state.is_busy,
        "is_overtaken": is_overtaken and row.state is WrittenState.CHECKED,
        "is_current": row.state is WrittenState.PUBLISHED and row.base == number,
        "sha256": row.sha256,
        "saved_at": row.saved_at,
        "checked_at": row.checked_at,
        "asked_at": row.asked_at,
        "said": row.said,
        "files": [{"name": entry["path"], "size": entry["size"]} for entry in row.files],
    }


def _show_report(report: Report) -> dict[str, Any]:
    def of(level: str) -> list[str]:
        return [find_words(finding) for finding in report["findings"] if finding["level"] == level]

    return {
        "errors": of("error"),
        "warnings": of("warning"),
        "questions": [_show_question(each) for each in report["questions"]],
        "total": _number(report["total"]),
        "was": _number(report["was"]),
        "changes": [_change_words(change) for change in report["changes"]],
    }


def _show_question(said: dict[str, Any]) -> dict[str, Any]:
    points = {name: _number(said[name]) for name in ("points", "solved", "empty")}
    by_hand = said["kind"] != "auto"
    return (
        {"title": said["title"], "name": said["name"], "by_hand": by_hand}
        | points
        | {
            "solved_ok": by_hand or points["solved"] == points["points"],
            "empty_ok": by_hand or not points["empty"],
        }
    )


def find_words(finding: Finding) -> str:
    """One finding in a sentence or two that say what to do."""
    known = {
        "file": _file_words,
        "source": _file_words,
        "conditions": _file_words,
        "misfit": _misfit_words,
        "overtaken": _overtaken_words,
    }
    code = finding["code"]
    if code in known:
        return known[code](finding)
    return _leak_words(finding) if code.startswith("leak_") else _mark_words(finding)


def _file_words(finding: Finding) -> str:
    return str(finding["text"])


def _misfit_words(finding: Finding) -> str:
    places = ", ".join(finding["places"][:5])
    return str(_("%(why)s Handed in in: %(places)s.", why=grading.HANDED_IN, places=places))


def _overtaken_words(finding: Finding) -> str:
    author = finding["author"] or _("An import")
    at = f"{datetime.fromisoformat(finding['at']):%Y-%m-%d %H:%M} UTC"
    text = _(
        "%(author)s published another version on %(at)s, after you had begun yours. Yours takes its place: compare the "
        "files first, or throw yours away and begin again from theirs.",
        author=author,
        at=at,
    )
    return str(text)


def _mark_words(finding: Finding) -> str:
    code, cell = finding["code"], f"{finding.get('notebook')}.ipynb, “{finding.get('name')}”"
    if code == "solution_fails":
        got = _("the solution gets %(got)s of %(points)s points.", got=finding["got"], points=finding["points"])
        why = _("The test says: %(why)s", why=finding["why"]) if finding["why"] else ""
        return f"{cell}: {got} {why}".strip()
    if code == "empty_passes":
        got = _(
            "whoever hands in the quiz as it was given out gets %(got)s of %(points)s points here.",
            got=finding["got"],
            points=finding["points"],
        )
        return f"{cell}: {got}"
    if code == "empty_gets_all":
        said = _(
            "The tests cannot tell a solved quiz from an empty one: the learners’ version gets all %(points)s points "
            "without any answer.",
            points=finding["points"],
        )
        return str(said)
    return str(_("The solution was run, and not all of it went well: %(text)s", text=finding["text"]))


def _leak_words(finding: Finding) -> str:
    parts = {
        "text": _("the text"),
        "outputs": _("the outputs"),
        "metadata": _("the metadata"),
        "attachments": _("an attachment"),
        "file": _("the file"),
    }
    where = ", ".join(part for part in (finding["file"], finding["cell"], parts[finding["part"]]) if part)
    what = {
        "leak_marker": _("a mark of nbgrader would be seen by learners: %(line)s"),
        "leak_hidden": _("learners would read a hidden test or a mark scheme there: %(line)s"),
        "leak_solution": _("learners would read a line of a solution there: %(line)s"),
    }[finding["code"]]
    return f"{where}: {what % {'line': finding['excerpt']}}"


def _change_words(change: dict[str, str]) -> str:
    cell = f"{change['file']}, “{change['name']}”" if change["name"] else change["file"]
    words = {
        "question_added": _("a new question, worth %(new)s"),
        "question_removed": _("this question is gone; it was worth %(old)s"),
        "points": _("worth %(new)s; it was %(old)s"),
        "tests": _("another test or task"),
        "text": _("other text or code is given to learners"),
        "answer": _("another solution; learners notice nothing"),
        "file_added": _("a new file"),
        "file_removed": _("the file is gone"),
        "file": _("another content"),
    }[change["kind"]]
    return f"{cell}: {words % change}"


def _tell_started(started: grading.Started, report: Report | None, columns: lti.Columns) -> list[str]:
    """What publishing means for learners who have begun, and for the LMS."""
    found: list[str] = []
    if started.drafts:
        found.append(
            ngettext(
                "%(num)d learner has begun in Jupyter. The copy there stays as it is; it is marked with the new tests "
                "when it is handed in.",
                "%(num)d learners have begun in Jupyter. Their copies stay as they are; they are marked with the new "
                "tests when they are handed in.",
                started.drafts,
            )
        )
    if started.attempts:
        attempts = ngettext("%(num)d attempt", "%(num)d attempts", started.attempts)
        found.append(
            ngettext(
                "%(num)d learner has handed in: %(attempts)s. Work and marks stay until you have them marked again.",
                "%(num)d learners have handed in: %(attempts)s. Work and marks stay until you have them marked again.",
                started.learners,
                attempts=attempts,
            )
        )
    if not found:
        found.append(_("Nobody has begun yet."))
    return found + _tell_columns(report, columns)


def _tell_columns(report: Report | None, columns: lti.Columns) -> list[str]:
    if report is None or report["total"] is None or report["total"] == report["was"] or report["was"] is None:
        return []
    values = {"total": _number(report["total"])}
    found: Sequence[str] = []
    if columns.following:
        found = [
            ngettext(
                "The column in the LMS gets %(total)s as its maximum.",
                "The %(num)d columns in the LMS get %(total)s as their maximum.",
                columns.following,
                **values,
            )
        ]
    if columns.fixed:
        found = [
            *found,
            ngettext(
                "%(num)d column in the LMS cannot be changed from here: set its maximum to %(total)s there.",
                "%(num)d columns in the LMS cannot be changed from here: set their maximum to %(total)s there.",
                columns.fixed,
                **values,
            ),
        ]
    return list(found)


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
