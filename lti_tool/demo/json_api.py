"""JSON API under ``/_test`` for tests and scripts that are not in this process. Off unless configured."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from flask import Blueprint, Response, jsonify, make_response, request

from lti_tool.demo import deep_linking, minting, notices, oidc, registration, seed
from lti_tool.demo.admin_pages import conventional_tool, platform_values
from lti_tool.demo.campus import Campus, the_campus
from lti_tool.demo.model import Activity, CampusError, Course, Person
from lti_tool.demo.pages import cells, override_grade
from lti_tool.demo.people import sign_in
from lti_tool.demo.profiles import Role

blueprint = Blueprint("json_api", __name__, url_prefix="/_test")


@blueprint.errorhandler(CampusError)
def _error(error: CampusError) -> Response:
    return make_response(jsonify(error=error.code, error_description=error.message), error.status)


def _body() -> dict[str, Any]:
    found = request.get_json(force=True, silent=True)
    return found if isinstance(found, dict) else {}


def _person(campus: Campus, body: dict[str, Any]) -> Person:
    found = campus.store.find_person(str(body.get("user", "")))
    if found is None:
        raise CampusError("There is nobody of that name.", 404)
    return found


def _activity(campus: Campus, body: dict[str, Any]) -> Activity | None:
    found = campus.store.find_activity(body.get("activity"))
    if found is None and body.get("activity") is not None:
        raise CampusError("There is no such activity.", 404)
    return found


@blueprint.get("/state")
def state() -> Response:
    """Return everything but the keys."""
    campus = the_campus()
    store = campus.store
    return jsonify(
        profile=campus.profile.name,
        platform={**platform_values(campus), "OpenID configuration": campus.url("/.well-known/openid-configuration")},
        course=asdict(store.course),
        people=[asdict(p) for p in store.list_people()],
        tools=[asdict(t) for t in store.list_tools()],
        activities=[asdict(a) for a in store.list_activities()],
        line_items=[asdict(i) for i in store.list_line_items()],
        faults=[asdict(f) for f in campus.faults.current()],
    )


@blueprint.post("/people")
def add_person() -> Response:
    """Enrol {username, name, role}."""
    campus, body = the_campus(), _body()
    given, _, family = str(body.get("name", "New Person")).partition(" ")
    number = max((p.id for p in campus.store.list_people()), default=2) + 1
    role = Role(str(body.get("role", "learner")))
    person = seed.make_person(number, str(body["username"]), given, family, role, campus.profile)
    campus.store.add_person(person)
    return jsonify(asdict(person))


@blueprint.post("/tools")
def add_tool() -> Response:
    """Register {base_url, client_id, deployment_id, ...fields of Tool}."""
    campus, body = the_campus(), _body()
    base_url, client_id = str(body.pop("base_url", "")).rstrip("/"), str(body.pop("client_id", "coursebridge"))
    tool = conventional_tool("Coursebridge", client_id, base_url, str(body.pop("deployment_id", "")))
    fields: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in body.items()}
    return jsonify(asdict(campus.store.add_tool(replace(tool, **fields))))


@blueprint.post("/tools/<int:tool_id>/accept")
def accept_tool(tool_id: int) -> Response:
    """Let a pending tool be launched."""
    campus = the_campus()
    tool = replace(campus.get_tool(tool_id), state="active")
    campus.store.save_tool(tool)
    return jsonify(asdict(tool))


@blueprint.post("/registration-url")
def registration_url() -> Response:
    """Return {url} with this platform's parameters and a one-time token."""
    return jsonify(url=registration.registration_url(the_campus(), str(_body().get("url", ""))))


@blueprint.post("/activities")
def add_activity() -> Response:
    """Add a content item as deep linking would; {tool} chooses the tool's number."""
    campus, body = the_campus(), _body()
    tool = campus.get_tool(body.pop("tool", None))
    return jsonify(asdict(deep_linking.create_activity(campus, tool, {"type": "ltiResourceLink", **body})))


