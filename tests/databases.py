"""Databases of the tests, each of one test alone. On PostgreSQL, where making one takes a tenth of a second, a used one
is emptied, renamed and taken again."""

import os
import shutil
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from lti_tool.kernel.db import Base, Database

KIND = os.environ.get("COURSEBRIDGE_TEST_DATABASE", "sqlite")
EMPTY_IT = """
DO $$ DECLARE each regclass; BEGIN
    SET LOCAL session_replication_role = replica;
    FOR each IN SELECT oid FROM pg_class
        WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 0
        LOOP EXECUTE 'DELETE FROM ' || each; END LOOP;
    FOR each IN SELECT format('%I.%I', schemaname, sequencename)::regclass
        FROM pg_sequences WHERE last_value IS NOT NULL
        LOOP EXECUTE 'ALTER SEQUENCE ' || each || ' RESTART'; END LOOP;
END $$"""
"""Rows go whatever the triggers say, and numbers begin again."""
SHAPE = "SELECT count(*), (SELECT count(*) FROM pg_attribute), (SELECT count(*) FROM pg_trigger) FROM pg_class"
"""What a test that changed tables has changed."""

OTHERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"

Tables = frozenset[str]


@contextmanager
def empty_database(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """URL of a database that is gone at the end, of the kind that the environment asks for."""
    if KIND == "sqlite":
        yield f"sqlite:///{folder / 'var' / 'coursebridge.sqlite3'}"
        return
    server = _server(request.getfixturevalue("postgresql"))
    name = _new_name()
    server.take_empty(name)
    yield server.url.format(database=name)
    server.give_back(name)


@contextmanager
def with_tables(url: str, factory: pytest.TempPathFactory) -> Iterator[None]:
    """Put the tables that are known now into an empty database."""
    tables = frozenset(Base.metadata.tables)
    if KIND == "sqlite":
        shutil.copyfile(_sqlite_template(tables, factory), Path(url.removeprefix("sqlite:///")))
        yield
        return
    address, _, name = url.rpartition("/")
    server = _server(f"{address}/{{database}}")
    server.put_tables(name, tables)
    yield
    server.keep(name, tables)


_sqlite_templates: dict[Tables, Path] = {}


def _sqlite_template(tables: Tables, factory: pytest.TempPathFactory) -> Path:
    if tables not in _sqlite_templates:
        path = factory.mktemp("template") / "empty.sqlite3"
        _make_tables(f"sqlite:///{path}")
        _sqlite_templates[tables] = path
    return _sqlite_templates[tables]


def _make_tables(url: str) -> None:
    with closing(Database(url)) as database:
        Base.metadata.create_all(database.engine)


def _new_name() -> str:
    return f"test_{uuid.uuid4().hex}"


class _Server:
    def __init__(self, url: str) -> None:
        self.url = url
        self._administrator = self._connect("postgres")
        self._empty: list[str] = []
        self._kept: set[str] = set()
        self._templates: dict[Tables, tuple[str, tuple[int, ...]]] = {}
        self._spare: defaultdict[Tables, list[str]] = defaultdict(list)

    def administer(self, statement: str) -> None:
        """Run a statement outside of the databases of the tests."""
        self._administrator.execute(statement)

    def take_empty(self, name: str) -> None:
        """Have an empty database of this name."""
        if self._empty:
            self._rename(self._empty.pop(), name)
        else:
            self.administer(f"CREATE DATABASE {name}")

    def put_tables(self, name: str, tables: Tables) -> None:
        """Replace an empty database by one with these tables."""
        unused = _new_name()
        self._rename(name, unused)
        self._empty.append(unused)
        if self._spare[tables]:
            self._rename(self._spare[tables].pop(), name)
        else:
            self.administer(f"CREATE DATABASE {name} TEMPLATE {self._template(tables)[0]} STRATEGY FILE_COPY")

    def keep(self, name: str, tables: Tables) -> None:
        """Empty a used database for another test, unless its tables were changed or somebody still works in it."""
        with suppress(psycopg.errors.LockNotAvailable), self._connect(name) as connection:
            connection.execute("SET lock_timeout = '1s'")
            connection.execute(EMPTY_IT)
            if _is_alone(connection) and _shape_of(connection) == self._template(tables)[1]:
                self._spare[tables].append(name)
                self._kept.add(name)

    def give_back(self, name: str) -> None:
        """A test has ended: what is not kept is dropped."""
        if name in self._kept:
            self._kept.remove(name)
        else:
            self.administer(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _template(self, tables: Tables) -> tuple[str, tuple[int, ...]]:
        if tables not in self._templates:
            name = _new_name()
            self.administer(f"CREATE DATABASE {name}")
            _make_tables(self.url.format(database=name))
            with self._connect(name) as connection:
                self._templates[tables] = name, _shape_of(connection)
        return self._templates[tables]

    def _rename(self, old: str, new: str) -> None:
        self.administer(f"ALTER DATABASE {old} RENAME TO {new}")

    def _connect(self, database: str) -> psycopg.Connection:
        url = make_url(self.url.format(database=database)).set(drivername="postgresql")
        return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)


_server = cache(_Server)


def _shape_of(connection: psycopg.Connection) -> tuple[int, ...]:
    return tuple(connection.execute(SHAPE).fetchone() or ())


def _is_alone(connection: psycopg.Connection) -> bool:
    """Whether no other connection is open, or will be gone in a moment: PostgreSQL takes it to say good-bye."""
    for _ in range(40):
        if connection.execute(OTHERS).fetchone() == (0,):
            return True
        time.sleep(0.005)
    return False
