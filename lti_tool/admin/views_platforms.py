"""The platforms: a list, and a page for each with everything that can be done about it."""

from collections.abc import Callable
from typing import Any

from flask import Response, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from lti_tool.admin.blueprint import BLUEPRINT
from lti_tool.admin.guard import current_admin, for_admins
from lti_tool.admin.pages import console_page, done, problem_of, reach_badge, state_badge
from lti_tool.kernel.audit import Actor
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import AppError, Invalid
from lti_tool.lti import dynamic_registration, platforms, registrations
from lti_tool.lti.canvas_key import CONFIGURATION_PATH
from lti_tool.lti.connection import Step, refetch_keys, try_connection
from lti_tool.lti.dialects import CANVAS
from lti_tool.lti.invites import make_invite
from lti_tool.lti.models import Approval, Deployment, Refusal, Registration
from lti_tool.lti.platforms import ENDPOINTS, find_last_launches, list_deployments
from lti_tool.lti.reach import Reach
from lti_tool.lti.refusals import list_refusals
from lti_tool.lti.registrations import get_registration, list_registrations
from lti_tool.lti.views_register import registration_url
from lti_tool.web.runtime import current_runtime

HERE = "admin.list_platforms"
ACTS = {
    "name": "rename_platform",
    "addresses": "edit_platform",
    "console": "change_trust",
    "test": "test_platform",
    "read_keys": "fetch_platform_keys",
    "configuration": "send_configuration",
    "link": "make_update_link",
}
"""What can be done about one platform, and the view that does it."""
Change = Callable[[Tx, int, Actor], object]


@BLUEPRINT.get("/platforms")
@for_admins
def list_platforms() -> Response:
    """Every platform, those that wait for approval first."""
    with current_runtime().db.reading() as tx:
        found = list_registrations(tx)
        launches = find_last_launches(tx)
    found.sort(key=lambda pair: pair[0].state is not Approval.PENDING)
    rows = [
        {
            "name": row.name,
            "url": url_for("admin.show_platform", number=row.id),
            "badge": state_badge(row.state),
            "issuer": row.issuer,
            "dialect": row.dialect,
            "deployments": len(deployments),
            "waiting": sum(each.state is Approval.PENDING for each in deployments),
            "last_launch": launches.get(row.id),
        }
        for row, deployments in found
    ]
    return console_page("platforms", HERE, platforms=rows, add_url=url_for("admin.show_registration"))


@BLUEPRINT.get("/platforms/<int:number>")
@for_admins
def show_platform(number: int) -> Response:
    """One platform."""
    return _show(number)


@BLUEPRINT.post("/platforms/<int:number>/<any(approve,disable):act>")
@for_admins
def switch_platform(number: int, act: str) -> AnyResponse:
    """Let it launch, or stop it at once."""
    change = registrations.approve if act == "approve" else registrations.disable
    return _change(number, lambda tx, row_id, by: change(tx, row_id, by), f"{act}d")


@BLUEPRINT.post("/platforms/<int:number>/deployments/<int:row_id>/<any(approve,disable):act>")
@for_admins
def switch_deployment(number: int, row_id: int, act: str) -> AnyResponse:
    """Let one installation launch, or stop it at once."""
    state = Approval.ACTIVE if act == "approve" else Approval.DISABLED
    return _change(number, lambda tx, _number, by: platforms.set_deployment_state(tx, row_id, state, by), f"{act}d")


@BLUEPRINT.post("/platforms/<int:number>/name")
@for_admins
def rename_platform(number: int) -> AnyResponse:
    """Call it otherwise."""
    name = request.form.get("name", "")
    return _change(number, lambda tx, row_id, by: platforms.rename(tx, row_id, name, by), "renamed")


@BLUEPRINT.post("/platforms/<int:number>/addresses")
@for_admins
def edit_platform(number: int) -> AnyResponse:
    """Change its addresses."""
    wanted = {name: request.form.get(name, "").strip() or None for name in ENDPOINTS}
    for name in ENDPOINTS[:3]:
        wanted[name] = wanted[name] or ""
    http = current_runtime().settings.lti.allow_private_hosts
    return _change(
        number, lambda tx, row_id, by: platforms.edit_endpoints(tx, row_id, wanted, by, allow_http=http), "edited"
    )


@BLUEPRINT.post("/platforms/<int:number>/hosts/<any(add,remove):act>")
@for_admins
def change_hosts(number: int, act: str) -> AnyResponse:
    """Count a host as the platform's own, or no more."""
    host = request.form.get("host", "").strip().lower()
    change = registrations.trust_host if act == "add" else platforms.distrust_host
    return _change(number, lambda tx, row_id, by: change(tx, row_id, host, by), "host")


@BLUEPRINT.post("/platforms/<int:number>/console")
@for_admins
def change_trust(number: int) -> AnyResponse:
    """Let its administrators into the console, or no more."""
    trusted = request.form.get("trusted") == "yes"
    return _change(number, lambda tx, row_id, by: platforms.trust_administrators(tx, row_id, trusted, by), "trust")


