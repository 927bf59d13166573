"""What every process starts with: plugins and runtime, wired to each other."""

from collections.abc import Iterable

from config.settings import Settings
from lti_tool.contract import Plugin, load_plugins
from lti_tool.kernel.messages import Handler, Router
from lti_tool.kernel.runtime import Runtime, make_runtime


def make_router(plugins: Iterable[Plugin]) -> Router:
    """The router over the handlers of all plugins."""
    handlers: list[Handler] = [handler for plugin in plugins for handler in plugin.handlers]
    return Router(handlers)


def make_process(settings: Settings) -> tuple[Runtime, list[Plugin]]:
    """Runtime and plugins of a process (web, worker or command), wired to each other."""
    plugins = load_plugins(settings.plugins)
    runtime = make_runtime(settings)
    runtime.db.router = make_router(plugins)
    return runtime, plugins
