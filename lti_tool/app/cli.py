"""The `coursebridge` command. Plugins add theirs."""

import json
import os
import sys

import click
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from config.settings import SettingsError, load_settings, read_settings, unknown_variables
from lti_tool.app import demo, up
from lti_tool.app.command import open_process
from lti_tool.app.explain import explain_invalid, explain_unknown, mask_passwords, show_settings
from lti_tool.app.health import examine, list_checks
from lti_tool.app.migrate import migrate, write_migration
from lti_tool.app.person import person
from lti_tool.app.process import make_process
from lti_tool.app.reference import write_reference
from lti_tool.app.skeleton import write_plugin
from lti_tool.app.supervise import StartError
from lti_tool.app.worker import QUEUES, run_worker
from lti_tool.contract import Level, PluginError
from lti_tool.kernel import audit, jobs
from lti_tool.kernel.errors import AppError
from lti_tool.kernel.runtime import Runtime
from lti_tool.kernel.types import to_json

_PLUGIN_COMMANDS = "coursebridge.plugin_commands"


class CommandLine(click.Group):
    """Our own commands at once; those of plugins only when they are asked for, since loading plugins takes a second."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands."""
        return sorted({*super().list_commands(ctx), *self._from_plugins(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Ours, or a plugin's."""
        return super().get_command(ctx, cmd_name) or self._from_plugins(ctx).get(cmd_name)

    def _from_plugins(self, ctx: click.Context) -> dict[str, click.Command]:
        if _PLUGIN_COMMANDS not in ctx.meta:
            ctx.obj, plugins = open_process(ctx)
            ctx.meta[_PLUGIN_COMMANDS] = {command.name or "": command for p in plugins for command in p.commands}
        found: dict[str, click.Command] = ctx.meta[_PLUGIN_COMMANDS]
        return found


@click.group(cls=CommandLine)
@click.version_option(package_name="coursebridge")
def cli() -> None:
    """Coursebridge: courses, notebook quizzes and grades inside Moodle and Canvas."""


def main() -> None:
    """Run the command line; anything foreseen ends in one clear message and exit code 1."""
    try:
        cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)
    except ValidationError as error:
        _fail("\n".join(explain_invalid(error)))
    except DBAPIError as error:
        text = mask_passwords(str(error.orig)).splitlines()[0]
        _fail(f"The database does not answer, or is not at this release (`coursebridge migrate`): {text}")
    except (AppError, StartError, PluginError, SettingsError) as error:
        _fail(str(error))


@cli.command("up")
def up_command() -> None:
    """Run the web server and the workers; migrate the database first."""
    up.run(load_settings())


@cli.command("demo")
@click.option(
    "--profile", type=click.Choice(["moodle", "canvas"]), default="moodle", help="Which LMS the demo LMS behaves like."
)
@click.option("--once", is_flag=True, help="Start, check that everything answers, and stop.")
def demo_command(profile: str, once: bool) -> None:
    """Run everything on this machine: tool, workers, JupyterHub and a demo LMS with a course."""
    demo.run(profile, once=once)


@cli.command("worker")
@click.option("--queues", default=",".join(QUEUES), show_default=True, help="Queues to work on, comma-separated.")
@click.option("--concurrency", default=2, show_default=True, help="Jobs at the same time.")
@click.option(
    "--beat/--no-beat", default=True, show_default=True, help="Sweep the job table too; at least one worker must."
)
@click.option("--threads", is_flag=True, help="Use threads instead of processes (not for the queue `grade`).")
def worker_command(queues: str, concurrency: int, beat: bool, threads: bool) -> None:
    """Run one worker."""
    run_worker(queues, concurrency, beat=beat, threads=threads)


@cli.command("migrate")
def migrate_command() -> None:
    """Bring the database to the schema of this release."""
    migrate(_open_runtime().db)
    click.echo("The database is up to date.")


@cli.command("migration", hidden=True)
@click.argument("name")
def migration_command(name: str) -> None:
    """Write a migration that brings the migrated database to the models (for developers)."""
    click.echo(f"Wrote {write_migration(name)}.")


@cli.command("reference", hidden=True)
def reference_command() -> None:
    """Write docs/reference anew (for developers)."""
    _runtime, plugins = make_process(load_settings())
    write_reference(cli, plugins)


@cli.command("new-plugin", hidden=True)
@click.argument("name")
def new_plugin_command(name: str) -> None:
    """Write the skeleton of a plugin (for developers)."""
    for path in write_plugin(name):
        click.echo(f"Wrote {path}")
    click.echo(
        f"Next: add plugins.{name} to DEFAULT_PLUGINS in config/settings.py, then `make migration name=add_{name}`."
    )


@cli.command("health")
def health_command() -> None:
    """Look at database, workers, broker, disk, JupyterHub and platforms; exit code 1 if something is broken."""
    runtime, plugins = open_process(click.get_current_context())
    found = examine(runtime, list_checks(plugins))
    for finding in found:
        click.echo(f"{finding.level.upper():5} {finding.subject}: {finding.text}")
        if finding.advice:
            click.echo(f"      {finding.advice}")
    if any(finding.level is Level.BAD for finding in found):
        sys.exit(1)


@cli.group("audit")
def audit_group() -> None:
    """See what administrators and teachers changed."""


@audit_group.command("list")
@click.option("--action", default="", help="Only acts that begin so, such as `platform.`.")
@click.option("--limit", default=50, show_default=True, help="At most this many, newest first.")
def audit_list(action: str, limit: int) -> None:
    """List acts, the newest first."""
    with _open_runtime().db.reading() as tx:
        for act in audit.list_acts(tx, action=action, limit=limit):
            click.echo(f"{act.at:%Y-%m-%d %H:%M:%S} UTC\t{act.actor} ({act.via.value})\t{act.action}\t{act.target}")
            if act.before or act.after:
                click.echo(f"\t{to_json(act.before)} → {to_json(act.after)}")


cli.add_command(person)


@cli.group("jobs")
def jobs_group() -> None:
    """See and repeat background work."""


@jobs_group.command("list")
@click.option("--state", type=click.Choice([state.value for state in jobs.JobState]), help="Only jobs in this state.")
@click.option("--limit", default=50, show_default=True, help="At most this many, newest first.")
def jobs_list(state: str | None, limit: int) -> None:
    """List jobs, the newest first."""
    with _open_runtime().db.reading() as tx:
        for row in jobs.list_jobs(tx, jobs.JobState(state) if state else None, limit):
            click.echo(
                f"{row.id}\t{row.state}\t{row.handler}\tattempt {row.attempts}\t{row.created_at:%Y-%m-%d %H:%M:%S} UTC"
            )
            if row.error:
                click.echo(f"\t{row.error}")


@jobs_group.command("retry")
@click.argument("job_id", type=int)
def jobs_retry(job_id: int) -> None:
    """Run the dead job JOB_ID again."""
    with _open_runtime().db.transaction() as tx:
        jobs.retry(tx, job_id)
    click.echo(f"Job {job_id} is queued again.")


@jobs_group.command("retry-all")
@click.argument("handler")
def jobs_retry_all(handler: str) -> None:
    """Run every dead job of HANDLER again, as `jobs list` names it."""
    with _open_runtime().db.transaction() as tx:
        number = jobs.retry_all(tx, handler)
    click.echo(f"{number} {'job is' if number == 1 else 'jobs are'} queued again.")


@cli.group("config")
def config_group() -> None:
    """Show and check the settings."""


@config_group.command("show")
def config_show() -> None:
    """Print the settings in force; secrets are masked."""
    click.echo(json.dumps(show_settings(read_settings()), indent=2))


@config_group.command("check")
def config_check() -> None:
    """Say what is wrong with the settings, one line each."""
    wrong = [explain_unknown(name) for name in unknown_variables(os.environ)]
    try:
        load_settings()
    except ValidationError as error:
        wrong += explain_invalid(error)
    if wrong:
        _fail("\n".join(dict.fromkeys(wrong)))
    with _open_runtime().db.reading() as tx:
        tx.connection()
    click.echo("The settings are in order.")


def _open_runtime() -> Runtime:
    """The runtime of this command, closed when it ends."""
    return open_process(click.get_current_context())[0]


def _fail(text: str) -> None:
    click.echo(text, err=True)
    sys.exit(1)
