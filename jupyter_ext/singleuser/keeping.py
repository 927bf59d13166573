"""Ties a service that keeps saved work to one Jupyter server: its root folder, its saves and its end."""

import asyncio
from pathlib import Path
from typing import Any, Protocol

from jupyter_server.extension.application import ExtensionApp
from traitlets import Float

from jupyter_ext.singleuser.backup import SETTLE_S


class Keeper(Protocol):
    """What an extension has made for its server."""

    def note_saved_path(self, path: str) -> None:
        """A file below the root was saved."""

    async def close(self) -> None:
        """Store what waits."""


class KeepingExtension(ExtensionApp):
    """What extensions share whose service hears of every save. They make it in `make_service`."""

    load_other_extensions = True

    settle_s = Float(SETTLE_S, help="Seconds to wait after a save for further ones before the tool gets it.").tag(
        config=True
    )
    service: Keeper
    root: Path

    def make_service(self, root: Path) -> Keeper:
        """For the server's root folder."""
        raise NotImplementedError

    def initialize_settings(self) -> None:
        """Make the service."""
        assert self.serverapp is not None, "jupyter_server links before it initialises"
        self.root = Path(self.serverapp.contents_manager.root_dir).absolute()
        self.service = self.make_service(self.root)

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:
        """The loop runs: listen to saves."""
        loop = asyncio.get_running_loop()

        def after_save(os_path: str, **_: Any) -> None:
            path = Path(os_path).absolute()
            if path.is_relative_to(self.root):
                loop.call_soon_threadsafe(self.service.note_saved_path, path.relative_to(self.root).as_posix())

        serverapp.contents_manager.register_post_save_hook(after_save)

    async def stop_extension(self) -> None:
        """The server ends."""
        await self.service.close()
