"""The public contract of a plugin: one frozen `Plugin` object says everything it offers.

`grading` and `lti_tool.lti` offer the same object. A package named in `settings.plugins` has it as
`<package>.plugin.PLUGIN`; packages installed from elsewhere come by the entry point group `coursebridge.plugins`.
"""

import importlib
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from importlib.metadata import entry_points
from typing import Any, Protocol

import click
from flask import Blueprint

from lti_tool.kernel.db import Tx
from lti_tool.kernel.messages import Handler
from lti_tool.kernel.permissions import Right, Role


@dataclass(frozen=True)
class NavItem:
    """A link in the header of every page of a course."""

    label: str
    endpoint: str
    roles: frozenset[Role] = frozenset(Role)
    right: Right | None = None
    """Shown to those who have it only; None: to all of `roles`."""
    order: int = 0
    """Lower comes first; plugins of the same number come in the order of the setting `plugins`."""


@dataclass(frozen=True)
class Choice:
    """Something that a teacher can place in the LMS by deep linking."""

    ref: str
    """Stable reference that comes back in the launch as the custom parameter `coursebridge_item`."""
    course_slug: str
    """Empty: it belongs to no course, and stands after every one."""
    course_title: str
    title: str
    kind: str
    """`course`, `module`, `lesson`, `video`, `notebook`, `quiz`, `file`, `link` or `check`."""
    group: str
    """Title of the module it stands in; choices of one group follow each other."""
    path: str
    """The path (below the application root, beginning with `/`) of the page that a launch of it ends on."""
    text: str = ""
    max_points: Decimal | None = None
    """Set when the item is graded: the LMS gets a line item."""
    opens_at: datetime | None = None
    """Closed to learners until then."""
    due_at: datetime | None = None
    """What is handed in later is late."""


class Contents(Protocol):
    """What a plugin that has placeable content answers."""

    def list_choices(self, tx: Tx, registration_id: int) -> list[Choice]:
        """Everything that a teacher of this platform may place, in reading order."""

    def find_choice(self, tx: Tx, registration_id: int, ref: str) -> Choice | None:
        """The item behind a reference, None if it is gone or not for this platform. A launch asks without a request."""

    def list_titles(self, tx: Tx, refs: Collection[str]) -> dict[str, str]:
        """What each of these references is of, in words, whichever platform uses it; those that are gone are left out.

        One query at most.
        """

    def begin_path(self, role: Role) -> str | None:
        """The path of the page where somebody in this role makes the first content; None: they do not here."""

    def review_path_of(self, tx: Tx, ref: str, user_id: int) -> str:
        """The path of the page that shows staff what one learner has done of this item."""


class Level(StrEnum):
    """How well something is."""

    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True)
class Finding:
    """What a look at one part of the installation found, for the people who run it."""

    subject: str
    level: Level
    text: str
    advice: str = ""
    """What to do about it; empty: nothing."""


@dataclass(frozen=True)
class Plugin:
    """What one part of Coursebridge offers to the rest."""

    name: str
    """Short and unique; tables are `<name>_*`, templates `<name>/`, URLs `/<name>/…`, endpoints `<name>.*`."""
    summary: str
    requires: Sequence[str] = ()
    """Names of plugins that must be loaded too."""
    models: Sequence[type[Any]] = ()
    handlers: Sequence[Handler] = ()
    blueprints: Sequence[Blueprint] = ()
    nav: Sequence[NavItem] = ()
    commands: Sequence[click.Command] = ()
    contents: Contents | None = None
    recurring: Sequence["Recurring"] = ()
    warm_ups: Sequence["WarmUp"] = ()
    health: Sequence["HealthCheck"] = ()
    """Looked at by the console and `coursebridge health`."""
    export_personal_data: Callable[[Tx, int], dict[str, Any]] | None = None
    """`(tx, user id)` → what is kept about a person, JSON-ready."""
    erase_personal_data: Callable[[Tx, int], None] | None = None
    """`(tx, user id)`: remove or anonymise it."""


@dataclass(frozen=True)
class Recurring:
    """Work done again and again by the worker: short, idempotent, opens its own transactions."""

    name: str
    every_s: float
    run: Callable[[Any], None] = field(repr=False)
    """`run(runtime)`."""


@dataclass(frozen=True)
class WarmUp:
    """What each process of a worker does ahead of its first job, while it is ready for jobs already.

    It runs in a thread of its own, which then stays: a process that was told to end with its parent ends with the
    thread that started it.
    """

    queue: str
    """Done by workers that take jobs from here."""
    run: Callable[[Any], None] = field(repr=False)
    """`run(settings)`; opens no database."""
    load: Callable[[], None] = field(default=lambda: None, repr=False)
    """Before the worker makes its processes, once: imports what they need, so that they share it. Starts no thread."""


HealthCheck = Callable[[Any], Iterable[Finding]]
"""`check(runtime)`: quick, opens its own transactions, may call the network for two seconds, raises nothing."""


class PluginError(Exception):
    """The configured plugins do not fit together; the text says which and why."""


def load_plugins(names: Iterable[str]) -> list[Plugin]:
    """Import the plugins in order, those of settings first, then installed ones. Raises: PluginError."""
    plugins = [_import_plugin(f"{name}.plugin") for name in names]
    plugins += [entry.load() for entry in entry_points(group="coursebridge.plugins")]
    seen: dict[str, Plugin] = {}
    for plugin in plugins:
        if plugin.name in seen:
            raise PluginError(
                f"Two plugins are called {plugin.name}: rename one, or remove it from the setting `plugins`."
            )
        seen[plugin.name] = plugin
    for plugin in plugins:
        missing = [name for name in plugin.requires if name not in seen]
        if missing:
            raise PluginError(f"The plugin {plugin.name} needs {', '.join(missing)}: add to the setting `plugins`.")
    return plugins


def _import_plugin(module_name: str) -> Plugin:
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and module_name.startswith(error.name):
            raise PluginError(
                f"The setting `plugins` names {module_name.removesuffix('.plugin')}, which is not installed."
            ) from error
        raise
    plugin = getattr(module, "PLUGIN", None)
    if not isinstance(plugin, Plugin):
        raise PluginError(f"{module_name} has no PLUGIN object.")
    return plugin
