"""nbgrader's Assignment List with our words: its own speak of an exchange directory, or show a traceback."""

from typing import Any

from nbgrader.server_extensions.assignment_list.handlers import AssignmentList

from jupyter_ext.singleuser.contract import list_courses
from jupyter_ext.singleuser.tool_client import ToolAddress, ToolClient, ToolError

MANAGER_SETTING = "assignment_list_manager"
"""Where nbgrader's server extension keeps its one AssignmentList."""

_EXCHANGE_ERROR = "ExchangeError: "


class CourseAssignmentList(AssignmentList):
    """The same list; what went wrong is told as the tool told it."""

    def list_released_assignments(self, course_id: str | None = None) -> dict[str, Any]:
        """Nbgrader's answer, or why the tool cannot be asked."""
        return _explain(super().list_released_assignments(course_id=course_id))

    def list_submitted_assignments(self, course_id: str | None = None) -> dict[str, Any]:
        """Nbgrader's answer, or why the tool cannot be asked."""
        return _explain(super().list_submitted_assignments(course_id=course_id))

    def submit_assignment(self, course_id: str, assignment_id: str) -> dict[str, Any]:
        """Nbgrader's answer, without the traceback."""
        answer: dict[str, Any] = super().submit_assignment(course_id, assignment_id)
        _, found, message = str(answer.get("value", "")).rpartition(_EXCHANGE_ERROR)
        return {"success": False, "value": message.strip()} if found and not answer["success"] else answer


def use_own_words(settings: dict[str, Any], parent: Any) -> None:
    """Take the place of nbgrader's list, if its server extension is loaded."""
    theirs = settings.get(MANAGER_SETTING)
    if theirs is not None:
        ours = CourseAssignmentList(parent=parent)
        ours.root_dir = theirs.root_dir
        settings[MANAGER_SETTING] = ours


def _explain(answer: dict[str, Any]) -> dict[str, Any]:
    if answer["success"]:
        return answer
    try:
        with ToolClient(ToolAddress.from_env()) as client:
            client.send(list_courses())
    except ToolError as error:
        return {"success": False, "value": error.message}
    return answer
