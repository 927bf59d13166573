"""`coursebridge course …`."""

from pathlib import Path

import click

from lti_tool.kernel.runtime import Runtime
from plugins.courses.commands_pay import grant_command, revoke_command
from plugins.courses.exporter import export_course
from plugins.courses.importer import import_course
from plugins.courses.service import list_courses


@click.group("course")
def course() -> None:
    """Import, export and list courses."""


@course.command("import")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--platform", "registration_id", type=int, help="Number of the one platform whose teachers may place it.")
@click.option("--change-platform", is_flag=True, help="Let a course that is there already change its platform.")
@click.option("--overwrite", is_flag=True, help="Replace what was changed in the browser; it stays in the history.")
@click.pass_obj
def import_command(
    runtime: Runtime, path: Path, registration_id: int | None, change_platform: bool, overwrite: bool
) -> None:
    """Import the course folder PATH, or import it again: learners' work and marks stay."""
    done = import_course(
        runtime, path, registration_id=registration_id, change_platform=change_platform, overwrite=overwrite
    )
    lessons, quizzes = _count(done.lessons, "lesson", "lessons"), _count(done.quizzes, "quiz", "quizzes")
    click.echo(f"Imported “{done.title}” ({done.slug}): {lessons}, {quizzes}.")
    for name, points in done.max_points.items():
        click.echo(f"  {name}: {points} {'point' if points == '1' else 'points'}")
    for note in done.notes:
        click.echo(f"  Note: {note}")


@course.command("export")
@click.argument("slug")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--saved", is_flag=True, help="Take changes that are saved in the browser and not published.")
@click.option("--large-files", is_flag=True, help="Take uploaded files and videos of more than 10 MB too.")
@click.pass_obj
def export_command(runtime: Runtime, slug: str, path: Path, saved: bool, large_files: bool) -> None:
    """Write the course SLUG into the folder PATH, to be edited, kept in Git and imported again."""
    done = export_course(runtime, slug, path, saved=saved, with_large=large_files)
    click.echo(f"Exported “{done.title}” ({done.slug}) to {path}: {_count(done.files, 'file', 'files')}.")
    if done.left_out:
        click.echo(f"  Note: left out, saved and not published: {', '.join(done.left_out)}. --saved takes them.")
    if done.missing:
        click.echo(f"  Note: not in the folder: {', '.join(done.missing)}.")
    if done.large:
        click.echo(
            f"  Note: larger than 10 MB, only named in files.toml: {', '.join(done.large)}. --large-files takes them."
        )


@course.command("list")
@click.pass_obj
def list_command(runtime: Runtime) -> None:
    """List the courses."""
    with runtime.db.reading() as tx:
        for row in list_courses(tx):
            where = "every platform" if row.registration_id is None else f"platform {row.registration_id}"
            click.echo(f"{row.slug}\t{row.title}\t{where}\timported {row.imported_at:%Y-%m-%d %H:%M} UTC")


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


course.add_command(grant_command)
course.add_command(revoke_command)
