"""What teachers see: the learners of their LMS course, their submissions, and where the grades are."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import and_, func, select

from grading.access import placement_of
from grading.class_attempts import ClassAttempts, load_class_attempts
from grading.conditions_pages import say_environment, say_limits
from grading.extensions import ClassTerms
from grading.group_models import GroupRow, ShareRow
from grading.group_work import HandedIn
from grading.models import AssignmentRow, Decision, SubmissionRow, SubmissionState
from grading.pages import show_delivery, warning_of
from grading.passback import list_deliveries, list_passbacks
from grading.plain_csv import plain_cell
from grading.terms import Terms, attempt_that_counts, terms_of
from grading.terms_pages import show_late, show_terms
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import NotFound
from lti_tool.kernel.permissions import Right
from lti_tool.lti import public as lti
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import SignedIn

ON_PAGE = 50
"""Learners."""
TABS = ("all", "to_mark", "problems", "missing")


@dataclass(frozen=True)
class Class:
    """A quiz as done by the learners of one LMS course."""

    learners: dict[int, lti.Person]
    made: ClassAttempts
    """Without files, marks and feedback."""
    deliveries: dict[int, list[lti.Entry]]
    terms: ClassTerms

    @property
    def attempts(self) -> dict[int, list[SubmissionRow]]:
        """By user id, newest first."""
        return self.made.by_learner

    @property
    def names(self) -> dict[int, str]:
        """Of the learners, by user id."""
        return {user_id: person.display_name for user_id, person in self.learners.items()}

    def newest(self) -> dict[int, SubmissionRow]:
        """The newest attempt of each learner who has one."""
        return {user_id: rows[0] for user_id, rows in self.attempts.items()}

    def has_problem(self, user_id: int) -> bool:
        """Is there something a teacher should look at?"""
        delivery = show_delivery(self.deliveries.get(user_id, []))
        newest = self.attempts[user_id][0]
        return (
            (delivery is not None and delivery.is_problem)
            or newest.state is SubmissionState.FAILED
            or warning_of(newest) is not None
            or any(each.is_held for each in self.attempts[user_id])
        )

    def compared_at(self) -> datetime | None:
        """When the LMS's gradebook was last compared with what was sent."""
        rows = (row for each in self.deliveries.values() for row in each)
        return max((row.compared_at for row in rows if row.compared_at), default=None)

    def has_unsent(self) -> bool:
        """Is there a grade that was refused, or that is tried again?"""
        rows = (row for each in self.deliveries.values() for row in each)
        return any(row.is_unsent for row in rows)


def learners_of(tx: Tx, session: SignedIn) -> dict[int, lti.Person]:
    """The learners that a teacher may see: those of the LMS course they launched from."""
    return {person.id: person for person in lti.list_learners(tx, placement_of(session))}


def load_class(tx: Tx, session: SignedIn, terms: ClassTerms) -> Class:
    """Everything on one quiz, in three queries."""
    learners, row = learners_of(tx, session), terms.row
    large = (SubmissionRow.files, SubmissionRow.marks, SubmissionRow.feedback)
    attempts = load_class_attempts(tx, placement_of(session), row.id, learners.keys(), large)
    return Class(learners, attempts, list_passbacks(tx, placement_of(session), row.id, list(learners)), terms)


