"""Pages of the administrator: tools, registration, keys and faults."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from lti_tool.demo.campus import Campus, the_campus
from lti_tool.demo.faults import ENDPOINTS, KINDS
from lti_tool.demo.model import CampusError, Tool
from lti_tool.demo.people import require_editor
from lti_tool.demo.profiles import SERVICE_SCOPES
from lti_tool.demo.registration import registration_url

blueprint = Blueprint("admin", __name__, url_prefix="/admin")


def platform_values(campus: Campus) -> dict[str, str]:
    """Return what a tool must know to be registered by hand."""
    return {
        "Issuer": campus.issuer,
        "Authentication URL": campus.auth_url,
        "Token URL": campus.token_url,
        "Key set URL": campus.jwks_url,
    }


def _require_admin() -> Campus:
    require_editor()
    return the_campus()


@blueprint.get("")
def tools() -> str:
    """List the tools and the ways to add one."""
    campus = _require_admin()
    return render_template("admin.html", tools=campus.store.list_tools(), values=platform_values(campus))


@blueprint.post("/register")
def register() -> str:
    """Open a tool's dynamic registration in a frame."""
    campus = _require_admin()
    url = request.form.get("url", "").strip()
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).netloc:
        raise CampusError("Paste the registration URL that the tool shows; it starts with http:// or https://.")
    return render_template("register.html", url=registration_url(campus, url), host=urlsplit(url).netloc)


@blueprint.post("/tools")
def add_tool() -> BaseResponse:
    """Add a tool by hand from its base URL."""
    campus = _require_admin()
    base, client_id = request.form.get("base_url", "").strip().rstrip("/"), request.form.get("client_id", "").strip()
    if urlsplit(base).scheme not in {"http", "https"} or not client_id:
        raise CampusError("Give the tool's base URL and a client id.")
    if campus.store.find_tool_by_client(client_id):
        raise CampusError("That client id is taken. Choose another.")
    name = request.form.get("name", "").strip() or "Tool"
    campus.store.add_tool(conventional_tool(name, client_id, base))
    return redirect(url_for("admin.tools"), 303)


def conventional_tool(name: str, client_id: str, base_url: str, deployment_id: str = "") -> Tool:
    """Return a tool with the usual paths under its base URL and all scopes."""
    return Tool(
        id=0,
        name=name,
        client_id=client_id,
        deployment_id=deployment_id,
        login_url=f"{base_url}/lti/login",
        jwks_url=f"{base_url}/lti/jwks",
        redirect_uris=(f"{base_url}/lti/launch",),
        target_link_uri=f"{base_url}/lti/launch",
        deep_link_url=f"{base_url}/lti/launch",
        scopes=SERVICE_SCOPES,
    )


@blueprint.post("/tools/<int:tool_id>/state")
def set_state(tool_id: int) -> BaseResponse:
    """Accept a tool, or put it aside."""
    campus = _require_admin()
    state = "active" if request.form.get("state") == "active" else "pending"
    campus.store.save_tool(replace(campus.get_tool(tool_id), state=state))
    return redirect(url_for("admin.tools"), 303)


@blueprint.post("/keys")
def rotate_key() -> BaseResponse:
    """Sign with a new key from now on."""
    _require_admin().keys.rotate()
    return redirect(url_for("admin.tools"), 303)


@blueprint.get("/faults")
def faults() -> str:
    """Show the faults in force and the form for another."""
    campus = _require_admin()
    return render_template("faults.html", current=campus.faults.current(), endpoints=ENDPOINTS, kinds=KINDS)


@blueprint.post("/faults")
def add_fault() -> BaseResponse:
    """Add a fault, or clear all."""
    campus = _require_admin()
    form = request.form
    if form.get("clear"):
        campus.faults.clear()
    else:
        campus.faults.set(
            form.get("endpoint", ""),
            form.get("kind", ""),
            value=_whole(form.get("value", "")),
            times=_whole(form.get("times", "")),
        )
    return redirect(url_for("admin.faults"), 303)


def _whole(text: str) -> int | None:
    if not text.strip():
        return None
    if not text.strip().isdecimal():
        raise CampusError("Value and times are whole numbers, or empty.")
    return int(text)
