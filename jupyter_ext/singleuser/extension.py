"""The Jupyter server extension for learners: the tool's addresses, and a copy of every save."""

import os
from pathlib import Path
from typing import Any

from traitlets import Float

from jupyter_ext.singleuser.answers import SERVICE_SETTING
from jupyter_ext.singleuser.assignment_list import use_own_words
from jupyter_ext.singleuser.handlers import HANDLERS
from jupyter_ext.singleuser.keeping import KeepingExtension
from jupyter_ext.singleuser.quiz_sessions import choose_kernels
from jupyter_ext.singleuser.quizzes import ASKED_S
from jupyter_ext.singleuser.service import LearnerService


def _jupyter_server_extension_points() -> list[dict[str, object]]:
    """Tell jupyter_server which application to load."""
    return [{"module": "jupyter_ext.singleuser.extension", "app": CoursebridgeExtension}]


class CoursebridgeExtension(KeepingExtension):
    """Quizzes of the course: open, keep a copy of every save, hand in."""

    name = "coursebridge"
    description = "Quizzes of the course: open, keep a copy of every save, hand in."

    asked_s = Float(ASKED_S, help="Seconds for which a list of quizzes is good although a person asks anew.").tag(
        config=True
    )
    service: LearnerService

    def make_service(self, root: Path) -> LearnerService:
        """For the server's root folder."""
        made = self.settings[SERVICE_SETTING] = LearnerService(root, settle_s=self.settle_s, asked_s=self.asked_s)
        return made

    def initialize_handlers(self) -> None:
        """Add the addresses."""
        self.handlers.extend(HANDLERS)

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:
        """Then store what an earlier server could not."""
        await super()._start_jupyter_server_extension(serverapp)
        use_own_words(serverapp.web_app.settings, serverapp)
        if os.environ.get("COURSEBRIDGE_URL"):
            choose_kernels(serverapp, self.service.find_kernel)
            self.service.begin()
            await self.service.backup.resume()
