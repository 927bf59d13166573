"""What the panel of JupyterLab asks: the list, fetching, feedback, restoring, starting again."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_ext.singleuser.answers import JsonHandler
from jupyter_ext.singleuser.fileset import FileSetError
from jupyter_ext.singleuser.folders import BadName, Place
from jupyter_ext.singleuser.tool_client import ToolError

VALIDATION_WAIT_S = 20.0
"""How long an answer is held back; proxies in between end what is silent for a minute."""


class _PanelHandler(JsonHandler):
    async def answer_for_place(self, place: Callable[[], Place], act: Callable[[Place], Awaitable[Any]]) -> None:
        """Do something with a quiz, and answer with what it gives or why not."""
        try:
            self.answer(await act(place()))
        except (ToolError, FileSetError, BadName) as error:
            self.refuse(error)


class QuizzesHandler(_PanelHandler):
    """GET: the quizzes of all courses. ?fresh=1: the person asks for it."""

    @web.authenticated
    @authorized("read")
    async def get(self) -> None:
        """Answer with the list; never an error because of the tool: that is part of the answer."""
        self.answer(await self.service.list_quizzes(fresh=bool(self.get_query_argument("fresh", ""))))


class FetchHandler(_PanelHandler):
    """POST {course, assignment}: make sure that the quiz is here."""

    @web.authenticated
    @authorized("write")
    async def post(self) -> None:
        """Answer with the path of its first notebook, or of its folder when it has none."""

        async def fetch(place: Place) -> dict[str, str]:
            return {"path": await self.service.open(place)}

        await self.answer_for_place(self.asked_place, fetch)


class RestoreHandler(_PanelHandler):
    """POST {course, assignment}: bring lost files back."""

    @web.authenticated
    @authorized("write")
    async def post(self) -> None:
        """Answer with what came back, and from where."""

        async def restore(place: Place) -> dict[str, Any]:
            return asdict(await self.service.restore(place))

        await self.answer_for_place(self.asked_place, restore)


class StartAgainHandler(_PanelHandler):
    """POST {course, assignment}: begin with the release; the old folder is kept."""

    @web.authenticated
    @authorized("write")
    async def post(self) -> None:
        """Answer with the folder that keeps the old work, and the path to open."""

        async def start_again(place: Place) -> dict[str, str]:
            kept = await self.service.start_again(place)
            return {"kept": kept, "path": await self.service.open(place)}

        await self.answer_for_place(self.asked_place, start_again)


class FeedbackHandler(_PanelHandler):
    """GET ?course=&assignment=&attempt=: the marked notebooks of an attempt."""

    @web.authenticated
    @authorized("read")
    async def get(self) -> None:
        """Answer with pages that are for a sandboxed frame alone."""
        number = self.get_query_argument("attempt", "")
        if not (number.isascii() and number.isdigit() and len(number) < 10):
            raise web.HTTPError(400, reason="attempt is not a number")
        await self.answer_for_place(self.place_in_query, lambda place: self.service.feedback(place, int(number)))


class ValidateHandler(_PanelHandler):
    """nbgrader's validator on the notebooks as they are on disk: POST begins, GET waits, DELETE ends it."""

    auth_resource = "kernels"

    @web.authenticated
    @authorized("execute")
    async def post(self) -> None:
        """POST {course, assignment}: answer at once with how it stands."""

        async def begin(place: Place) -> dict[str, Any]:
            return await self.service.validate(place)

        await self.answer_for_place(self.asked_place, begin)

    @web.authenticated
    @authorized("read")
    async def get(self) -> None:
        """GET ?course=&assignment=: answer when it is done, or after a while with how it stands."""
        await self.answer_for_place(
            self.place_in_query, lambda place: self.service.validations.wait(place, VALIDATION_WAIT_S)
        )

    @web.authenticated
    @authorized("execute")
    async def delete(self) -> None:
        """DELETE ?course=&assignment=: end it."""
        await self.answer_for_place(self.place_in_query, self.service.validations.cancel)


PANEL_HANDLERS = [
    (r"/coursebridge/validate", ValidateHandler),
    (r"/coursebridge/quizzes", QuizzesHandler),
    (r"/coursebridge/fetch", FetchHandler),
    (r"/coursebridge/restore", RestoreHandler),
    (r"/coursebridge/start-again", StartAgainHandler),
    (r"/coursebridge/feedback", FeedbackHandler),
]
