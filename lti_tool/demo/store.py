"""Everything a campus keeps, in one SQLite file.

One connection behind a lock: requests come from several threads of one process. Rows are JSON documents with the
columns that are searched beside them.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any

from lti_tool.demo.model import Activity, Course, Grade, Launch, LineItem, Person, ReceivedScore, Tool
from lti_tool.demo.profiles import Role

_SCHEMA = """
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS person (id INTEGER PRIMARY KEY, username TEXT UNIQUE NOT NULL, sub TEXT UNIQUE NOT NULL,
    doc TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS person_change (id INTEGER PRIMARY KEY AUTOINCREMENT, doc TEXT NOT NULL,
    gone INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS tool (id INTEGER PRIMARY KEY AUTOINCREMENT, client_id TEXT UNIQUE NOT NULL,
    doc TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS activity (id INTEGER PRIMARY KEY AUTOINCREMENT, tool_id INTEGER NOT NULL,
    doc TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS line_item (id INTEGER PRIMARY KEY AUTOINCREMENT, tool_id INTEGER NOT NULL,
    activity_id INTEGER, doc TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS grade (line_item_id INTEGER NOT NULL, person_id INTEGER NOT NULL, doc TEXT NOT NULL,
    PRIMARY KEY (line_item_id, person_id));
CREATE TABLE IF NOT EXISTS received_score (id INTEGER PRIMARY KEY AUTOINCREMENT, line_item_id INTEGER NOT NULL,
    user_id TEXT NOT NULL, doc TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS launch (id TEXT PRIMARY KEY, return_token TEXT UNIQUE NOT NULL, doc TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS access_token (token TEXT PRIMARY KEY, tool_id INTEGER NOT NULL, scopes TEXT NOT NULL,
    expires_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS once (kind TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (kind, value));
CREATE TABLE IF NOT EXISTS registration_token (token TEXT PRIMARY KEY, expires_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS signing_key (id INTEGER PRIMARY KEY AUTOINCREMENT, kid TEXT UNIQUE NOT NULL,
    pem TEXT NOT NULL);
"""


def _doc(row: Any, *without: str) -> str:
    return json.dumps({k: v for k, v in asdict(row).items() if k not in without})


class Store:
    """Reads and writes the campus's rows; every method is one transaction and thread-safe."""

    def __init__(self, path: str) -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the lock and the database; nested use joins the outer transaction."""
        with self._lock:
            if self._db.in_transaction:
                yield self._db
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _rows(self, sql: str, *args: Any) -> list[Any]:
        with self._lock:
            return self._db.execute(sql, args).fetchall()

    def _write(self, sql: str, *args: Any) -> int:
        with self.transaction() as db:
            return int(db.execute(sql, args).lastrowid or 0)

    # --- settings and course
    def get_setting(self, name: str, default: str = "") -> str:
        """Return a stored word."""
        rows = self._rows("SELECT value FROM setting WHERE name = ?", name)
        return str(rows[0][0]) if rows else default

    def set_setting(self, name: str, value: str) -> None:
        """Store a word."""
        self._write("INSERT OR REPLACE INTO setting VALUES (?, ?)", name, value)

    @property
    def course(self) -> Course:
        """The course; empty before the seed."""
        return Course(**json.loads(self.get_setting("course", '{"id": "1", "title": "", "label": ""}')))

    def set_course(self, course: Course) -> None:
        """Name the course."""
        self.set_setting("course", _doc(course))

    @property
    def course_history(self) -> list[str]:
        """Ids of the courses that this one was copied from, the newest first."""
        return self.get_setting("course_history").split()

    def copy_course(self, course: Course) -> None:
        """Put a copy in the course's place: its activities with other ids, nobody's grades, no column of the tool's."""
        with self.transaction() as db:
            self.set_setting("course_history", " ".join([self.course.id, *self.course_history]))
            self.set_course(course)
            activities = self.list_activities()
            columns = {item.activity_id: item for item in self.list_line_items() if item.own_column}
            for table in ("grade", "line_item", "activity"):
                db.execute(f"DELETE FROM {table}")  # noqa: S608 - the names stand above
            for activity in activities:
                copied = self.add_activity(replace(activity, resource_link_id=""))
                if column := columns.get(activity.id):
                    self.add_line_item(replace(column, activity_id=copied.id))

    def list_groups(self) -> list[dict[str, Any]]:
        """Return the groups of the course: id, name, tag, hidden, set_id, set_name, members (usernames)."""
        found: list[dict[str, Any]] = json.loads(self.get_setting("groups", "[]"))
        return found

    def set_groups(self, groups: list[dict[str, Any]]) -> None:
        """Put other groups in their place."""
        self.set_setting("groups", json.dumps(groups))

    # --- people
    def add_person(self, person: Person) -> None:
        """Add somebody."""
        with self.transaction():
            self._write("INSERT INTO person VALUES (?, ?, ?, ?)", person.id, person.username, person.sub, _doc(person))
            self._log_person(person, gone=False)

    def save_person(self, person: Person) -> None:
        """Write a changed person."""
        with self.transaction():
            self._write("UPDATE person SET doc = ? WHERE id = ?", _doc(person), person.id)
            self._log_person(person, gone=False)

    def delete_person(self, person_id: int) -> None:
        """Somebody leaves the course."""
        with self.transaction():
            person = self.find_person_by_id(person_id)
            self._write("DELETE FROM person WHERE id = ?", person_id)
            if person:
                self._log_person(person, gone=True)

    def _log_person(self, person: Person, *, gone: bool) -> None:
        self._write("INSERT INTO person_change (doc, gone) VALUES (?, ?)", _doc(person), int(gone))

    def count_person_changes(self) -> int:
        """Return the number of the last change of somebody."""
        return int(self._rows("SELECT COALESCE(MAX(id), 0) FROM person_change")[0][0])

    def list_person_changes(self, after: int) -> list[tuple[Person, bool]]:
        """Return (person, has left) of everyone who changed after that number, as they are now, by number of person."""
        rows = self._rows("SELECT doc, gone FROM person_change WHERE id > ? ORDER BY id", after)
        changed = {person.id: (person, bool(gone)) for person, gone in ((_person(doc), gone) for doc, gone in rows)}
        return [changed[number] for number in sorted(changed)]

    def list_people(self) -> list[Person]:
        """Return everyone in the order they were added."""
        return [_person(doc) for (doc,) in self._rows("SELECT doc FROM person ORDER BY id")]

    def last_person_id(self) -> int:
        """Return the largest id in use, 0 without anybody."""
        return int(self._rows("SELECT COALESCE(MAX(id), 0) FROM person")[0][0])

    def find_person(self, username: str) -> Person | None:
        """Return the person of that username."""
        rows = self._rows("SELECT doc FROM person WHERE username = ?", username)
        return _person(rows[0][0]) if rows else None

    def find_person_by_sub(self, sub: str) -> Person | None:
        """Return the person of that LTI subject."""
        rows = self._rows("SELECT doc FROM person WHERE sub = ?", sub)
        return _person(rows[0][0]) if rows else None

    def find_person_by_id(self, person_id: int) -> Person | None:
        """Return the person of that number."""
        rows = self._rows("SELECT doc FROM person WHERE id = ?", person_id)
        return _person(rows[0][0]) if rows else None

    # --- tools
    def add_tool(self, tool: Tool) -> Tool:
        """Add a tool; its number and, when empty, its deployment id are given here."""
        with self.transaction() as db:
            db.execute("INSERT INTO tool (client_id, doc) VALUES (?, '{}')", (tool.client_id,))
            number = int(db.execute("SELECT last_insert_rowid()").fetchone()[0])
            tool = replace(tool, id=number, deployment_id=tool.deployment_id or str(number))
            db.execute("UPDATE tool SET doc = ? WHERE id = ?", (_doc(tool, "id"), number))
        return tool

    def save_tool(self, tool: Tool) -> None:
        """Write a changed tool."""
        self._write("UPDATE tool SET client_id = ?, doc = ? WHERE id = ?", tool.client_id, _doc(tool, "id"), tool.id)

    def list_tools(self) -> list[Tool]:
        """Return all tools."""
        return [_tool(*row) for row in self._rows("SELECT id, doc FROM tool ORDER BY id")]

    def find_tool_by_client(self, client_id: str) -> Tool | None:
        """Return the tool of that client id."""
        return next((t for t in self.list_tools() if t.client_id == client_id), None)

    # --- activities
    def add_activity(self, activity: Activity) -> Activity:
        """Add an activity; its number and, when empty, its resource link id are given here."""
        number = self._write("INSERT INTO activity (tool_id, doc) VALUES (?, '{}')", activity.tool_id)
        activity = replace(activity, id=number, resource_link_id=activity.resource_link_id or str(number))
        self.save_activity(activity)
        return activity

    def save_activity(self, activity: Activity) -> None:
        """Write a changed activity."""
        self._write("UPDATE activity SET doc = ? WHERE id = ?", _doc(activity, "id"), activity.id)

    def list_activities(self) -> list[Activity]:
        """Return the activities in the order they were added."""
        return [_activity(*row) for row in self._rows("SELECT id, doc FROM activity ORDER BY id")]

    def find_activity(self, activity_id: int | None) -> Activity | None:
        """Return the activity of that number."""
        return next((a for a in self.list_activities() if a.id == activity_id), None)

    def delete_activity(self, activity_id: int) -> None:
        """Delete an activity, its columns and their grades."""
        with self.transaction() as db:
            for item in self.list_line_items():
                if item.activity_id == activity_id:
                    self.delete_line_item(item.id)
            db.execute("DELETE FROM activity WHERE id = ?", (activity_id,))

    # --- line items
    def add_line_item(self, item: LineItem) -> LineItem:
        """Add a column; its number is given here."""
        number = self._write(
            "INSERT INTO line_item (tool_id, activity_id, doc) VALUES (?, ?, '{}')", item.tool_id, item.activity_id
        )
        item = replace(item, id=number)
        self.save_line_item(item)
        return item

    def save_line_item(self, item: LineItem) -> None:
        """Write a changed column."""
        self._write(
            "UPDATE line_item SET activity_id = ?, doc = ? WHERE id = ?", item.activity_id, _doc(item, "id"), item.id
        )

    def list_line_items(self) -> list[LineItem]:
        """Return all columns."""
        return [_line_item(*row) for row in self._rows("SELECT id, doc FROM line_item ORDER BY id")]

    def find_line_item(self, item_id: int) -> LineItem | None:
        """Return the column of that number."""
        rows = self._rows("SELECT id, doc FROM line_item WHERE id = ?", item_id)
        return _line_item(*rows[0]) if rows else None

    def delete_line_item(self, item_id: int) -> None:
        """Delete a column and its grades; the scores received for it stay on record."""
        with self.transaction() as db:
            db.execute("DELETE FROM grade WHERE line_item_id = ?", (item_id,))
            db.execute("DELETE FROM line_item WHERE id = ?", (item_id,))

    # --- grades
    def find_grade(self, item_id: int, person_id: int) -> Grade | None:
        """Return a grade."""
        rows = self._rows("SELECT doc FROM grade WHERE line_item_id = ? AND person_id = ?", item_id, person_id)
        return Grade(**json.loads(rows[0][0])) if rows else None

    def list_grades(self) -> list[Grade]:
        """Return all grades."""
        return [Grade(**json.loads(doc)) for (doc,) in self._rows("SELECT doc FROM grade ORDER BY person_id")]

    def save_grade(self, grade: Grade) -> None:
        """Write a grade."""
        sql = "INSERT OR REPLACE INTO grade VALUES (?, ?, ?)"
        self._write(sql, grade.line_item_id, grade.person_id, _doc(grade))

    def add_received_score(self, score: ReceivedScore) -> None:
        """Record one POST of a score."""
        sql = "INSERT INTO received_score (line_item_id, user_id, doc) VALUES (?, ?, ?)"
        self._write(sql, score.line_item_id, score.user_id, _doc(score, "id"))

    def list_received_scores(self) -> list[ReceivedScore]:
        """Return every POST of a score, oldest first."""
        rows = self._rows("SELECT id, doc FROM received_score ORDER BY id")
        return [ReceivedScore(id=number, **json.loads(doc)) for number, doc in rows]

    # --- launches
    def add_launch(self, launch: Launch) -> None:
        """Remember a started launch."""
        self._write("INSERT INTO launch VALUES (?, ?, ?)", launch.id, launch.return_token, _doc(launch))

    def take_launch(self, launch_id: str) -> Launch | None:
        """Return the launch as it was and mark it used; None when it is unknown."""
        with self.transaction() as db:
            row = db.execute("SELECT doc FROM launch WHERE id = ?", (launch_id,)).fetchone()
            if row is None:
                return None
            launch = Launch(**json.loads(row[0]))
            db.execute("UPDATE launch SET doc = ? WHERE id = ?", (_doc(replace(launch, used=True)), launch_id))
        return launch

    def find_returning_launch(self, return_token: str) -> Launch | None:
        """Return the deep linking launch that a return URL names."""
        rows = self._rows("SELECT doc FROM launch WHERE return_token = ?", return_token)
        return Launch(**json.loads(rows[0][0])) if rows else None

    def mark_returned(self, launch: Launch) -> None:
        """A deep linking launch has brought its content."""
        done = _doc(replace(launch, used=True, returned=True))
        self._write("UPDATE launch SET doc = ? WHERE id = ?", done, launch.id)

    # --- tokens and keys
    def add_access_token(self, tool_id: int, scopes: tuple[str, ...], expires_at: float) -> str:
        """Issue an access token."""
        token = secrets.token_urlsafe(24)
        self._write("INSERT INTO access_token VALUES (?, ?, ?, ?)", token, tool_id, " ".join(scopes), expires_at)
        return token

    def find_access_token(self, token: str) -> tuple[int, tuple[str, ...], float] | None:
        """Return (tool, scopes, expiry) of a token."""
        rows = self._rows("SELECT tool_id, scopes, expires_at FROM access_token WHERE token = ?", token)
        return (rows[0][0], tuple(rows[0][1].split()), rows[0][2]) if rows else None

    def revoke_access_tokens(self) -> None:
        """Forget every access token."""
        self._write("DELETE FROM access_token")

    def use_once(self, kind: str, value: str) -> bool:
        """Return True the first time this value of this kind is seen."""
        with self.transaction() as db:
            return db.execute("INSERT OR IGNORE INTO once VALUES (?, ?)", (kind, value)).rowcount == 1

    def add_registration_token(self, expires_at: float, client_id: str = "") -> str:
        """Issue a one-time registration token; with a client id, for changing that client (it begins the token)."""
        token = f"{client_id}." * bool(client_id) + secrets.token_urlsafe(24)
        self._write("INSERT INTO registration_token VALUES (?, ?)", token, expires_at)
        return token

    def has_registration_token(self, token: str, now: float, *, take: bool) -> bool:
        """Return whether the token is good; ``take`` ends it."""
        with self.transaction() as db:
            row = db.execute("SELECT expires_at FROM registration_token WHERE token = ?", (token,)).fetchone()
            if take:
                db.execute("DELETE FROM registration_token WHERE token = ?", (token,))
        return row is not None and float(row[0]) > now

    def add_signing_key(self, kid: str, pem: str) -> None:
        """Add a key; the newest signs."""
        self._write("INSERT INTO signing_key (kid, pem) VALUES (?, ?)", kid, pem)

    def list_signing_keys(self) -> list[tuple[str, str]]:
        """Return (kid, PEM), oldest first."""
        return [(str(kid), str(pem)) for kid, pem in self._rows("SELECT kid, pem FROM signing_key ORDER BY id")]

    def delete_signing_keys(self) -> None:
        """Drop all keys."""
        self._write("DELETE FROM signing_key")


def _person(doc: str) -> Person:
    fields = json.loads(doc)
    return Person(**{**fields, "role": Role(fields["role"])})


def _tool(number: int, doc: str) -> Tool:
    fields = json.loads(doc)
    lists = {name: tuple(fields[name]) for name in ("redirect_uris", "scopes")}
    return Tool(id=number, **{**fields, **lists})


def _activity(number: int, doc: str) -> Activity:
    return Activity(id=number, **json.loads(doc))


def _line_item(number: int, doc: str) -> LineItem:
    return LineItem(id=number, **json.loads(doc))