@blueprint.get("/gradebook")
def gradebook() -> Response:
    """Return each graded person's cells with the scores received."""
    campus = the_campus()
    rows = {}
    for person in (p for p in campus.store.list_people() if p.is_graded):
        rows[person.username] = [
            {
                "line_item": asdict(cell.item),
                "final": cell.grade.final if cell.grade else None,
                "grade": asdict(cell.grade) if cell.grade else None,
                "history": [asdict(score) for score in cell.history],
            }
            for cell in cells(campus, person)
        ]
    return jsonify(rows)


@blueprint.get("/scores")
def scores() -> Response:
    """Return every score POST, oldest first."""
    return jsonify([asdict(score) for score in the_campus().store.list_received_scores()])


@blueprint.post("/override")
def override() -> Response:
    """Set the teacher's own grade: {line_item, user, grade or null}."""
    body = _body()
    value = body.get("grade")
    override_grade(the_campus(), int(body["line_item"]), str(body["user"]), None if value is None else float(value))
    return jsonify(ok=True)


@blueprint.post("/login")
def login() -> Response:
    """Sign {user} in; the answer sets the campus's cookie."""
    person = _person(the_campus(), _body())
    sign_in(person)
    return jsonify(asdict(person))


@blueprint.post("/start-launch")
def start_launch() -> Response:
    """Return the login initiation form of {user, activity or null, tool, method}."""
    campus, body = the_campus(), _body()
    activity = _activity(campus, body)
    tool = campus.get_tool(activity.tool_id if activity else body.get("tool"))
    form = oidc.start_launch(campus, _person(campus, body), tool, activity, method=body.get("method"))
    return jsonify(asdict(form))


@blueprint.post("/mint")
def mint() -> Response:
    """Return {id_token} of {user, activity, nonce, claims, header, drop, drop_header}, signed with our key."""
    campus, body = the_campus(), _body()
    activity = _activity(campus, body)
    token = minting.mint_id_token(
        campus,
        campus.get_tool(activity.tool_id if activity else body.get("tool")),
        _person(campus, body),
        activity,
        nonce=str(body.get("nonce", "")),
        claims=body.get("claims"),
        header=body.get("header"),
        drop=body.get("drop", ()),
        drop_header=body.get("drop_header", ()),
    )
    return jsonify(id_token=token)


@blueprint.route("/faults", methods=["GET", "POST", "DELETE"])
def faults() -> Response:
    """List, add {endpoint, kind, value, times} or clear the faults."""
    current, body = the_campus().faults, _body()
    if request.method == "POST":
        current.set(str(body.get("endpoint")), str(body.get("kind")), value=body.get("value"), times=body.get("times"))
    elif request.method == "DELETE":
        current.clear(body.get("endpoint"))
    return jsonify([asdict(fault) for fault in current.current()])


@blueprint.post("/keys")
def rotate_keys() -> Response:
    """Sign with a new key; {keep_old: false} withdraws the others."""
    return jsonify(kid=the_campus().keys.rotate(keep_old=bool(_body().get("keep_old", True))))


@blueprint.post("/clock")
def clock() -> Response:
    """Move the campus's clock by {advance} seconds."""
    campus = the_campus()
    campus.clock.advance(float(_body().get("advance", 0)))
    return jsonify(now=campus.clock.now())


@blueprint.post("/copy-course")
def copy_course() -> Response:
    """Let a copy of the course take its place: {id, title, label}."""
    body = _body()
    course = Course(*(str(body.get(name, "copy")) for name in ("id", "title", "label")))
    notices.copy_course(the_campus(), course)
    return jsonify(asdict(course))


@blueprint.post("/groups")
def set_groups() -> Response:
    """Put {groups} in place of those that are there."""
    campus = the_campus()
    campus.store.set_groups(_body().get("groups", []))
    return jsonify(campus.store.list_groups())
