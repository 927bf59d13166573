"""New platforms: invitations, what waits for approval, and registering by hand. And the tool's keys."""

from datetime import timedelta
from typing import Any

from flask import Response, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from lti_tool.admin.blueprint import BLUEPRINT
from lti_tool.admin.guard import current_admin, for_admins
from lti_tool.admin.pages import console_page, done, problem_of, state_badge
from lti_tool.kernel import clock
from lti_tool.kernel.errors import AppError, Conflict, Invalid
from lti_tool.lti import keys as tool_keys
from lti_tool.lti.canvas_key import CONFIGURATION_PATH
from lti_tool.lti.invites import list_open_invites, make_invite, withdraw_invite
from lti_tool.lti.models import Approval, ToolKey
from lti_tool.lti.platforms import list_with_keys
from lti_tool.lti.registrations import PlatformFacts, add_registration, list_registrations
from lti_tool.lti.views_register import registration_url
from lti_tool.web.runtime import current_runtime

HERE = "admin.show_registration"
DAYS = (1, 7, 30)
NEEDED = ("name", "issuer", "client_id", "auth_url", "token_url", "jwks_url")


@BLUEPRINT.get("/registration")
@for_admins
def show_registration() -> Response:
    """How an LMS comes in."""
    return _show()


@BLUEPRINT.post("/registration/invites")
@for_admins
def invite_platform() -> Response:
    """A link that registers one LMS; it is shown this once."""
    days, runtime = request.form.get("days", 7, type=int), current_runtime()
    life = timedelta(days=days if days in DAYS else 7)
    with runtime.db.transaction() as tx:
        token = make_invite(tx, request.form.get("invited", "").strip(), life=life, by=current_admin().actor)
    return _show(link=registration_url(runtime.settings.root_url, token))


@BLUEPRINT.post("/registration/invites/<digest>/withdraw")
@for_admins
def withdraw(digest: str) -> AnyResponse:
    """Let nobody use a link any more."""
    with current_runtime().db.transaction() as tx:
        withdraw_invite(tx, digest, current_admin().actor)
    return done(HERE, "withdrawn")


@BLUEPRINT.post("/registration/by-hand")
@for_admins
def add_platform() -> AnyResponse:
    """Register an LMS with what its administration page shows."""
    given = {name: request.form.get(name, "").strip() for name in (*NEEDED, "deployment_ids", "token_audience")}
    needed: dict[str, Any] = {name: given[name] for name in NEEDED}
    facts = PlatformFacts(
        **needed,
        deployment_ids=tuple(given["deployment_ids"].split()),
        token_audience=given["token_audience"] or None,
    )
    http = current_runtime().settings.lti.allow_private_hosts
    try:
        if not facts.name:
            raise Invalid("platform_invalid", "Say what people here call the LMS.")
        with current_runtime().db.transaction() as tx:
            row = add_registration(tx, facts, allow_http=http, by=current_admin().actor)
    except (Invalid, Conflict) as error:
        return _show(error=error, given=given)
    return done("admin.show_platform", "added", number=row.id)


@BLUEPRINT.get("/keys")
@for_admins
def show_keys() -> Response:
    """The tool's own keys, and how old the platforms' are here."""
    runtime = current_runtime()
    tool_keys.ensure_key(runtime)
    with runtime.db.reading() as tx:
        own = tool_keys.list_keys(tx)
        found = list_with_keys(tx)
    return console_page(
        "keys",
        "admin.show_keys",
        own=[_key(row, own) for row in own],
        rotate_url=url_for("admin.rotate_key"),
        jwks_url=runtime.settings.root_url + "/lti/jwks",
        platforms=[
            {
                "name": row.name,
                "url": url_for("admin.show_platform", number=row.id),
                "number": len(keys.keys) if keys else 0,
                "at": keys.fetched_at if keys else None,
                "fetch_url": url_for("admin.fetch_platform_keys", number=row.id),
            }
            for row, keys in found
        ],
    )


@BLUEPRINT.post("/keys/rotate")
@for_admins
def rotate_key() -> AnyResponse:
    """Publish a new key, which takes over in an hour."""
    tool_keys.rotate(current_runtime(), current_admin().actor)
    return done("admin.show_keys", "rotated")


def _key(row: ToolKey, all_keys: list[ToolKey]) -> dict[str, Any]:
    signing = next((key for key in all_keys if key.signs_from <= clock.now()), None)
    state = "signs" if row is signing else "next" if row.signs_from > clock.now() else "retires"
    dates = {"created_at": row.created_at, "signs_from": row.signs_from, "retires_at": row.retires_at}
    return {"kid": row.kid, "state": state, **dates}


def _show(*, link: str | None = None, error: AppError | None = None, given: dict[str, str] | None = None) -> Response:
    runtime = current_runtime()
    with runtime.db.reading() as tx:
        invites = list_open_invites(tx)
        waiting = [row for row, _deployments in list_registrations(tx) if row.state is Approval.PENDING]
    root = runtime.settings.root_url
    return console_page(
        "registration",
        HERE,
        status=error.status if error else 200,
        link=link,
        days=DAYS,
        given=dict.fromkeys((*NEEDED, "deployment_ids", "token_audience"), "") | (given or {}),
        invite_url=url_for("admin.invite_platform"),
        add_url=url_for("admin.add_platform"),
        addresses=[
            ("Login initiation URL", f"{root}/lti/login"),
            ("Redirect URI, target link URI", f"{root}/lti/launch"),
            ("Public key set URL", f"{root}/lti/jwks"),
            ("Canvas: address for Enter URL", root + CONFIGURATION_PATH),
        ],
        invites=[
            {
                "name": row.name,
                "updates": row.registration_id,
                "expires_at": row.expires_at,
                "withdraw_url": url_for("admin.withdraw", digest=row.digest),
            }
            for row in invites
        ],
        waiting=[
            {"name": row.name, "issuer": row.issuer, "badge": state_badge(row.state), "created_at": row.created_at}
            | {"url": url_for("admin.show_platform", number=row.id)}
            | {"approve_url": url_for("admin.switch_platform", number=row.id, act="approve")}
            for row in waiting
        ],
        **({"flashes": problem_of(error)} if error else {}),
    )
