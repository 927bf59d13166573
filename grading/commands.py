"""Commands of grading."""

import click

from grading.sealed_group import find_group_problem, read_directories
from grading.warming import find_sandbox_problem, find_warm_problem
from lti_tool.kernel.runtime import Runtime


@click.command("sandbox")
@click.pass_obj
def sandbox(runtime: Runtime) -> None:
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
    groups = read_directories(runtime.settings.grading.control_groups)
    problem = find_group_problem(groups)
    if problem:
        click.echo(f"Control groups cannot be had. {problem}")
    elif groups:
        click.echo("Memory and processes of a submission are bounded by control groups.")
