"""`coursebridge admin …`."""

import click

from lti_tool.admin.sessions import LINK_LIFE, make_operator_link, sign_out_all
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.platforms import trust_administrators


@click.group("admin")
def admin() -> None:
    """Get into the console, and get others out."""


@admin.command("link")
@click.pass_obj
def link(runtime: Runtime) -> None:
    """Print a link that opens the console once, within 15 minutes."""
    with runtime.db.transaction() as tx:
        token = make_operator_link(tx)
    click.echo(f"{runtime.settings.root_url}/admin/sign-in/{token}")
    click.echo(f"It works once, within {LINK_LIFE.seconds // 60} minutes.", err=True)


@admin.command("sign-out-all")
@click.pass_obj
def sign_everybody_out(runtime: Runtime) -> None:
    """End every session of the console, and every link that was not used yet."""
    with runtime.db.transaction() as tx:
        ended = sign_out_all(tx)
    click.echo(f"{ended} {'session' if ended == 1 else 'sessions'} ended.")


@admin.command("trust")
@click.argument("number", type=int)
@click.option("--no", "is_off", is_flag=True, help="Let them in no more.")
@click.pass_obj
def trust(runtime: Runtime, number: int, is_off: bool) -> None:
    """Let the administrators of platform NUMBER into the console, which shows every platform."""
    with runtime.db.transaction() as tx:
        row = trust_administrators(tx, number, not is_off)
    click.echo(f"Administrators of {row.name} may {'not ' if is_off else ''}open the console.")
