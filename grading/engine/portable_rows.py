"""A gradebook as plain rows: read from a file that nobody vouches for, without nbgrader.

Whoever made the file may have put anything into it, so only rows of nbgrader's own tables are taken, value by value,
and nothing of it is ever used as a database by the tool. What is not as nbgrader 0.9 makes it is refused, with what to
do about it.
"""

import math
import re
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import column, select, text
from sqlalchemy import table as from_table

from grading.engine.portable_names import find_name_problem

TABLES: dict[str, dict[str, str]] = {
    "course": {"id": "text"},
    "student": {
        "id": "text",
        "first_name": "text",
        "last_name": "text",
        "email": "text",
        "lms_user_id": "text",
    },
    "assignment": {"id": "text", "name": "text", "duedate": "moment", "course_id": "text"},
    "notebook": {"id": "text", "name": "text", "assignment_id": "text", "kernelspec": "text"},
    "submitted_assignment": {
        "id": "text",
        "assignment_id": "text",
        "student_id": "text",
        "timestamp": "moment",
        "extension": "moment",
    },
    "base_cell": {"id": "text", "name": "text", "notebook_id": "text", "type": "text"},
    "source_cell": {
        "id": "text",
        "name": "text",
        "cell_type": "text",
        "locked": "flag",
        "source": "text",
        "checksum": "text",
        "notebook_id": "text",
    },
    "submitted_notebook": {
        "id": "text",
        "assignment_id": "text",
        "notebook_id": "text",
        "flagged": "flag",
        "late_submission_penalty": "number",
    },
    "comment": {
        "id": "text",
        "notebook_id": "text",
        "cell_id": "text",
        "auto_comment": "text",
        "manual_comment": "text",
    },
    "grade": {
        "id": "text",
        "notebook_id": "text",
        "cell_id": "text",
        "auto_score": "number",
        "manual_score": "number",
        "extra_credit": "number",
        "needs_manual_grade": "flag",
    },
    "grade_cells": {"id": "text", "max_score": "number", "cell_type": "text"},
    "solution_cells": {"id": "text"},
    "task_cells": {"id": "text", "max_score": "number", "cell_type": "text"},
}
"""nbgrader's tables, each after those that it refers to, with the kinds of their columns."""
VERSION = "e43177bfe90b"
"""The schema of nbgrader 0.7 to 0.9, as its migrations name it."""
OLDER = frozenset({"282d30a0218e", "167914646830", "724cde206c17", "50a4d84c131a", "b6d005d67074"})
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""An extension is kept as this moment and the extension on top."""
MOST_BYTES = 4_000_000_000
MOST_ROWS = 5_000_000
LONGEST_TEXT = 50_000_000
LONGEST_S = 300
STEPS = 100_000
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,6})?")
Value = str | int | float | None
Rows = dict[str, list[tuple[Value, ...]]]
"""By table, in the order of the file; each row has the columns of `TABLES` in that order."""


class NotAGradebook(ValueError):
    """The file is not a gradebook that can be taken; the text says why and what to do."""


def read_rows(path: Path) -> Rows:
    """All rows of a gradebook file. It is copied first, with what a writer left beside it.

    Raises: NotAGradebook. OSError.
    """
    with _opened_copy(path) as connection:
        return read_connection(connection)


def read_connection(connection: sqlite3.Connection) -> Rows:
    """All rows, through a connection that changes nothing meanwhile. Raises: NotAGradebook."""
    ends = time.monotonic() + LONGEST_S
    connection.set_progress_handler(lambda: time.monotonic() > ends, STEPS)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_TEXT)
    try:
        for pragma in ("trusted_schema = OFF", "cell_size_check = ON"):
            connection.execute(f"PRAGMA {pragma}")
        _check_schema(connection)
        rows = {name: list(_read_table(connection, name)) for name in TABLES}
    except sqlite3.Error as error:
        raise NotAGradebook(
            f"gradebook.db cannot be read to its end ({error}). Restore it from a backup, or repair it with "
            "`sqlite3 gradebook.db .recover`."
        ) from error
    _check_names(rows)
    return rows


@contextmanager
def _opened_copy(path: Path) -> Iterator[sqlite3.Connection]:
    """A copy of an SQLite file. Raises: NotAGradebook. OSError."""
    if path.is_symlink() or not path.is_file():
        raise NotAGradebook("gradebook.db is not there as a plain file. Put the file itself into the folder.")
    beside = [path.with_name(path.name + ending) for ending in ("-journal", "-wal")]
    if sum(each.stat().st_size for each in (path, *beside) if each.is_file()) > MOST_BYTES:
        raise NotAGradebook(f"gradebook.db has more than {MOST_BYTES // 10**9} GB, which no gradebook has.")
    with path.open("rb") as file:
        if file.read(16) != b"SQLite format 3\0":
            raise NotAGradebook(
                "gradebook.db is not an SQLite database. If your course keeps its gradebook in another database "
                "(`CourseDirectory.db_url`), copy it into a file gradebook.db first."
            )
    with tempfile.TemporaryDirectory(prefix="coursebridge-gradebook-") as folder:
        copy = Path(folder, "gradebook.db")
        shutil.copyfile(path, copy, follow_symlinks=False)
        for each in beside:
            if each.is_file() and not each.is_symlink():
                shutil.copyfile(each, copy.with_name(copy.name + each.name.removeprefix(path.name)))
        with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
            yield connection


def read_due_dates(path: Path) -> dict[str, datetime]:
    """Due dates by assignment. Raises: NotAGradebook. OSError."""
    rows = read_rows(path)
    return {str(name): moment_of(due) for _id, name, due, _course in rows["assignment"] if due is not None}


def moment_of(value: Value) -> datetime:
    """A moment as the gradebook keeps it: in UTC, without saying so."""
    return datetime.fromisoformat(str(value)).replace(tzinfo=UTC)


def rename_students(rows: Rows, names: Mapping[str, str]) -> Rows:
    """The same with other student ids."""
    renamed = dict(rows)
    for name, key in (("student", "id"), ("submitted_assignment", "student_id")):
        at = list(TABLES[name]).index(key)
        renamed[name] = [(*row[:at], names.get(str(row[at]), row[at]), *row[at + 1 :]) for row in rows[name]]
    return renamed


def canonical(rows: Rows) -> dict[str, list[dict[str, Value]]]:
    """All rows by table and primary key, to compare two gradebooks by what they say."""
    return {
        name: sorted((dict(zip(columns, row, strict=True)) for row in rows[name]), key=lambda row: str(row["id"]))
        for name, columns in TABLES.items()
    }


def _check_schema(connection: sqlite3.Connection) -> None:
    things = connection.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_master ORDER BY name").fetchall()
    for kind, name, _sql in things:
        if kind in ("trigger", "view"):
            raise NotAGradebook(
                f"gradebook.db has the {kind} {_shown(name)}, which nbgrader never makes. Find out who put it there; "
                f'then remove it (`DROP {kind.upper()} "…"` in `sqlite3 gradebook.db`).'
            )
    tables = {str(name): str(sql) for kind, name, sql in things if kind == "table"}
    for name, sql in tables.items():
        if sql.lstrip().upper().startswith("CREATE VIRTUAL"):
            raise NotAGradebook(f"gradebook.db has the virtual table {_shown(name)}, which nbgrader never makes.")
    _check_version(connection, tables)
    missing = [name for name in TABLES if name not in tables]
    if missing:
        raise NotAGradebook(f"gradebook.db lacks nbgrader's table {missing[0]}. Restore it from a backup.")
    known = {*TABLES, "alembic_version"}
    odd = [name for name in tables if name not in known and not name.startswith("sqlite_")]
    if odd:
        raise NotAGradebook(
            f"gradebook.db has the table {_shown(odd[0])}, which is not nbgrader's and would be lost. Move it into a "
            "database of its own."
        )
    for name, columns in TABLES.items():
        _check_columns(connection, name, columns)


def _check_version(connection: sqlite3.Connection, tables: Mapping[str, str]) -> None:
    found = (
        connection.execute("SELECT version_num FROM alembic_version").fetchall() if "alembic_version" in tables else []
    )
    version = found[0][0] if len(found) == 1 else None
    if version == VERSION:
        return
    if version in OLDER or (version is None and "student" in tables):
        raise NotAGradebook(
            "gradebook.db is of an older nbgrader. Run `nbgrader db upgrade` in the folder (it makes a backup first), "
            "then import again."
        )
    if version is None:
        raise NotAGradebook("gradebook.db is a database, but not one of nbgrader's. Put the course's own there.")
    raise NotAGradebook(f"gradebook.db has the schema {_shown(version)}, which is not one of nbgrader up to 0.9.")


def _check_columns(connection: sqlite3.Connection, table: str, columns: Mapping[str, str]) -> None:
    found = {row[1]: row[6] for row in connection.execute(f'PRAGMA table_xinfo("{table}")')}
    missing = [name for name in columns if name not in found]
    odd = [name for name, hidden in found.items() if name not in columns or hidden]
    if missing:
        raise NotAGradebook(
            f"gradebook.db lacks the column {missing[0]} of {table}. Run `nbgrader db upgrade` in the folder."
        )
    if odd:
        raise NotAGradebook(
            f"gradebook.db has the column {_shown(odd[0])} in {table}, which is not nbgrader's and would be lost. "
            "Remove it there first."
        )


def _read_table(connection: sqlite3.Connection, table: str) -> Iterator[tuple[Value, ...]]:
    columns = TABLES[table]
    query = str(select(*map(column, columns)).select_from(from_table(table)).order_by(text("rowid")))
    for number, row in enumerate(connection.execute(query)):
        if number >= MOST_ROWS:
            raise NotAGradebook(f"gradebook.db has more than {MOST_ROWS} rows in {table}, which no course has.")
        for (name, kind), value in zip(columns.items(), row, strict=True):
            if not _is_sound(kind, value) or (name == "id" and not value):
                raise NotAGradebook(
                    f"gradebook.db: {name} of a row of {table} is no {kind}: {_shown(value)}. Correct it there."
                )
        yield row


def _is_sound(kind: str, value: object) -> bool:
    if value is None:
        return True
    if kind == "text":
        return isinstance(value, str) and "\0" not in value
    if kind == "number":
        return isinstance(value, int | float) and math.isfinite(value) and abs(value) < 1e9
    if kind == "flag":
        return value in (0, 1) and isinstance(value, int)
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _check_names(rows: Rows) -> None:
    """Names that become folders and files are harmless ones."""
    for table, what in (("student", "student"), ("assignment", "assignment"), ("notebook", "notebook")):
        column = list(TABLES[table]).index("id" if table == "student" else "name")
        for row in rows[table]:
            problem = find_name_problem(str(row[column]))
            if problem:
                raise NotAGradebook(f"gradebook.db: the {what} {_shown(row[column])} {problem}. Rename it there.")


def _shown(value: object) -> str:
    return ascii(value if isinstance(value, str | int | float) else str(value))[:80]
