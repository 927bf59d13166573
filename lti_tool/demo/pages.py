"""Pages of the course: who to be, what is in it, the activity's frame, grades and people."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from flask import Blueprint, Response, make_response, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response as BaseResponse

from lti_tool.demo.campus import Campus, the_campus
from lti_tool.demo.model import Activity, CampusError, Grade, LineItem, Person, ReceivedScore
from lti_tool.demo.people import require_editor, require_person, require_staff, sign_in, signed_in

blueprint = Blueprint("pages", __name__)


@dataclass(frozen=True)
class Cell:
    """One person's grade in one column, with every score received for it."""

    item: LineItem
    person: Person
    grade: Grade | None
    history: tuple[ReceivedScore, ...]


@blueprint.app_template_filter("points")
def points(value: float | None) -> str:
    """Write points without needless zeros; a dash for none."""
    if value is None:
        return "\u2013"
    return f"{value:.2f}".rstrip("0").rstrip(".")


@blueprint.app_template_filter("moment")
def moment(epoch_s: float) -> str:
    """Write a time in UTC."""
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%d %b %Y, %H:%M:%S UTC")


@blueprint.get("/")
def start() -> str:
    """Offer every person to sign in as."""
    return render_template("start.html", people=the_campus().store.list_people())


@blueprint.get("/login/<username>")
def login(username: str) -> BaseResponse:
    """Sign in as somebody and go on to ``next``, a path of this site."""
    person = the_campus().store.find_person(username)
    if person is None:
        raise CampusError("There is nobody of that name. Choose a person on the start page.", 404)
    sign_in(person)
    following = request.args.get("next", "")
    local = following.startswith("/") and not following.startswith(("//", "/\\"))
    return redirect(following if local else url_for("pages.course"), 303)


@blueprint.post("/logout")
def logout() -> BaseResponse:
    """Sign out."""
    session.clear()
    return redirect(url_for("pages.start"), 303)


@blueprint.get("/course")
def course() -> BaseResponse | str:
    """List the activities."""
    person = signed_in()
    if person is None:
        return redirect(url_for("pages.start"), 303)
    campus = the_campus()
    graded = {item.activity_id: item for item in campus.store.list_line_items()}
    tools = [tool for tool in campus.store.list_tools() if tool.is_active]
    return render_template("course.html", activities=campus.store.list_activities(), graded=graded, tools=tools)


@blueprint.get("/activities/<int:activity_id>")
def activity(activity_id: int) -> str:
    """Show an activity: the tool in its frame."""
    require_person()
    found = _get_activity(the_campus(), activity_id)
    launch_url = url_for("oidc.launch", activity_id=found.id, method=request.args.get("method"))
    return render_template("activity.html", activity=found, launch_url=launch_url)


@blueprint.post("/activities/<int:activity_id>/delete")
def delete_activity(activity_id: int) -> BaseResponse:
    """Delete an activity with its grades."""
    require_editor()
    campus = the_campus()
    campus.store.delete_activity(_get_activity(campus, activity_id).id)
    return redirect(url_for("pages.course"), 303)


@blueprint.get("/select/<int:tool_id>")
def select(tool_id: int) -> str:
    """Show the picker: the tool in a frame, to choose content."""
    require_editor()
    return render_template("select.html", tool=the_campus().get_tool(tool_id))


@blueprint.get("/post-message-forwarding")
def forwarding() -> str:
    """Serve the frame that keeps data for tools, where the platform offers it."""
    return render_template("forwarding.html")


@blueprint.get("/grades")
def grades() -> str:
    """Show everyone's grades to staff, their own to a learner, their child's to an observer."""
    person = require_person()
    campus = the_campus()
    if person.is_staff:
        shown = [p for p in campus.store.list_people() if p.is_graded]
    else:
        watched = campus.store.find_person(person.observes) if person.observes else None
        shown = [watched or person]
    rows = [(p, cells(campus, p)) for p in shown]
    return render_template("grades.html", rows=rows, items=campus.store.list_line_items())


def cells(campus: Campus, person: Person) -> list[Cell]:
    """Return a person's row of the gradebook."""
    history: dict[int, list[ReceivedScore]] = defaultdict(list)
    for score in campus.store.list_received_scores():
        if score.user_id in {person.sub, str(person.id)}:
            history[score.line_item_id].append(score)
    items = campus.store.list_line_items()
    return [Cell(item, person, campus.store.find_grade(item.id, person.id), tuple(history[item.id])) for item in items]


@blueprint.post("/grades/<int:item_id>/<username>")
def override(item_id: int, username: str) -> BaseResponse:
    """Set or, left empty, lift the teacher's own grade."""
    require_staff()
    text = request.form.get("grade", "").strip().replace(",", ".")
    try:
        value = float(text) if text else None
    except ValueError as error:
        raise CampusError("The grade must be a number, or empty to lift your own grade.") from error
    override_grade(the_campus(), item_id, username, value)
    return redirect(url_for("pages.grades"), 303)


def override_grade(campus: Campus, item_id: int, username: str, value: float | None) -> None:
    """Set the teacher's own grade in the column's points; None lifts it.

    Raises:
        CampusError: no such column or learner, or a value outside the column.
    """
    item, person = campus.store.find_line_item(item_id), campus.store.find_person(username)
    if item is None or person is None or not person.is_graded:
        raise CampusError("There is no such grade.", 404)
    if value is not None and (not math.isfinite(value) or not 0 <= value <= item.score_maximum):
        raise CampusError(f"The grade must be from 0 to {points(item.score_maximum)}.")
    with campus.store.transaction():
        before = campus.store.find_grade(item.id, person.id) or Grade(item.id, person.id, None)
        campus.store.save_grade(replace(before, override=value))


@blueprint.get("/people")
def people() -> str:
    """Show the roster."""
    require_staff()
    return render_template("people.html", people=[p for p in the_campus().store.list_people() if p.enrolled])


@blueprint.get("/favicon.ico")
def favicon() -> Response:
    """Serve no icon, quietly."""
    return make_response("", 204)


def _get_activity(campus: Campus, activity_id: int) -> Activity:
    found = campus.store.find_activity(activity_id)
    if found is None:
        raise CampusError("This activity is gone. Go back to the course.", 404)
    return found
