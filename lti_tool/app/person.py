"""`coursebridge person …`: what the installation holds of a person, to be handed out and to be removed."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from lti_tool.app.command import open_process
from lti_tool.contract import Plugin
from lti_tool.kernel import audit, clock
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Invalid
from lti_tool.lti.directory import MOST, Entry, find_people, get_person


@click.group("person")
def person() -> None:
    """Find a person, hand out what is held of them, or erase it."""


@person.command("find")
@click.argument("words")
def find_command(words: str) -> None:
    """List people whose name has WORDS in it, or whose number, LMS id or JupyterHub name WORDS is."""
    runtime, _plugins = open_process(click.get_current_context())
    with runtime.db.reading() as tx:
        found = find_people(tx, words)
    for each in found:
        click.echo(f"{each.user_id}\t{_say(each)}\tLMS id {each.subject}\t{each.hub_name}\tLMS courses: {each.courses}")
    if not found:
        click.echo("Nobody is called so.", err=True)
    if len(found) == MOST:
        click.echo(f"There may be more than these {MOST}: say more of the name.", err=True)


@person.command("export")
@click.argument("number", type=int)
@click.option("--out", type=click.Path(path_type=Path), help="A new file for it, for your account alone.")
def export_command(number: int, out: Path | None) -> None:
    """Write what every part holds of person NUMBER, as JSON."""
    runtime, plugins = open_process(click.get_current_context())
    with runtime.db.transaction() as tx:
        document = export_person(tx, plugins, number)
        text = json.dumps(document, indent=2, ensure_ascii=False)
        if out is not None:
            _write(out, text + "\n")
    click.echo(text if out is None else f"Wrote {out}.")


@person.command("erase")
@click.argument("number", type=int)
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase_command(number: int, yes: bool) -> None:
    """Remove what every part holds of person NUMBER. It cannot be taken back."""
    runtime, plugins = open_process(click.get_current_context())
    with runtime.db.reading() as tx:
        found = get_person(tx, number)
    if not yes:
        click.confirm(f"Erase {_say(found)}, with all work and marks?", abort=True)
    with runtime.db.transaction() as tx:
        erase_person(tx, plugins, number)
    click.echo(
        f"Person {number} is erased. A worker takes them out of gradebooks and folders as soon as it has the time.\n"
        f"Not in Coursebridge's reach: JupyterHub's user {found.hub_name} with the folder homes/{found.hub_name}, "
        "what the LMS keeps, and backups."
    )


def export_person(tx: Tx, plugins: Sequence[Plugin], number: int) -> dict[str, Any]:
    """What each plugin holds of a person, by its name; JSON-ready. Raises: NotFound."""
    found = get_person(tx, number)
    audit.record(tx, audit.OPERATOR, "person.export", _target(found))
    said = {"number": number, "platform": found.platform, "exported_at": clock.now().isoformat()}
    held = {each.name: each.export_personal_data(tx, number) for each in plugins if each.export_personal_data}
    return {"person": said} | held


def erase_person(tx: Tx, plugins: Sequence[Plugin], number: int) -> None:
    """Have every plugin remove what it holds of a person, the ground floor last. Raises: NotFound."""
    found = get_person(tx, number)
    for each in reversed(plugins):
        if each.erase_personal_data:
            each.erase_personal_data(tx, number)
    audit.record(tx, audit.OPERATOR, "person.erase", _target(found))


def _say(found: Entry) -> str:
    return f"{'Somebody who was erased' if found.is_erased else found.name} ({found.platform})"


def _target(found: Entry) -> str:
    """For the audit log, which is kept for good: without the name."""
    return f"person {found.user_id} of {found.platform}"


def _write(path: Path, text: str) -> None:
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise Invalid("file_not_written", f"{path}: cannot be written ({error.strerror}).") from error
