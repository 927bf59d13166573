"""`coursebridge nbgrader …`: courses that come from nbgrader, and go back to it."""

import csv
import sys
from pathlib import Path

import click

from grading.portable_export import hand_out
from grading.portable_import import Taken, Wish, get_placement_by_key, take_over
from grading.portable_matching import forget_student, list_students, match_students
from grading.portable_people import By, Match, read_list
from grading.portable_sending import count_quiet, send_quiet
from lti_tool.kernel.runtime import Runtime

MOST_NAMED = 200
_people = click.option(
    "--people",
    type=click.Path(path_type=Path),
    help="CSV with the columns student_id and lms_user_id: who is whom.",
)
_by = click.option(
    "--by",
    multiple=True,
    type=click.Choice([each.value for each in By]),
    help="Take the student id for the LMS's id or its username, or compare e-mail addresses with the LMS's now.",
)


@click.group("nbgrader")
def nbgrader() -> None:
    """Take over the work and marks of an nbgrader course, and give them back."""


@nbgrader.command("import")
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("placement")
@_people
@_by
@click.option("--send-scores", is_flag=True, help="Have the LMS told of the results that come with it.")
@click.option("--preview", is_flag=True, help="Say what would happen, and change nothing.")
@click.pass_obj
def import_command(
    runtime: Runtime,
    folder: Path,
    placement: str,
    people: Path | None,
    by: tuple[str, ...],
    send_scores: bool,
    preview: bool,
) -> None:
    """Bring students' work and the gradebook of the nbgrader course FOLDER into the LMS course PLACEMENT."""
    said = read_list(people) if people else {}
    wish = Wish(said, [By(each) for each in by], sends=send_scores, is_preview=preview)
    taken = take_over(runtime, folder, placement, wish)
    title = taken.placement.title or taken.placement.key
    if taken.is_known:
        click.echo(f"{title} has taken over this course before; nothing was changed.")
    else:
        done = "Would take over" if preview else "Took over"
        known = sum(each.person is not None for each in taken.matches)
        click.echo(
            f"{done} for {title}. Students: {len(taken.matches)}, known here: {known}; "
            f"their attempts: {taken.attempts}, results: {taken.results}."
        )
        _report(taken.matches)
    for note in taken.notes:
        click.echo(f"  Note: {note}")
    if preview:
        click.echo(f"Nothing was changed. Scores that --send-scores would send to the LMS: {taken.results}.")
    else:
        _tell_quiet(runtime, taken, sends=send_scores)


@nbgrader.command("match")
@click.argument("placement")
@_people
@_by
@click.pass_obj
def match_command(runtime: Runtime, placement: str, people: Path | None, by: tuple[str, ...]) -> None:
    """Say who students are whom nobody knew when they were taken over; their work becomes theirs."""
    said = read_list(people) if people else {}
    matches = match_students(runtime, placement, said, [By(each) for each in by])
    known = [each for each in matches if each.person is not None]
    click.echo(f"Of the students who were unknown, known now: {len(known)} of {len(matches)}.")
    _report(matches)


@nbgrader.command("people")
@click.argument("placement")
@click.pass_obj
def people_command(runtime: Runtime, placement: str) -> None:
    """List students who were taken over, as CSV: the last two columns say who that is, for `--people`."""
    write = csv.writer(sys.stdout).writerow
    write(["student_id", "name", "email", "lms_user_id", "person"])
    for student in list_students(runtime, placement):
        write([student.id, student.name, student.email, student.lms_user_id, student.person])


@nbgrader.command("forget")
@click.argument("placement")
@click.argument("student")
@click.pass_obj
def forget_command(runtime: Runtime, placement: str, student: str) -> None:
    """Remove the work and marks of a STUDENT who was taken over and is nobody here, from every export too."""
    forget_student(runtime, placement, student)
    click.echo("It is removed as soon as a worker has the time.")


@nbgrader.command("send")
@click.argument("placement")
@click.option("--preview", is_flag=True, help="Say how many, and send nothing.")
@click.pass_obj
def send_command(runtime: Runtime, placement: str, preview: bool) -> None:
    """Have the LMS told of results that came with an nbgrader course."""
    found = get_placement_by_key(runtime, placement)
    if preview:
        with runtime.db.reading() as tx:
            quiet = count_quiet(tx, found.id)
        click.echo(f"Results that the LMS does not know: {quiet.results}; of these can be sent at once: {quiet.now}.")
        return
    quiet = send_quiet(runtime, found.id)
    later = quiet.results - quiet.now
    click.echo(f"Scores on their way to the LMS: {quiet.now}; when learners open the quiz there: {later}.")


@nbgrader.command("export")
@click.argument("placement")
@click.argument("folder", type=click.Path(path_type=Path))
@click.pass_obj
def export_command(runtime: Runtime, placement: str, folder: Path) -> None:
    """Write the LMS course PLACEMENT into FOLDER as a course that nbgrader opens, with everybody's work and marks."""
    given = hand_out(runtime, placement, folder)
    click.echo(
        f"Exported {given.placement.title or given.placement.key} to {folder}. Students: {given.students}, "
        f"submissions in the gradebook: {given.submissions}, attempts from here in inbound/: {given.attempts}."
    )


def _tell_quiet(runtime: Runtime, taken: Taken, *, sends: bool) -> None:
    if sends and taken.is_known:
        send_quiet(runtime, taken.placement.id)
    if sends:
        click.echo("The scores are on their way to the LMS; of people who never opened the quiz there, when they do.")
        return
    with runtime.db.reading() as tx:
        quiet = count_quiet(tx, taken.placement.id)
    if quiet.results:
        click.echo(
            f"Nothing went to the LMS. Results that it does not know: {quiet.results}; "
            f"`coursebridge nbgrader send {taken.placement.key}` sends them."
        )


def _report(matches: list[Match]) -> None:
    unknown = [each for each in matches if each.person is None]
    for each in unknown[:MOST_NAMED]:
        click.echo(f"  Kept, not matched: {ascii(each.student.id)[1:-1]}: {each.why_not}.")
    if len(unknown) > MOST_NAMED:
        click.echo(f"  … and {len(unknown) - MOST_NAMED} more: `coursebridge nbgrader people` lists them.")
    if unknown:
        click.echo("  They are kept in the gradebook and in exports. `coursebridge nbgrader match` says who they are.")