def submissions_context(session: SignedIn, group: Class, shown: str, number: int) -> dict[str, Any]:
    """What `submissions.html` needs, without the trail."""
    row, newest = group.terms.row, group.newest()
    units = group.made.list_units()
    missing: list[tuple[int, ...]] = [(user_id,) for user_id in group.learners if user_id not in newest]
    waits = [unit for unit in units if newest[unit[0]].state is SubmissionState.NEEDS_MANUAL]
    problems = [unit for unit in units if any(group.has_problem(user_id) for user_id in unit)]
    picks: dict[str, list[tuple[int, ...]]] = {
        "all": units + missing,
        "to_mark": waits,
        "problems": problems,
        "missing": missing,
    }
    names = {"all": _("All"), "to_mark": _("To mark"), "problems": _("Problems"), "missing": _("Nothing submitted")}
    place: dict[str, Any] = {"slug": row.course_slug, "name": row.name}
    tabs = [
        {
            "label": names[tab],
            "url": url_for("grading.list_quiz", **place, show=tab),
            "current": tab == shown,
            "number": len(ids),
        }
        for tab, ids in picks.items()
    ]
    real = {user_id for user_id, person in group.learners.items() if not person.is_test}
    summary = {"learners": len(real), "submitted": len(real & set(newest))}
    summary |= {name: sum(not real.isdisjoint(unit) for unit in picks[name]) for name in ("to_mark", "problems")}
    order = sorted(picks[shown], key=lambda unit: _name_of(group, unit).casefold())
    pages = max(1, -(-len(order) // ON_PAGE))
    number = min(max(1, number), pages)
    links = partial(url_for, "grading.list_quiz", **place, show=shown)
    return {
        "quiz": {"title": row.title, "max_points": row.max_points, "due": row.due_at},
        "terms": show_terms(terms_of(row)),
        "summary": summary,
        "tabs": tabs,
        "rows": [
            line for unit in order[(number - 1) * ON_PAGE : number * ON_PAGE] for line in _lines(session, group, unit)
        ],
        "pages": {
            "number": number,
            "pages": pages,
            "previous": links(page=number - 1) if number > 1 else None,
            "following": links(page=number + 1) if number < pages else None,
        },
        "compared_at": group.compared_at(),
        **_addresses(group, place, may_group=Right.GRANT_EXTENSIONS in session.rights),
        **_conditions(row),
    }


def _addresses(group: Class, place: dict[str, Any], *, may_group: bool) -> dict[str, str | None]:
    """To other pages of the quiz, files, and what can be done."""
    return {
        "compare_url": url_for("grading.compare_quiz", **place) if any(group.deliveries.values()) else None,
        "by_hand_url": url_for("grading.list_by_hand", **place),
        "mark_url": url_for("grading.open_formgrader", **place),
        "send_all_url": url_for("grading.send_all", **place) if group.has_unsent() else None,
        "export_url": url_for("grading.export_submissions", **place),
        "similar_url": url_for("grading.list_similar", **place),
        "marks_url": url_for("grading.export_marks", **place),
        "remark_url": url_for("grading.begin_remark", **place) if group.attempts else None,
        "groups_url": url_for("grading.show_groups", **place) if may_group else None,
        "extend_url": url_for("grading.extend_groups", **place) if may_group else None,
        "health_url": url_for("grading.show_health", **place),
    }


def _conditions(row: AssignmentRow) -> dict[str, Any]:
    """What the quiz is marked under."""
    return {
        "limits": say_limits(current_runtime().settings, row),
        "environment": say_environment(row),
        "build_url": url_for("grading.build_again", slug=row.course_slug, name=row.name),
    }


def _name_of(group: Class, unit: Sequence[int]) -> str:
    """Of a learner, or of a group with its members."""
    newest = group.newest().get(unit[0])
    if newest is not None and newest.group_id is not None:
        return group.made.say_whose(newest, group.names)
    person = group.learners[unit[0]]
    return str(_("%(name)s (test student)", name=person.display_name)) if person.is_test else person.display_name


def _lines(session: SignedIn, group: Class, unit: Sequence[int]) -> list[dict[str, Any]]:
    attempts = group.made.attempts_of(unit)
    extended = next((user_id for user_id in unit if user_id in group.terms.extensions), unit[0])
    about = {"learner": _name_of(group, unit), "extension": show_extension(session, group.terms, extended)}
    if not attempts:
        return [about | {"number": None, "url": None}]
    first = attempts[0].user_id if attempts[0].user_id in unit else unit[0]
    terms = group.terms.of(first)
    counts = attempt_that_counts(terms, group.attempts[first])
    lines = [
        about | _line(group, terms, each, is_newest=each is attempts[0], counts=each is counts) for each in attempts
    ]
    for line, each in zip(lines[1:], attempts[1:], strict=True):
        line["extension"] = None
        if each.group_id is not None or attempts[0].group_id is not None:
            line["learner"] = group.made.say_whose(each, group.names) or about["learner"]
    return lines


def _line(group: Class, terms: Terms, attempt: SubmissionRow, *, is_newest: bool, counts: bool) -> dict[str, Any]:
    row, owners = group.terms.row, group.made.owners_of(attempt)
    mine = [each for owner in owners for each in group.deliveries.get(owner, []) if each.subject_id == attempt.id]
    place: dict[str, Any] = {"slug": row.course_slug, "name": row.name, "submission_id": attempt.id}
    delivery = show_delivery(mine)
    retry_url = None
    if attempt.state is SubmissionState.FAILED and is_newest:
        retry_url = url_for("grading.mark_submission_again", **place)
    elif delivery is not None and delivery.may_be_sent:
        retry_url = url_for("grading.send_submission_again", **place)
    return {
        "counts": counts and not attempt.is_held and any(len(group.attempts.get(owner, [])) > 1 for owner in owners),
        "lateness": show_late(terms.weigh_attempt(attempt), attempt.max_points) if attempt.state.is_marked else None,
        "number": attempt.number,
        "submitted_at": attempt.submitted_at,
        "late": terms.days_late(attempt.submitted_at) > 0,
        "state": attempt.shown_state,
        "stopped": warning_of(attempt) is not None,
        "points": attempt.given_points if attempt.state.is_marked else None,
        "max_points": attempt.max_points,
        "url": url_for("grading.show_submission", **place),
        "delivery": delivery,
        "retry_url": retry_url,
    }


@dataclass(frozen=True)
class Found:
    """A submission that a teacher may see."""

    row: SubmissionRow
    name: str
    """Of the learner, or of the group with its members."""
    attempts: list[SubmissionRow]
    """All of the same learner or group, newest first."""
    members: tuple[lti.Person, ...]
    """Those of the course whose it is."""


def get_submission(tx: Tx, session: SignedIn, row: AssignmentRow, submission_id: int) -> Found:
    """A submission of a learner or group that this teacher may see; two queries. Raises: NotFound."""
    owner = select(SubmissionRow.hub_name).where(SubmissionRow.id == submission_id).scalar_subquery()
    mine = (SubmissionRow.placement_id == placement_of(session), SubmissionRow.assignment_id == row.id)
    query = (
        select(SubmissionRow, GroupRow.name, ShareRow.user_id)
        .outerjoin(GroupRow, GroupRow.id == SubmissionRow.group_id)
        .outerjoin(ShareRow, ShareRow.submission_id == SubmissionRow.id)
        .where(*mine, SubmissionRow.hub_name == owner)
        .order_by(SubmissionRow.number.desc())
    )
    attempts: dict[int, SubmissionRow] = {}
    owners: list[int] = []
    group: str | None = None
    for each, name, sharer in tx.execute(query):
        attempts[each.id] = each
        if each.id == submission_id:
            group = name
            owners.append(each.user_id if sharer is None else sharer)
    learners = learners_of(tx, session)
    members = tuple(learners[user_id] for user_id in owners if user_id in learners)
    if not members:
        raise NotFound("submission_not_found", _("There is no such submission in your course."))
    names = {person.id: person.display_name for person in members}
    name = names[owners[0]] if group is None else HandedIn(group, tuple(owners)).say(names)
    return Found(attempts[submission_id], name, list(attempts.values()), members)


def history_of(tx: Tx, attempt: SubmissionRow, platform: str) -> list[dict[str, Any]]:
    """What happened to a submission, oldest first."""
    events = [{"at": attempt.submitted_at, "text": _("Submitted, receipt %(receipt)s", receipt=attempt.receipt)}]
    if attempt.marked_at is not None:
        text = _("Marked: %(points)s of %(max)s points", points=attempt.points, max=attempt.max_points)
        said = [text if attempt.state.is_marked else _("Not marked"), warning_of(attempt)]
        events.append({"at": attempt.marked_at, "text": ". ".join(part for part in said if part)})
    if attempt.decided_at is not None:
        accepted = attempt.decision is Decision.ACCEPTED
        events.append({"at": attempt.decided_at, "text": _("Score accepted") if accepted else _("Score set to zero")})
    words = {
        lti.ScoreState.SENT: _("Sent to %(platform)s", platform=platform),
        lti.ScoreState.PENDING: _("Not sent yet, it is tried again"),
        lti.ScoreState.REFUSED: _("Not accepted by %(platform)s", platform=platform),
        lti.ScoreState.NOT_WANTED: _("Nothing sent"),
    }
    for delivery in list_deliveries(tx, attempt.id):
        text = _("%(what)s: %(points)s points", what=words[delivery.state], points=delivery.points)
        events.append({"at": delivery.at, "text": f"{text}. {delivery.text}" if delivery.text else text})
    return sorted(events, key=lambda event: event["at"])


def overview_rows(tx: Tx, session: SignedIn, rows: Sequence[AssignmentRow]) -> list[dict[str, Any]]:
    """One line for each quiz: how many handed in, are to be marked by hand, have failed. Test students do not count."""
    learners = [user_id for user_id, person in learners_of(tx, session).items() if not person.is_test]
    latest = (
        select(SubmissionRow.assignment_id, SubmissionRow.hub_name, func.max(SubmissionRow.number).label("number"))
        .where(SubmissionRow.placement_id == placement_of(session))
        .where(SubmissionRow.assignment_id.in_([row.id for row in rows]))
        .group_by(SubmissionRow.assignment_id, SubmissionRow.hub_name)
        .subquery()
    )
    same = (
        SubmissionRow.assignment_id == latest.c.assignment_id,
        SubmissionRow.hub_name == latest.c.hub_name,
        SubmissionRow.number == latest.c.number,
    )
    owner = func.coalesce(ShareRow.user_id, SubmissionRow.user_id)
    number = func.count(SubmissionRow.hub_name.distinct())
    query = select(SubmissionRow.assignment_id, SubmissionRow.state, func.count(owner.distinct()), number)
    query = query.join(latest, and_(*same)).outerjoin(ShareRow, ShareRow.submission_id == SubmissionRow.id)
    query = query.where(SubmissionRow.placement_id == placement_of(session), owner.in_(learners))
    people: dict[int, int] = {}
    counts: dict[int, dict[SubmissionState, int]] = {}
    for assignment_id, state, owners, units in tx.execute(
        query.group_by(SubmissionRow.assignment_id, SubmissionRow.state)
    ):
        people[assignment_id] = people.get(assignment_id, 0) + owners
        counts.setdefault(assignment_id, {})[state] = units
    return [_overview_line(row, counts.get(row.id, {}), people.get(row.id, 0), len(learners)) for row in rows]


def _overview_line(
    row: AssignmentRow, counts: dict[SubmissionState, int], submitted: int, learners: int
) -> dict[str, Any]:
    return {
        "title": row.title,
        "url": url_for("grading.list_quiz", slug=row.course_slug, name=row.name),
        "due": row.due_at,
        "learners": learners,
        "submitted": min(submitted, learners),
        "to_mark": counts.get(SubmissionState.NEEDS_MANUAL, 0),
        "failed": counts.get(SubmissionState.FAILED, 0),
    }


def export_csv(group: Class) -> str:
    """All attempts as CSV. A name that a spreadsheet would take for a formula is made harmless."""
    out = io.StringIO()
    write = csv.writer(out).writerow
    head = "learner id attempt submitted_at late days_late state points max_points late_off counted_points counts"
    write([*head.split(), "receipt", "sha256", "group"])
    for user_id, learner in sorted(group.learners.items(), key=lambda item: item[1].display_name.casefold()):
        name = plain_cell(learner.display_name)
        attempts, terms = group.attempts.get(user_id, []), group.terms.of(user_id)
        counts = attempt_that_counts(terms, attempts)
        for each in reversed(attempts):
            shared = plain_cell(group.made.groups[each.id].name) if each.id in group.made.groups else ""
            facts = [*_csv_facts(terms, each), _yes(each is counts), each.receipt, each.sha256, shared]
            write([name, learner.hub_name, *facts])
    return out.getvalue()


def _csv_facts(terms: Terms, row: SubmissionRow) -> list[object]:
    days, weighed = terms.days_late(row.submitted_at), terms.weigh_attempt(row) if row.state.is_marked else None
    at, points = (
        row.submitted_at.isoformat(),
        (weighed.points, weighed.off, weighed.counts) if weighed else ("", "", ""),
    )
    return [row.number, at, _yes(days > 0), days, row.shown_state, points[0], row.max_points, *points[1:]]


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def show_extension(session: SignedIn, terms: ClassTerms, user_id: int) -> dict[str, Any]:
    """`extension` of the templates: .is_given .due (or none) .url (or none: not theirs to change)."""
    may_grant = Right.GRANT_EXTENSIONS in session.rights
    place: dict[str, Any] = {"slug": terms.row.course_slug, "name": terms.row.name, "user_id": user_id}
    given = user_id in terms.extensions
    return {
        "is_given": given,
        "due": terms.of(user_id).due_at if given else None,
        "url": url_for("grading.edit_extension", **place) if may_grant else None,
    }


def show_members(
    session: SignedIn, terms: ClassTerms, row: SubmissionRow, members: Sequence[lti.Person]
) -> list[dict[str, Any]]:
    """The members of a group, for its submission's page: .name .handed_in .extension .late (of lateness, or none)."""
    if row.group_id is None:
        return []
    marked = row.state.is_marked
    return [
        {
            "name": person.display_name,
            "handed_in": person.id == row.user_id,
            "extension": show_extension(session, terms, person.id),
            "late": show_late(terms.of(person.id).weigh_attempt(row), row.max_points) if marked else None,
        }
        for person in members
    ]
