"""`coursebridge reviews`: what an operator does about reviews, of any course."""

import click

from lti_tool.kernel.runtime import Runtime
from plugins.reviews import moderation
from plugins.reviews.models import HiddenBy


@click.group()
def reviews() -> None:
    """Reviews that were reported or hidden."""


@reviews.command("queue")
@click.pass_obj
def show_queue(runtime: Runtime) -> None:
    """List what was reported, and what is hidden, in all courses."""
    with runtime.db.reading() as tx:
        for case in moderation.list_cases(tx):
            row = case.review
            said = ", ".join(report.reason.value for report in case.reports) or f"hidden by {row.hidden_by}"
            click.echo(f"{row.id}\t{row.course_slug}\t{row.stars} stars\t{said}\t{row.text[:80]!r}")


@reviews.command("hide")
@click.argument("course")
@click.argument("review", type=int)
@click.option("--reason", required=True, help="What its author is told.")
@click.pass_obj
def hide(runtime: Runtime, course: str, review: int, reason: str) -> None:
    """Hide a review; no teacher can restore it."""
    with runtime.db.transaction() as tx:
        moderation.hide(tx, course, review, reason, HiddenBy.OPERATOR)
    click.echo(f"Review {review} is hidden.")


@reviews.command("restore")
@click.argument("course")
@click.argument("review", type=int)
@click.pass_obj
def restore(runtime: Runtime, course: str, review: int) -> None:
    """Show a hidden review again."""
    with runtime.db.transaction() as tx:
        moderation.restore(tx, course, review, HiddenBy.OPERATOR)
    click.echo(f"Review {review} is shown.")
