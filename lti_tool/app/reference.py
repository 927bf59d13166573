"""Writes the reference pages of docs/ from the code, so that they cannot fall behind it."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from config.section import Section
from config.settings import PREFIX, Settings
from lti_tool.contract import Plugin
from lti_tool.kernel.messages import Event, Job, Message

FOLDER = Path(__file__).parents[2] / "docs" / "reference"


def write_reference(cli: click.Group, plugins: Iterable[Plugin]) -> None:
    """Write all pages."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in make_pages(cli, list(plugins)).items():
        (FOLDER / name).write_text(text, encoding="utf-8")


def make_pages(cli: click.Group, plugins: list[Plugin]) -> dict[str, str]:
    """The pages by file name."""
    return {
        "settings.md": "\n".join(_settings()) + "\n",
        "commands.md": "\n".join(_commands(cli)) + "\n",
        "messages.md": "\n".join(_messages(plugins)) + "\n",
    }


def _settings() -> Iterator[str]:
    yield "# Settings\n"
    yield "Environment variables win over the TOML file named by `COURSEBRIDGE_CONFIG`; `coursebridge config show`"
    yield "prints what is in force and `coursebridge config check` says what is wrong.\n"
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield f"## {name}\n\n{field.description}\n"
            for inner, part in field.annotation.model_fields.items():
                yield from _setting(f"{name}.{inner}", part)
        else:
            yield from _setting(name, field)


def _setting(name: str, field: FieldInfo) -> Iterator[str]:
    default: Any = field.get_default(call_default_factory=True)
    shown = "" if isinstance(default, SecretStr) else default
    yield f"### `{name}`\n\n{field.description}\n"
    yield (
        f"`{PREFIX}{name.replace('.', '__').upper()}`, default `{shown}`\n"
        if str(shown)
        else (f"`{PREFIX}{name.replace('.', '__').upper()}`, no default\n")
    )


def _commands(cli: click.Group) -> Iterator[str]:
    yield "# Commands\n"
    yield from _command(cli, ["coursebridge"], click.Context(cli, info_name="coursebridge"))


def _command(command: click.Command, words: list[str], context: click.Context) -> Iterator[str]:
    if command.hidden:
        return
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None:
                yield from _command(found, [*words, name], click.Context(found, info_name=name, parent=context))
        return
    yield f"## `{' '.join(words)}`\n\n```text\n{command.get_help(context)}\n```\n"


def _messages(plugins: list[Plugin]) -> Iterator[str]:
    yield "# Events and jobs\n"
    yield "Every handler of a message has its own durable row in the job table.\n"
    found: dict[type[Message], list[str]] = {}
    for plugin in plugins:
        for handler in plugin.handlers:
            found.setdefault(handler.message, []).append(f"`{handler.name}` (queue {handler.queue})")
    for kind, title in ((Event, "Events"), (Job, "Jobs")):
        yield f"## {title}\n"
        for message in sorted((m for m in found if issubclass(m, kind)), key=lambda m: m.name):
            yield f"### `{message.name}`\n\n{(message.__doc__ or '').strip()}\n"
            yield f"Handled by {', '.join(found[message])}.\n"
