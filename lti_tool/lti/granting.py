"""What the teacher of an LMS course lets its assistants do."""

from collections.abc import Collection, Iterable

from lti_tool.kernel.audit import Actor, record
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Forbidden, NotFound
from lti_tool.kernel.permissions import Right, Role, rights_of
from lti_tool.lti.models import Context
from lti_tool.web.session import grant_to_assistants


def find_assistant_rights(tx: Tx, context_id: int | None, role: Role) -> tuple[str, ...] | None:
    """What an assistant of this LMS course was given; None: nobody has said, or it is no assistant."""
    if role is not Role.ASSISTANT or context_id is None:
        return None
    granted = tx.get_one(Context, context_id).assistant_rights
    return None if granted is None else tuple(granted)


def list_assistant_rights(tx: Tx, context_id: int) -> frozenset[Right]:
    """What assistants of this LMS course may do. Raises: NotFound."""
    return rights_of(Role.ASSISTANT, _get_context(tx, context_id).assistant_rights)


def set_assistant_rights(tx: Tx, context_id: int, rights: Collection[Right], by: Actor, role: Role) -> None:
    """Let assistants of an LMS course do this and no more, from now on: in sessions that are open, too.

    Raises: Forbidden: `role`, of whoever decides, is not teacher. NotFound.
    """
    if role is not Role.TEACHER:
        raise Forbidden("role_refused", "Only the teachers of a course decide what its assistants may do.")
    row = _get_context(tx, context_id)
    before, after = _names(rights_of(Role.ASSISTANT, row.assistant_rights)), _names(rights)
    if row.assistant_rights is not None and before == after:
        return
    row.assistant_rights = after
    grant_to_assistants(tx, context_id, after)
    target = f"LMS course {row.id} ({row.title or row.context_id})"
    record(tx, by, "rights.change", target, before={"assistants": before}, after={"assistants": after})


def _get_context(tx: Tx, context_id: int) -> Context:
    row = tx.get(Context, context_id, with_for_update=True)
    if row is None:
        raise NotFound("lms_course_not_found", "This LMS course is not known here. Open an activity of it again.")
    return row


def _names(rights: Iterable[Right]) -> list[str]:
    return sorted(right.value for right in rights)
