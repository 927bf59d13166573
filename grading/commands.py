"""Commands of grading."""

import click

from grading.warming import find_sandbox_problem, find_warm_problem


@click.command("sandbox")
def sandbox() -> None:
    """Try whether submissions can be marked on this machine. Exit code 1: they cannot."""
    problem = find_sandbox_problem()
    if problem:
        click.echo(f"Nothing can be marked here. {problem}", err=True)
        raise SystemExit(1)
    slow = find_warm_problem()
    if slow:
        click.echo(f"Submissions can be marked here, but slowly, in kernels. {slow}")
    else:
        click.echo("Submissions can be marked here.")
