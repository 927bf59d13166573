"""What a course may take: one number per course, checked and changed by one UPDATE, so that nobody can race past it."""

from sqlalchemy import select, update

from lti_tool.kernel.db import Tx, affect
from lti_tool.kernel.errors import TooLarge
from lti_tool.kernel.upsert import insert_into
from plugins.files.models import UsageRow


def used_bytes(tx: Tx, course_slug: str) -> int:
    """What the files and the open uploads of a course take, in bytes."""
    return tx.scalar(select(UsageRow.used_bytes).where(UsageRow.course_slug == course_slug)) or 0


def take(tx: Tx, course_slug: str, size: int, quota_bytes: int) -> None:
    """Count `size` bytes more for a course. Raises: TooLarge: there is no room for them."""
    _make_row(tx, course_slug)
    mine = UsageRow.course_slug == course_slug
    fits = UsageRow.used_bytes + size <= quota_bytes
    if not affect(tx, update(UsageRow).where(mine, fits).values(used_bytes=UsageRow.used_bytes + size)):
        left = max(0, quota_bytes - used_bytes(tx, course_slug))
        message = "There is no room for this file in the course. Delete files that are not used, or ask for more room."
        raise TooLarge("quota_full", message, {"left_bytes": left, "wanted_bytes": size})


def give_back(tx: Tx, course_slug: str, size: int) -> None:
    """Count `size` bytes less."""
    mine = UsageRow.course_slug == course_slug
    affect(tx, update(UsageRow).where(mine).values(used_bytes=UsageRow.used_bytes - size))


def hold(tx: Tx, course_slug: str) -> None:
    """Nobody else adds files to the course until the transaction ends. (SQLite has one writer at a time anyway.)"""
    _make_row(tx, course_slug)
    tx.execute(select(UsageRow.course_slug).where(UsageRow.course_slug == course_slug).with_for_update())


def _make_row(tx: Tx, course_slug: str) -> None:
    dialect = tx.get_bind().dialect.name
    tx.execute(insert_into(dialect, UsageRow).values(course_slug=course_slug, used_bytes=0).on_conflict_do_nothing())