@BLUEPRINT.post("/platforms/<int:number>/test")
@for_admins
def test_platform(number: int) -> Response:
    """Try keys, token and columns; nothing is changed there."""
    return _show(number, steps=try_connection(current_runtime(), number))


@BLUEPRINT.post("/platforms/<int:number>/keys")
@for_admins
def fetch_platform_keys(number: int) -> AnyResponse:
    """Read its keys now."""
    try:
        refetch_keys(current_runtime(), number)
    except AppError as error:
        return _show(number, error=error)
    return done("admin.show_platform", "fetched", number=number)


@BLUEPRINT.post("/platforms/<int:number>/configuration")
@for_admins
def send_configuration(number: int) -> AnyResponse:
    """Tell it anew what this tool is."""
    try:
        dynamic_registration.send_configuration(current_runtime(), number, current_admin().actor)
    except AppError as error:
        return _show(number, error=error)
    return done("admin.show_platform", "sent", number=number)


@BLUEPRINT.post("/platforms/<int:number>/link")
@for_admins
def make_update_link(number: int) -> Response:
    """A link that registers this platform anew; it is shown this once."""
    runtime = current_runtime()
    with runtime.db.transaction() as tx:
        row = get_registration(tx, number)
        token = make_invite(tx, row.name, registration_id=row.id, by=current_admin().actor)
    return _show(number, link=registration_url(runtime.settings.root_url, token))


def _change(number: int, change: Change, said: str) -> AnyResponse:
    try:
        with current_runtime().db.transaction() as tx:
            change(tx, number, current_admin().actor)
    except Invalid as error:
        return _show(number, error=error)
    return done("admin.show_platform", said, number=number)


def _show(
    number: int, *, error: AppError | None = None, steps: list[Step] | None = None, link: str | None = None
) -> Response:
    with current_runtime().db.reading() as tx:
        state = platforms.get_state(tx, number)
        deployments = list_deployments(tx, number)
        people = platforms.count_people(tx, number)
        refusals = list_refusals(tx, number)
    row, keys = state.row, state.keys
    given = {name: request.form.get(name) for name in (*ENDPOINTS, "name", "host")} if error else {}
    return console_page(
        "platform",
        HERE,
        status=error.status if error else 200,
        trail=[(_("Platforms"), url_for(HERE))],
        steps=steps,
        link=link,
        last_launch=state.last_launch,
        people=people,
        refusals=[_refusal(each) for each in refusals],
        reach=_reach(state.reach),
        keys={"number": len(keys.keys), "at": keys.fetched_at} if keys else None,
        deployments=[_deployment(row, each) for each in deployments],
        **_facts(row, given),
        **({"flashes": problem_of(error)} if error else {}),
    )


def _facts(row: Registration, given: dict[str, str | None]) -> dict[str, Any]:
    urls = {act: url_for(f"admin.{view}", number=row.id) for act, view in ACTS.items()}
    for act in ("approve", "disable"):
        urls[act] = url_for("admin.switch_platform", number=row.id, act=act)
    for act in ("add", "remove"):
        urls[f"{act}_host"] = url_for("admin.change_hosts", number=row.id, act=act)
    shown = {name: given.get(name) or getattr(row, name) or "" for name in (*ENDPOINTS, "name")}
    fixed = {"number": row.id, "title": row.name, "issuer": row.issuer, "client_id": row.client_id}
    fixed |= {"dialect": row.dialect, "state": row.state.value, "badge": state_badge(row.state)}
    fixed |= {"hosts": row.service_hosts, "is_trusted": row.trusts_administrators, "created_at": row.created_at}
    fixed |= {"can_send": bool(row.registration_uri), "host": given.get("host") or ""}
    is_canvas = row.dialect == CANVAS.name
    urls["canvas"] = current_runtime().settings.root_url + CONFIGURATION_PATH if is_canvas else ""
    return {"platform": fixed | shown, "urls": urls}


def _deployment(row: Registration, deployment: Deployment) -> dict[str, Any]:
    place: dict[str, Any] = {"number": row.id, "row_id": deployment.id}
    return {
        "name": deployment.deployment_id,
        "badge": state_badge(deployment.state),
        "state": deployment.state.value,
        "created_at": deployment.created_at,
        "approve_url": url_for("admin.switch_deployment", **place, act="approve"),
        "disable_url": url_for("admin.switch_deployment", **place, act="disable"),
    }


def _reach(reach: Reach) -> dict[str, Any]:
    shows = reach.state is Approval.ACTIVE and not reach.is_reachable
    return {
        "badge": reach_badge(reach),
        "since": reach.since if shows else None,
        "next_try_at": reach.next_try_at if shows else None,
        "why": reach.text if shows else None,
    }


def _refusal(row: Refusal) -> dict[str, Any]:
    return {"code": row.code, "text": row.text, "number": row.number, "at": row.last_at}
