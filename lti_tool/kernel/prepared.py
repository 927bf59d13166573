"""Statements of every launch and every page: compiled once, then run on the driver itself.

What SQLAlchemy does around each execution (look the statement up, wrap connection, result and rows) costs ten times
what SQLite takes for a row by its key. Here that is done once for each statement. Values are converted by the types
of the columns as ever, and listeners of `before_cursor_execute` and `after_cursor_execute` are told.

Many runs of one statement that go to PostgreSQL with others are one statement there: what they are given comes as the
rows of a JSON text, and costs the driver as much as one value.
"""

import json
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import (
    JSON,
    BindParameter,
    Engine,
    Insert,
    PoolProxiedConnection,
    Select,
    Text,
    Update,
    bindparam,
    column,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.visitors import replacement_traverse

Convert = Callable[[Any], Any]
_CURSOR = "coursebridge.cursor"
"""Each connection keeps one, for as long as it is open: every statement has all its rows before the next one runs."""
make_row_type: Callable[..., Any] = namedtuple
"""Its fields are known at run time only."""


class Prepared:
    """A statement with `bindparam`s that is run often. It knows no lists of varying length (`IN`)."""

    def __init__(self, statement: Select[Any] | Insert | Update, columns: Sequence[str] = ()) -> None:
        """`columns`: those that each run of an INSERT gives."""
        self.statement = statement
        self.is_query = isinstance(statement, Select)
        self._columns = list(columns) or None
        self._compiled: dict[str, _Compiled] = {}
        self._gathered: _Gathered | None = None

    def run_many(
        self, engine: Engine, connection: PoolProxiedConnection, parameters: Sequence[Mapping[str, Any]]
    ) -> list[Any]:
        """Every row of as many runs, in their order, as named tuples. PostgreSQL gets them all in one round trip.

        Raises: DBAPIError, KeyError: a parameter is missing.
        """
        return self._for(engine).run(engine, connection, parameters) if parameters else []

    def send_many(
        self, engine: Engine, connection: PoolProxiedConnection, parameters: Sequence[Mapping[str, Any]]
    ) -> Callable[[], list[Any]]:
        """As `run_many` in a pipeline of PostgreSQL's driver, but the rows are in any order.

        What is given back has them once the pipeline has ended. More than one run are one statement, so that none sees
        what another changed: no row may be changed by two of them.
        """
        if len(parameters) < 2:
            return self._for(engine).send(engine, connection, parameters[0]) if parameters else list
        if self._gathered is None:
            self._gathered = _Gathered(self.statement, self._columns, engine.dialect)
        return self._gathered.send(engine, connection, self._gathered.one(parameters))

    def _for(self, engine: Engine) -> "_Compiled":
        found = self._compiled.get(engine.dialect.name)
        if found is None:
            found = self._compiled[engine.dialect.name] = _Compiled(self.statement, self._columns, engine.dialect)
        return found


class _Compiled:
    """A statement as one kind of database takes it."""

    def __init__(self, statement: Any, columns: list[str] | None, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=columns)
        if any(bind.expanding for bind in compiled.binds.values()):
            raise ValueError("A statement with a list of values cannot be prepared.")
        self._text: str = compiled.string
        self._names: Sequence[str] | None = compiled.positiontup if compiled.positional else None
        """In the order of the text; None: the driver takes them by name."""
        given = [(name, _to_driver(bind, dialect)) for name, bind in compiled.binds.items() if bind.required]
        self._given = [name for name, _convert in given]
        self._to_driver = [(name, convert) for name, convert in given if convert is not None]
        fixed = ((name, bind) for name, bind in compiled.binds.items() if not bind.required)
        self._fixed = {name: _converted(_to_driver(bind, dialect), bind.effective_value) for name, bind in fixed}
        self._driver_error = dialect.loaded_dbapi.Error
        self._types = [column.type.dialect_impl(dialect) for column in statement.exported_columns]
        self._make = partial(tuple.__new__, make_row_type("Found", statement.exported_columns.keys()))
        self._converts: list[tuple[int, Convert]] | None = None
        """From the driver, by position; known when the driver has said what it sends."""

    def run(self, engine: Engine, connection: PoolProxiedConnection, given: Sequence[Mapping[str, Any]]) -> list[Any]:
        parameters = [self._parameters(one) for one in given]
        is_many = len(parameters) != 1
        said = parameters if is_many else parameters[0]
        cursor = connection.info.get(_CURSOR)
        if cursor is None:
            cursor = connection.info[_CURSOR] = connection.cursor()
        for tell in engine.dispatch.before_cursor_execute:
            tell(connection, cursor, self._text, said, None, is_many)
        try:
            rows = self._fetch(cursor, parameters, engine.dialect)
        except self._driver_error as error:
            raise DBAPIError.instance(self._text, None, error, self._driver_error, dialect=engine.dialect) from error
        for tell in engine.dispatch.after_cursor_execute:
            tell(connection, cursor, self._text, said, None, is_many)
        return self._found_in(rows)

    def send(
        self, engine: Engine, connection: PoolProxiedConnection, given: Mapping[str, Any]
    ) -> Callable[[], list[Any]]:
        parameters = self._parameters(given)
        cursor = connection.cursor()
        for tell in engine.dispatch.before_cursor_execute:
            tell(connection, cursor, self._text, parameters, None, False)
        cursor.execute(self._text, parameters)
        for tell in engine.dispatch.after_cursor_execute:
            tell(connection, cursor, self._text, parameters, None, False)
        return lambda: self._found_in(self._rows(cursor, engine.dialect)) if self._types else []

    def _parameters(self, given: Mapping[str, Any]) -> Any:
        values = {name: given[name] for name in self._given}
        for name, convert in self._to_driver:
            values[name] = convert(values[name])
        values |= self._fixed
        return values if self._names is None else tuple([values[name] for name in self._names])

    def _fetch(self, cursor: Any, parameters: Sequence[Any], dialect: Dialect) -> list[Any]:
        rows: list[Any] = []
        if len(parameters) > 1 and dialect.name == "postgresql":
            cursor.executemany(self._text, parameters, returning=bool(self._types))
            while self._types:
                rows += self._rows(cursor, dialect)
                if not cursor.nextset():
                    break
            return rows
        for one in parameters:
            cursor.execute(self._text, one)
            rows += self._rows(cursor, dialect) if self._types else ()
        return rows

    def _rows(self, cursor: Any, dialect: Dialect) -> list[Any]:
        if self._converts is None:
            self._converts = self._find_converts(dialect, cursor.description)
        found: list[Any] = cursor.fetchall()
        return found

    def _found_in(self, rows: Sequence[Sequence[Any]]) -> list[Any]:
        """Named tuples of what the driver sent. NULL is None, whatever the type of the column."""
        found = []
        for row in rows:
            values = list(row)
            for position, convert in self._converts or ():
                if values[position] is not None:
                    values[position] = convert(values[position])
            found.append(self._make(values))
        return found

    def _find_converts(self, dialect: Dialect, description: Sequence[Any]) -> list[tuple[int, Convert]]:
        codes = [column[1] for column in description]
        found = [kind.result_processor(dialect, code) for kind, code in zip(self._types, codes, strict=True)]
        return [(position, convert) for position, convert in enumerate(found) if convert is not None]


class _Gathered(_Compiled):
    """Many runs of a statement as one of PostgreSQL, over rows that are given as JSON.

    An INSERT becomes one of a SELECT of these rows. A query is run for each of them: a plain join would be planned for
    the 100 rows that PostgreSQL takes any JSON for, and would read a table of some thousand rows from end to end.
    """

    def __init__(self, statement: Any, columns: list[str] | None, dialect: Dialect) -> None:
        binds = statement.compile(dialect=dialect, column_keys=columns).binds
        types = {name: bind.type for name, bind in binds.items() if bind.required}
        self._from_given = [
            (name, None if isinstance(kind, JSON) else _to_driver(binds[name], dialect)) for name, kind in types.items()
        ]
        rows = func.json_to_recordset(bindparam("given_rows", type_=Text()).cast(JSON()))
        listed = rows.table_valued(*(column(name, kind) for name, kind in types.items()))
        given = listed.render_derived(name="given", with_types=True)
        if columns is not None:
            gathered = statement.from_select(columns, select(*(given.c[name] for name in columns)), False)
            super().__init__(gathered, None, dialect)
            return

        def of_given(element: Any, **_: Any) -> Any:
            is_given = isinstance(element, BindParameter) and element.key in types
            return given.c[element.key] if is_given else None

        each = replacement_traverse(statement, {}, of_given).offset(literal_column("0")).lateral("found")
        super().__init__(select(*each.c).select_from(given).join(each, true()), None, dialect)

    def one(self, parameters: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        """What the one statement is given for many."""
        rows = [{name: _converted(convert, given[name]) for name, convert in self._from_given} for given in parameters]
        return {"given_rows": json.dumps(rows, default=_moment, allow_nan=False)}


def run_text(engine: Engine, connection: PoolProxiedConnection, text: str) -> None:
    """Run a statement that is no query and is given nothing. Raises: DBAPIError."""
    driver_error = engine.dialect.loaded_dbapi.Error
    cursor = connection.cursor()
    for tell in engine.dispatch.before_cursor_execute:
        tell(connection, cursor, text, (), None, False)
    try:
        cursor.execute(text)
    except driver_error as error:
        raise DBAPIError.instance(text, None, error, driver_error, dialect=engine.dialect) from error
    for tell in engine.dispatch.after_cursor_execute:
        tell(connection, cursor, text, (), None, False)
    cursor.close()


def _moment(value: Any) -> str:
    """Of a moment as JSON. Raises: TypeError: it is something else, for which JSON has no word either."""
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} cannot be given with others.")


def _to_driver(bind: Any, dialect: Dialect) -> Convert | None:
    convert: Convert | None = bind.type.dialect_impl(dialect).bind_processor(dialect)
    return convert


def _converted(convert: Convert | None, value: Any) -> Any:
    return value if convert is None else convert(value)
