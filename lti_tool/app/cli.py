"""The `coursebridge` command. Plugins add theirs."""

import json
import os
import sys
from typing import Any

import click
from pydantic import ValidationError

from config.settings import Settings, load_settings, show_settings, unknown_variables
from lti_tool.app import demo, up
from lti_tool.app.migrate import migrate, write_migration
from lti_tool.app.process import make_process
from lti_tool.app.reference import write_reference
from lti_tool.app.supervise import StartError
from lti_tool.app.worker import QUEUES, run_worker
from lti_tool.contract import PluginError
from lti_tool.kernel import jobs
from lti_tool.kernel.errors import AppError


class CommandLine(click.Group):
    """Our own commands at once; those of plugins only when they are asked for, since loading plugins takes a second."""

    _plugin_commands: dict[str, click.Command] | None = None

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands."""
        return sorted({*super().list_commands(ctx), *self._from_plugins(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Ours, or a plugin's."""
        return super().get_command(ctx, cmd_name) or self._from_plugins(ctx).get(cmd_name)

    def _from_plugins(self, ctx: click.Context) -> dict[str, click.Command]:
        if self._plugin_commands is None:
            ctx.obj, plugins = make_process(load_settings())
            self._plugin_commands = {command.name or "": command for plugin in plugins for command in plugin.commands}
        return self._plugin_commands


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
        _fail("\n".join(_explain(error)))
    except (AppError, StartError, PluginError) as error:
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
    runtime, _plugins = make_process(load_settings())
    migrate(runtime.db)
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


@cli.group("jobs")
def jobs_group() -> None:
    """See and repeat background work."""


@jobs_group.command("list")
@click.option("--state", type=click.Choice([state.value for state in jobs.JobState]), help="Only jobs in this state.")
@click.option("--limit", default=50, show_default=True, help="At most this many, newest first.")
def jobs_list(state: str | None, limit: int) -> None:
    """List jobs, the newest first."""
    runtime, _plugins = make_process(load_settings())
    with runtime.db.reading() as tx:
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
    runtime, _plugins = make_process(load_settings())
    with runtime.db.transaction() as tx:
        jobs.retry(tx, job_id)
    click.echo(f"Job {job_id} is queued again.")


@cli.group("config")
def config_group() -> None:
    """Show and check the settings."""


@config_group.command("show")
def config_show() -> None:
    """Print the settings in force; secrets are masked."""
    click.echo(json.dumps(show_settings(Settings()), indent=2))


@config_group.command("check")
def config_check() -> None:
    """Say what is wrong with the settings, one line each."""
    unknown = unknown_variables(os.environ)
    for name in unknown:
        click.echo(f"{name}: no setting has this name.", err=True)
    runtime, _plugins = make_process(load_settings())
    try:
        with runtime.db.reading() as tx:
            tx.connection()
    except Exception as error:
        raise click.ClickException(f"database.url: the database cannot be reached: {error}") from error
    if unknown:
        sys.exit(1)
    click.echo("The settings are in order.")


def _explain(error: ValidationError) -> list[str]:
    def name(location: tuple[Any, ...]) -> str:
        return "COURSEBRIDGE_" + "__".join(str(part) for part in location).upper()

    return [f"{name(problem['loc'])}: {problem['msg']} (got {problem['input']!r})" for problem in error.errors()]


def _fail(text: str) -> None:
    click.echo(text, err=True)
    sys.exit(1)
