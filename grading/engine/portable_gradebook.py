"""Gradebooks made of rows, and rows of a gradebook in use: what `portable_rows` leaves to nbgrader and SQLAlchemy."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from sqlalchemy import Connection, column, create_engine, delete, insert, select, table

from grading.engine.connection import open_engine
from grading.engine.gradebook import ensure_database
from grading.engine.nbgrader_parts import api
from grading.engine.portable_rows import TABLES, VERSION, Rows, read_connection

_TABLES = {name: table(name, *map(column, columns)) for name, columns in TABLES.items()}
"""Without types: what was read is written as it is."""
_OF_LEARNERS = ("student", "submitted_assignment")


def write_gradebook(path: Path, rows: Rows) -> None:
    """Make a gradebook file as nbgrader would; there must be none."""
    engine = create_engine(f"sqlite:///{path}")
    try:
        with engine.begin() as connection:
            api.Base.metadata.create_all(connection)
            connection.exec_driver_sql(
                "CREATE TABLE alembic_version "
                "(version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
            )
            connection.exec_driver_sql("INSERT INTO alembic_version VALUES (?)", (VERSION,))
            _insert(connection, rows)
    finally:
        engine.dispose()


def read_gradebook(url: str) -> Rows:
    """All rows of a gradebook in use, of one moment.

    Raises: NotAGradebook: a grader has changed more than marks in it. PermissionError: it is a link.
    """
    with open_engine(url).connect() as connection:
        connection.exec_driver_sql("SELECT 1")  # begins the transaction
        return read_connection(cast(sqlite3.Connection, connection.connection.dbapi_connection))


def put_rows(url: str, rows: Rows) -> bool:
    """Give a gradebook without submissions these rows in the place of its own, all at once.

    Students whom it knows stay known. Returns False, and changes nothing, if the rows are there already.
    Raises: ValueError: it has submissions of others; nothing was changed.
    """
    ensure_database(url, "default_course")
    with open_engine(url).execution_options(writes=True).begin() as connection:
        there = {row.id for row in connection.execute(select(_TABLES["submitted_assignment"].c.id))}
        if there & {row[0] for row in rows["submitted_assignment"]}:
            return False
        if there:
            raise ValueError("The gradebook has submissions, so that no others can take their place.")
        arriving = {row[0] for row in rows["student"]}
        known = [tuple(row) for row in connection.execute(select(_TABLES["student"])) if row.id not in arriving]
        for name in reversed(TABLES):
            connection.execute(delete(_TABLES[name]))
        _insert(connection, rows | {"student": rows["student"] + known})
    return True


def has_learners(url: str) -> bool:
    """Whether a gradebook knows anybody."""
    with open_engine(url).connect() as connection:
        found = [connection.execute(select(_TABLES[name]).limit(1)).first() for name in _OF_LEARNERS]
    return any(row is not None for row in found)


def rename_in_gradebook(url: str, names: Mapping[str, str]) -> None:
    """Give students other ids, all at once; safe to repeat. What a new id has already stays with it."""
    with open_engine(url).execution_options(writes=True).begin() as connection:
        for old, new in names.items():
            if connection.exec_driver_sql("SELECT 1 FROM student WHERE id = ?", (old,)).first() is None:
                continue
            connection.exec_driver_sql(
                "UPDATE submitted_assignment SET student_id = ? WHERE student_id = ?", (new, old)
            )
            connection.exec_driver_sql("DELETE FROM student WHERE id = ?", (new,))
            connection.exec_driver_sql("UPDATE student SET id = ? WHERE id = ?", (new, old))


def _insert(connection: Connection, rows: Rows) -> None:
    for name, columns in TABLES.items():
        if rows[name]:
            values = [dict(zip(columns, row, strict=True)) for row in rows[name]]
            connection.execute(insert(_TABLES[name]), values)
