"""Revisions: what each part of a course has said, who wrote it, and what learners have seen of it.

The number of a part's newest revision is what an editor began with (`base`). A save with another base is a conflict:
nothing of either text is lost, because the earlier save is a revision and the later one stays in the editor.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import undefer

from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Conflict, NotFound
from plugins.courses.models import Course, Origin, Revision
from plugins.courses.parts import Content
from plugins.reviews import public as reviews

MOST_REVISIONS = 2**31 - 1
"""What a database takes as a number."""


@dataclass(frozen=True)
class Author:
    """Who makes a revision."""

    user_id: int | None
    name: str


COMMAND_LINE = Author(None, "")


class EditConflict(Conflict):
    """Somebody saved this part since the editor was opened."""

    def __init__(self, newest: Revision) -> None:
        """`newest` is what they saved; its values outlive the transaction."""
        super().__init__("edit_conflict", "Somebody else saved this while you were writing. Compare both, then save.")
        self.number, self.content, self.author_name = newest.number, dict(newest.content), newest.author_name
        self.made_at = newest.made_at


def lock_course(tx: Tx, slug: str) -> Course:
    """The course, with every other editor of it waiting until this transaction ends. Raises: NotFound."""
    course = tx.scalar(select(Course).where(Course.slug == slug).options(undefer(Course.description)).with_for_update())
    if course is None:
        raise NotFound("course_not_found", "This course is no longer here. Ask your teacher where it has gone.")
    return course


def find_newest(tx: Tx, course_id: int, part: str) -> Revision | None:
    """The newest revision of a part, with its content."""
    query = select(Revision).where(Revision.course_id == course_id, Revision.part == part)
    return tx.scalar(query.options(undefer(Revision.content)).order_by(Revision.number.desc()).limit(1))


def list_newest(tx: Tx, course_id: int, parts: Collection[str] | None = None) -> dict[str, Revision]:
    """The newest revision of every part (or of `parts`), with content, by part. One query."""
    newest = (
        select(Revision.part, func.max(Revision.number).label("number"))
        .where(Revision.course_id == course_id)
        .group_by(Revision.part)
    )
    if parts is not None:
        newest = newest.where(Revision.part.in_(parts))
    found = newest.subquery()
    query = (
        select(Revision)
        .join(found, (found.c.part == Revision.part) & (found.c.number == Revision.number))
        .where(Revision.course_id == course_id)
        .options(undefer(Revision.content))
    )
    return {revision.part: revision for revision in tx.scalars(query)}


def list_history(tx: Tx, course_id: int, part: str) -> list[Revision]:
    """All revisions of a part without their content, the newest first."""
    query = select(Revision).where(Revision.course_id == course_id, Revision.part == part)
    return list(tx.scalars(query.order_by(Revision.number.desc())))


def get_revision(tx: Tx, course_id: int, part: str, number: int) -> Revision:
    """One revision with its content. Raises: NotFound."""
    query = select(Revision).where(Revision.course_id == course_id, Revision.part == part, Revision.number == number)
    found = tx.scalar(query.options(undefer(Revision.content))) if 0 < number <= MOST_REVISIONS else None
    if found is None:
        raise NotFound("revision_not_found", "There is no such revision. Open the history again.")
    return found


def add_revision(
    tx: Tx,
    course_id: int,
    part: str,
    content: Content,
    author: Author,
    *,
    base: int | None,
    origin: Origin = Origin.BROWSER,
    is_published: bool = False,
) -> Revision:
    """Write down what a part says from now on; nothing new if it says so already. The course must be locked.

    Whoever makes one has a part in writing the course, and does not review it.

    `base`: number of the revision that the author began with, 0 for none; None: whatever is there.

    Raises: EditConflict: there is a newer one that says something else.
    """
    newest = find_newest(tx, course_id, part)
    if newest is not None and newest.content == content:
        if is_published and newest.published_at is None:
            newest.published_at = clock.now()
        return newest
    if newest is not None and base is not None and base != newest.number:
        raise EditConflict(newest)
    made = Revision(
        course_id=course_id,
        part=part,
        number=newest.number + 1 if newest else 1,
        content=content,
        author_id=author.user_id,
        author_name=author.name,
        origin=origin,
        made_at=clock.now(),
        published_at=clock.now() if is_published else None,
    )
    tx.add(made)
    tx.flush()
    if author.user_id is not None:
        reviews.add_author(tx, tx.get_one(Course, course_id).slug, author.user_id)
    return made
