"""What a command of ours starts with."""

import click

from config.settings import load_settings
from lti_tool.app.process import make_process
from lti_tool.app.worker import publish_with
from lti_tool.contract import Plugin
from lti_tool.kernel.runtime import Runtime


def open_process(ctx: click.Context) -> tuple[Runtime, list[Plugin]]:
    """Runtime and plugins of a command, closed when it ends."""
    settings = load_settings()
    runtime, plugins = make_process(settings)
    publish_with(settings, runtime.db.router)
    ctx.call_on_close(runtime.db.close)
    return runtime, plugins
