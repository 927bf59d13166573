"""`coursebridge platform …` and `coursebridge keys …`."""

import click

from lti_tool.kernel.runtime import Runtime
from lti_tool.lti import keys as tool_keys
from lti_tool.lti import registrations
from lti_tool.lti.invites import make_invite
from lti_tool.lti.legacy import keep_legacy_secret
from lti_tool.lti.models_services import NoticeHandler
from lti_tool.lti.notice_service import ask_again, list_handlers
from lti_tool.lti.registrations import PlatformFacts
from lti_tool.lti.views_register import registration_url


@click.group("platform")
def platform() -> None:
    """Register, list and approve the LMSs that may launch."""


@platform.command("add")
@click.option("--name", required=True, help="What people here call the LMS.")
@click.option("--issuer", required=True, help="Its issuer (`iss`).")
@click.option("--client-id", required=True, help="The client id that it gave the tool.")
@click.option("--auth-url", required=True, help="Its OIDC authentication URL.")
@click.option("--token-url", required=True, help="Its OAuth 2 token URL.")
@click.option("--jwks-url", required=True, help="Its key set URL.")
@click.option("--deployment-id", multiple=True, help="May be repeated. None: deployments are learned at launches.")
@click.option("--token-audience", help="`aud` for token requests, where it is not the token URL.")
@click.option("--service-host", multiple=True, help="A further host[:port] of the LMS. May be repeated.")
@click.pass_obj
def add(runtime: Runtime, /, deployment_id: tuple[str, ...], service_host: tuple[str, ...], **given: str) -> None:
    """Register an LMS with what its administration page shows."""
    facts = PlatformFacts(deployment_ids=deployment_id, service_hosts=service_host, **given)
    with runtime.db.transaction() as tx:
        row = registrations.add_registration(tx, facts, allow_http=runtime.settings.lti.allow_private_hosts)
    click.echo(f"Registered {row.name} as platform {row.id}.")


@platform.command("invite")
@click.option("--name", default="", help="What people here will call the LMS.")
@click.pass_obj
def invite(runtime: Runtime, name: str) -> None:
    """Print a link that registers one LMS by itself. It works once, within a week."""
    with runtime.db.transaction() as tx:
        token = make_invite(tx, name)
    click.echo(registration_url(runtime.settings.root_url, token))


@platform.command("list")
@click.pass_obj
def list_platforms(runtime: Runtime) -> None:
    """List the LMSs, their state and their deployments."""
    with runtime.db.reading() as tx:
        for row, deployments in registrations.list_registrations(tx):
            click.echo(f"{row.id}\t{row.name}\t{row.state.value}\t{row.dialect}\t{row.issuer}\t{row.client_id}")
            audience = f" (as {row.token_audience})" if row.token_audience else ""
            click.echo(f"\tsigns in at {row.auth_url}, tokens at {row.token_url}{audience}, keys at {row.jwks_url}")
            if row.legacy_problem:
                click.echo(f"\tLTI 1.1: {row.legacy_problem}")
            for deployment in deployments:
                click.echo(f"\tdeployment {deployment.deployment_id}\t{deployment.state.value}")
                for handler in list_handlers(tx, deployment.id):
                    click.echo(f"\t\t{handler.notice_type}: {_notice_state(handler)}")


def _notice_state(row: NoticeHandler) -> str:
    if row.registered_at is None:
        return row.problem or "asked for"
    return f"last came {row.heard_at:%Y-%m-%d %H:%M} UTC" if row.heard_at else "none came yet"


@platform.command("approve")
@click.argument("number", type=int)
@click.pass_obj
def approve(runtime: Runtime, number: int) -> None:
    """Let platform NUMBER and its waiting deployments launch."""
    with runtime.db.transaction() as tx:
        row = registrations.approve(tx, number)
    click.echo(f"{row.name} may launch now.")


@platform.command("disable")
@click.argument("number", type=int)
@click.pass_obj
def disable(runtime: Runtime, number: int) -> None:
    """Stop launches from platform NUMBER and sign its people out; no work is deleted."""
    with runtime.db.transaction() as tx:
        row = registrations.disable(tx, number)
    click.echo(f"{row.name} can no longer launch. `coursebridge platform approve {row.id}` lets it again.")


@platform.command("trust-host")
@click.argument("number", type=int)
@click.argument("host")
@click.pass_obj
def trust_host(runtime: Runtime, number: int, host: str) -> None:
    """Let platform NUMBER use addresses on HOST[:PORT] too, as a vanity domain does."""
    with runtime.db.transaction() as tx:
        row = registrations.trust_host(tx, number, host)
    click.echo(f"{row.name} may use {', '.join(row.service_hosts)} beside its own addresses.")


@platform.command("notices")
@click.argument("number", type=int)
@click.pass_obj
def notices(runtime: Runtime, number: int) -> None:
    """Ask platform NUMBER for its notices again, as after a change of the tool's address."""
    with runtime.db.transaction() as tx:
        asked = ask_again(tx, number)
    click.echo(
        f"The worker asks for the notices of {asked} deployments. `coursebridge platform list` says what came of it."
    )


@platform.command("legacy")
@click.argument("number", type=int)
@click.option("--key", required=True, help="The LTI 1.1 consumer key.")
@click.option("--secret", prompt=True, hide_input=True, help="Its secret; asked for if it is not given.")
@click.pass_obj
def legacy(runtime: Runtime, number: int, key: str, secret: str) -> None:
    """Keep the LTI 1.1 key and secret of platform NUMBER, to find people again who used the tool before."""
    with runtime.db.transaction() as tx:
        keep_legacy_secret(tx, runtime.signer, number, key, secret)
    click.echo(f"Kept the secret of {key}, encrypted. People are found again at their next launch.")


@platform.command("anonymous")
@click.argument("number", type=int)
@click.option("--accept/--refuse", required=True, help="Let launches without a person in, as guests who only read.")
@click.pass_obj
def anonymous(runtime: Runtime, number: int, accept: bool) -> None:
    """Say whether platform NUMBER may launch without saying who it is. Refused unless you accept it."""
    with runtime.db.transaction() as tx:
        row = registrations.accept_anonymous(tx, number, accepts=accept)
    click.echo(f"{row.name}: launches without a person are {'let in as guests' if accept else 'refused'}.")


@click.group("keys")
def keys() -> None:
    """The tool's signing keys."""


@keys.command("rotate")
@click.pass_obj
def rotate(runtime: Runtime) -> None:
    """Publish a new key beside the old one; it signs from an hour later on."""
    kid = tool_keys.rotate(runtime)
    click.echo(f"Published key {kid}. It signs from {tool_keys.LEAD} from now on.")
    click.echo(f"The keys before it stay published for {tool_keys.GRACE} after that.")


@keys.command("list")
@click.pass_obj
def list_keys(runtime: Runtime) -> None:
    """List the published keys, newest first."""
    for jwk in tool_keys.list_published_keys(runtime):
        click.echo(jwk["kid"])
