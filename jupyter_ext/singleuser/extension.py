"""The Jupyter server extension: ties the service to one Jupyter server, its saves, its start and its end."""

import asyncio
import os
from pathlib import Path
from typing import Any

from jupyter_server.extension.application import ExtensionApp
from traitlets import Float

from jupyter_ext.singleuser.answers import SERVICE_SETTING
from jupyter_ext.singleuser.assignment_list import use_own_words
from jupyter_ext.singleuser.backup import SETTLE_S
from jupyter_ext.singleuser.handlers import HANDLERS
from jupyter_ext.singleuser.quizzes import ASKED_S
from jupyter_ext.singleuser.service import LearnerService


def _jupyter_server_extension_points() -> list[dict[str, object]]:
    """Tell jupyter_server which application to load."""
    return [{"module": "jupyter_ext.singleuser.extension", "app": CoursebridgeExtension}]


class CoursebridgeExtension(ExtensionApp):
    """Quizzes of the course: open, keep a copy of every save, hand in."""

    name = "coursebridge"
    description = "Quizzes of the course: open, keep a copy of every save, hand in."
    load_other_extensions = True

    settle_s = Float(
        SETTLE_S, help="Seconds to wait after a save for further ones before a copy goes to the course."
    ).tag(config=True)
    asked_s = Float(ASKED_S, help="Seconds for which a list of quizzes is good although a person asks anew.").tag(
        config=True
    )

    def initialize_settings(self) -> None:
        """Make the service for the server's root folder."""
        assert self.serverapp is not None, "jupyter_server links before it initialises"
        self.root = Path(self.serverapp.contents_manager.root_dir).absolute()
        self.service = LearnerService(self.root, settle_s=self.settle_s, asked_s=self.asked_s)
        self.settings[SERVICE_SETTING] = self.service

    def initialize_handlers(self) -> None:
        """Add the addresses."""
        self.handlers.extend(HANDLERS)

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:
        """The loop runs: listen to saves, and store what an earlier server could not."""
        loop = asyncio.get_running_loop()

        def after_save(os_path: str, **_: Any) -> None:
            path = Path(os_path).absolute()
            if path.is_relative_to(self.root):
                loop.call_soon_threadsafe(self.service.note_saved_path, path.relative_to(self.root).as_posix())

        serverapp.contents_manager.register_post_save_hook(after_save)
        use_own_words(serverapp.web_app.settings, serverapp)
        if os.environ.get("COURSEBRIDGE_URL"):
            await self.service.backup.resume()

    async def stop_extension(self) -> None:
        """The server ends: store what waits."""
        await self.service.close()
