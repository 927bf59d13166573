"""Which servers a person may start. Works in front of any spawner class."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from jupyterhub.spawner import SpawnException

from jupyter_ext.hub.places import COURSES_MOUNT, WRITE_PREFIX, grade_server_name, write_server_name
from jupyter_ext.hub.settings import HubSettings
from jupyter_ext.hub.tool import Course, Environment, Tool, ToolUnavailable, Unknown

OF_A_COURSE = frozenset(
    {"COURSEBRIDGE_COURSE", "COURSEBRIDGE_COURSE_ROOT", "COURSEBRIDGE_GRADEBOOK_URL", "COURSEBRIDGE_WRITE"}
)
"""Variables that only a server for a course has."""


def admission(settings: HubSettings) -> Callable[[Any], Awaitable[None]]:
    """The `pre_spawn_hook`: everybody may start their default server, graders also `grade-<key>` of their courses, and
    those who may write quizzes `write-<key>`.

    It asks the tool at every start, so a role that was taken away counts from the next start on, and a server name that
    is not a course of theirs never starts, whoever asks and by whatever address. It leaves the course's key in
    `spawner.grade_course` or `spawner.write_course` (both empty for a default server) and the matching variables in
    `spawner.environment`. In `spawner.quiz_environments` it leaves the folders of packages that the server is shown,
    and in `spawner.is_an_environment_missing` whether there will be more; while the tool is down, none.
    """
    tool = Tool(settings.tool_url, settings.service_token)

    async def admit(spawner: Any) -> None:
        spawner.grade_course = spawner.write_course = ""
        course = await _course_of(tool, spawner.user.name, spawner.name) if spawner.name else None
        environment = {key: value for key, value in spawner.environment.items() if key not in OF_A_COURSE}
        environment["COURSEBRIDGE_URL"] = settings.tool_url
        environment["COURSEBRIDGE_ENVIRONMENTS"] = str(settings.environments)
        needed = await _environments_of(tool, spawner)
        spawner.quiz_environments = tuple(each.folder for each in needed if each.is_ready)
        spawner.is_an_environment_missing = len(spawner.quiz_environments) < len(needed)
        if course is not None and spawner.name.startswith(WRITE_PREFIX):
            environment["COURSEBRIDGE_WRITE"] = course.key
            spawner.write_course = course.key
        elif course is not None:
            root = f"{COURSES_MOUNT}/{course.key}"
            environment["COURSEBRIDGE_COURSE"] = course.key
            environment["COURSEBRIDGE_COURSE_ROOT"] = root
            environment["COURSEBRIDGE_GRADEBOOK_URL"] = f"sqlite:///{root}/gradebook/gradebook.db"
            spawner.grade_course = course.key
        spawner.environment = environment

    return admit


async def _environments_of(tool: Tool, spawner: Any) -> tuple[Environment, ...]:
    try:
        return await tool.list_environments(spawner.user.name)
    except (Unknown, ToolUnavailable) as error:  # the server starts without them, and says so where one is missing
        spawner.log.warning("No environments of quizzes for %s: %s", spawner.user.name, error)
        return ()


async def _course_of(tool: Tool, user_name: str, server_name: str) -> Course:
    """The course that the server's name stands for. Raises: SpawnException."""
    try:
        courses = await tool.list_courses(user_name)
    except Unknown:
        courses = ()
    except ToolUnavailable as error:
        raise SpawnException(
            "Coursebridge does not answer, so it is not certain that you may open this course. Try again in a minute.",
            reason="tool-down",
            log_message=f"{server_name} of {user_name} not started: {error}",
            status_code=HTTPStatus.SERVICE_UNAVAILABLE,
        ) from error
    for course in courses:
        if course.is_graded_by_them and grade_server_name(course.key) == server_name:
            return course
        if course.is_written_by_them and write_server_name(course.key) == server_name:
            return course
    raise SpawnException(
        "This server is for the teachers and assistants of a course. If you are one, open it again from your course.",
        reason="not-theirs",
        log_message=f"{server_name} of {user_name} refused: no course of theirs to mark or write",
        status_code=HTTPStatus.FORBIDDEN,
    )
