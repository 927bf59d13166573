"""Saves of progress over HTTP from a hundred users who wait for each answer, and a count of what was kept afterwards.

The web server is the one of `coursebridge up`, in processes of its own; the database commits to disk. Every save brings
a second of a video that no other save brings, so that a lost one is missing afterwards.
"""

import asyncio
import json
import os
import secrets
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain, count
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Table, insert, select, text

from benchmarks.line import Line
from benchmarks.rows import Row
from benchmarks.serving import Serving, environment_of, serving, serving_app
from config.settings import load_settings
from lti_tool.app.process import make_process
from lti_tool.kernel import clock
from lti_tool.kernel.db import Base, Database
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.web.session import SessionRow, digest_of
from plugins.progress.merging import Learner
from plugins.progress.models import ItemRow, ItemState, LearnerRow, OutlineRow, TimeRow
from plugins.progress.outline import ItemDef, ModuleDef, OutlineDef, dump_outline
from plugins.progress.ranges import BLOCK_S
from plugins.progress.saves import learner_key
from tests.servers import running_postgresql

ITEMS = 50
"""Items of a course, all begun by every learner."""
SECONDS = 20
WARM_S = 3
USERS = 100
"""Who send, wait for the answer, and send again when their turn has come."""
SENDERS = 2000
"""Learners who are at it."""
AT = clock.now()


@dataclass(frozen=True)
class Size:
    """How much there is, and how fast saves come."""

    name: str
    courses: int
    learners: int
    """In each course."""
    writes_s: int
    workers: int
    threads: int
    """Of each worker. Those who save wait for a commit: the more wait, the more share one."""


LARGE = Size("progress save, PostgreSQL, 500/s", courses=10_000, learners=10, writes_s=500, workers=2, threads=16)
SMALL = Size("progress save, SQLite, class of 200", courses=1, learners=200, writes_s=50, workers=1, threads=4)


@dataclass(frozen=True)
class Sender:
    """A learner with a session."""

    placement_id: int
    user_id: int
    token: str
    key: str


def run(rounds: int) -> list[Row]:
    """Both sizes; of several rounds the median p95."""
    rows: list[Row] = []
    with running_postgresql(is_durable=True) as server:
        rows += _measure(LARGE, server.format(database="postgres"), rounds)
    with tempfile.TemporaryDirectory() as folder:
        rows += _measure(SMALL, f"sqlite:///{folder}/bench.sqlite3", rounds)
    return rows


def _measure(size: Size, url: str, rounds: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(
            data_dir=Path(folder),
            secret_key=secrets.token_hex(32),
            database={"url": url, "pool_size": 5},
            web={"threads": size.threads},
        )
        runtime, _plugins = make_process(settings)
        began = time.monotonic()
        _seed(runtime.db, size)
        count = size.courses * size.learners * ITEMS
        print(f"{size.name}: {count:,} rows made in {time.monotonic() - began:.0f} s", flush=True)
        senders = _make_sessions(runtime, size)
        _analyze(runtime.db)
        bare = serving_app("benchmarks.bare_app:create", environment_of(settings), size.workers, size.threads)
        with serving(settings, size.workers) as server, bare as peer:
            least, taken = [], []
            for number in range(rounds):
                least.append(asyncio.run(_load(peer, size, senders, number)))
                taken.append(asyncio.run(_load(server, size, senders, number)))
        lost = _count_lost(runtime.db, [save for one in taken for save in one.sent])
        runtime.db.close()
    if lost:
        raise RuntimeError(f"{lost} saves were lost.")
    return [_report(size, taken), _compare(size, taken, least)]


@dataclass
class Taken:
    """What a round gave."""

    times_ms: list[float]
    """From sending a save to its answer."""
    sent: list[tuple[int, int, int, int]]
    """Confirmed: (placement, user, item, second)."""
    refused: list[int]
    """One number: how many were not answered with 200."""
    cpu_ms: float = 0.0
    """Of the server for each save."""
    rate_s: float = 0.0
    """Saves a second, the warm-up left out."""


def _compare(size: Size, taken: list[Taken], least: list[Taken]) -> Row:
    """Our p95 beside that of a save with nothing of ours, sent in turns."""
    ours, theirs = (statistics.median(_percentile(one.times_ms, 95) for one in side) for side in (taken, least))
    cpu_ms = statistics.median(one.cpu_ms for one in least)
    refused = sum(one.refused[0] for one in least)
    peer = (
        f"Flask that reads the session and updates one row in a transaction ({cpu_ms:.2f} ms of server CPU, "
        f"{refused} failed)"
    )
    print(
        f"bare Flask, {size.name}: p95 {theirs:.1f} ms, {cpu_ms:.2f} ms of server CPU each, {refused} failed, "
        f"{statistics.median(one.rate_s for one in least):.0f} a second",
        flush=True,
    )
    count = sum(len(one.times_ms) for one in taken)
    return Row(
        f"{size.name}, beside bare Flask",
        round(ours, 1),
        round(theirs, 1),
        peer,
        round(theirs / ours, 2),
        "ms",
        count,
        "p95 as above, sent in turns",
    )


def _report(size: Size, taken: list[Taken]) -> Row:
    p95 = statistics.median(_percentile(one.times_ms, 95) for one in taken)
    all_ms = [value for one in taken for value in one.times_ms]
    refused = sum(one.refused[0] for one in taken)
    cpu_ms, rate_s = (statistics.median(getattr(one, name) for one in taken) for name in ("cpu_ms", "rate_s"))
    print(
        f"{size.name}: p50 {_percentile(all_ms, 50):.1f} ms, p95 {p95:.1f} ms, p99 {_percentile(all_ms, 99):.1f} ms; "
        f"{len(all_ms)} saves, {rate_s:.0f} a second, {refused} not answered with 200, 0 confirmed ones lost; "
        f"{cpu_ms:.2f} ms of server CPU each; load {os.getloadavg()[0]:.1f}"
    )
    rows = size.courses * size.learners * ITEMS
    includes = (
        f"p95 from sent to confirmed over HTTP, session read and commit to disk included, {USERS} users in a closed "
        f"loop, {rate_s:.0f} saves/s, {rows:,} rows, {size.workers} server processes of {size.threads} threads; "
        "sender and database on the same machine"
    )
    return Row(size.name, round(p95, 1), 10.0, "the target", round(10.0 / p95, 2), "ms", len(all_ms), includes)


def _percentile(values: list[float], percent: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


def _seed(db: Database, size: Size) -> None:
    """Outlines, learners and items. PostgreSQL takes the items by COPY, before they have their keys."""
    Base.metadata.create_all(db.engine)
    outlines = [
        {
            "course_slug": _slug(course),
            "version": 1,
            "published_at": AT,
            "definition": dump_outline(OutlineDef([ModuleDef("one", "One", [_item(course, n) for n in range(ITEMS)])])),
        }
        for course in range(1, size.courses + 1)
    ]
    with db.engine.begin() as connection:
        for start in range(0, len(outlines), 1000):
            connection.execute(insert(OutlineRow), outlines[start : start + 1000])
        if connection.dialect.name != "postgresql":
            connection.execute(insert(LearnerRow), [_learner(*who) for who in _everybody(size)])
            connection.execute(insert(ItemRow), [_begun(*who, n) for who in _everybody(size) for n in range(ITEMS)])
            return
        cursor = connection.connection.cursor()
        _copy(cursor, LearnerRow, (_learner(*who) for who in _everybody(size)))
        _copy(cursor, ItemRow, (_begun(*who, number) for who in _everybody(size) for number in range(ITEMS)))
        times = (_spent(*who, back) for who in _everybody(size) for back in range(5, 0, -1))
        _copy(cursor, TimeRow, times)


def _analyze(db: Database) -> None:
    """What autovacuum does in time: plans are made for the rows that are there."""
    if db.engine.dialect.name == "postgresql":
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
            connection.execute(text("CHECKPOINT"))  # what was loaded is written before anything is measured


def _copy(cursor: Any, model: type[Base], rows: Iterator[dict[str, Any]]) -> None:
    """By COPY, with keys and indexes made afterwards."""
    table = cast(Table, model.__table__)
    name, key = table.name, table.primary_key
    indexes = [index for index in table.indexes if index.name]
    for index in indexes:
        cursor.execute(f"DROP INDEX {index.name}")
    cursor.execute(f"ALTER TABLE {name} DROP CONSTRAINT {key.name}")
    first = next(rows)
    with cursor.copy(f"COPY {name} ({', '.join(first)}) FROM STDIN") as copy:
        lines = []
        for row in chain([first], rows):
            lines.append("\t".join(map(str, row.values())))
            if len(lines) == 5000:
                copy.write("\n".join(lines) + "\n")
                lines = []
        if lines:
            copy.write("\n".join(lines) + "\n")
    cursor.execute(f"ALTER TABLE {name} ADD CONSTRAINT {key.name} PRIMARY KEY ({', '.join(key.columns.keys())})")
    for index in indexes:
        cursor.execute(f"CREATE INDEX {index.name} ON {name} ({', '.join(index.columns.keys())})")


def _everybody(size: Size) -> Iterator[tuple[int, int]]:
    """(course and placement, user)."""
    for course in range(1, size.courses + 1):
        for number in range(size.learners):
            yield course, course * size.learners + number


def _learner(course: int, user_id: int) -> dict[str, Any]:
    return {
        "placement_id": course,
        "user_id": user_id,
        "course_slug": _slug(course),
        "percent": 0,
        "done_items": 0,
        "counted_items": ITEMS,
        "seconds": 300,
        "started_at": AT,
        "last_at": AT,
        "last_ref": _ref(course, 0),
    }


def _spent(course: int, user_id: int, back: int) -> dict[str, Any]:
    """Five minutes, some hours ago."""
    block = int(AT.timestamp()) // BLOCK_S - 60 * back
    return {"placement_id": course, "user_id": user_id, "block": block, "ref": _ref(course, 0), "mask": 1}


def _begun(course: int, user_id: int, number: int) -> dict[str, Any]:
    return {
        "placement_id": course,
        "user_id": user_id,
        "ref": _ref(course, number),
        "kind": "video",
        "state": ItemState.STARTED,
        "percent": 0,
        "seconds": 6,
        "watched": [] if user_id % 2 else [[40000.0, 40006.5]],
        "score_final": False,
        "score_version": 0,
        "last_at": AT,
    }


def _item(course: int, number: int) -> ItemDef:
    return ItemDef(_ref(course, number), "video", title=f"Item {number}", duration_s=36_000.0)


def _slug(course: int) -> str:
    return f"course-{course}"


def _ref(course: int, number: int) -> str:
    return f"courses/{_slug(course)}/item-{number}"


def _make_sessions(runtime: Runtime, size: Size) -> list[Sender]:
    """Some learners who are signed in; the rows of all others are there too."""
    step = max(1, size.courses * size.learners // SENDERS)
    chosen = list(_everybody(size))[::step][:SENDERS]
    senders = [
        Sender(course, user, secrets.token_urlsafe(32), learner_key(runtime.signer, Learner(course, user)))
        for course, user in chosen
    ]
    names = ("display_name", "hub_name", "course_title", "platform_name", "frame_origin", "return_url", "locale")
    facts = dict.fromkeys(names, "x") | {"deep_linking": None}
    rows = [
        {
            "digest": digest_of(one.token),
            "user_id": one.user_id,
            "registration_id": 1,
            "course_slug": _slug(one.placement_id),
            "placement_id": one.placement_id,
            "role": Role.LEARNER,
            "facts": facts,
            "created_at": AT,
            "expires_at": AT + timedelta(hours=8),
        }
        for one in senders
    ]
    with runtime.db.engine.begin() as connection:
        connection.execute(insert(SessionRow), rows)
    return senders


async def _load(server: Serving, size: Size, senders: list[Sender], number: int) -> Taken:
    """Users who wait for each answer and then for their next turn; the first seconds warm up and are not counted."""
    taken = Taken([], [], [0])
    began, cpu_s = time.monotonic(), server.cpu_s()
    await asyncio.gather(
        *(_use(server, size, senders[user::USERS], number, user, began, taken) for user in range(USERS))
    )
    taken.cpu_ms = (server.cpu_s() - cpu_s) * 1000 / len(taken.sent)
    taken.rate_s = len(taken.times_ms) / SECONDS
    return taken


async def _use(
    server: Serving, size: Size, senders: list[Sender], number: int, user: int, began: float, taken: Taken
) -> None:
    """One user after the other on one connection; with each round of the learners another item and second of it."""
    line, every = Line(server.port), USERS / size.writes_s
    due = began + user / size.writes_s
    for turn in count():
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        if time.monotonic() > began + WARM_S + SECONDS:
            break
        lap, who = divmod(turn, len(senders))
        sent_at = time.monotonic()
        await _send(line, senders[who], turn % ITEMS, number * 1000 + lap, taken)
        if began + WARM_S <= sent_at < began + WARM_S + SECONDS:
            taken.times_ms.append((time.monotonic() - sent_at) * 1000)
        due = max(due + every, time.monotonic())
    await line.close()


async def _send(line: Line, who: Sender, item: int, second: int, taken: Taken) -> None:
    at = int(time.time() * 1000)
    save = {
        "id": secrets.token_hex(8),
        "ref": _ref(who.placement_id, item),
        "at": at,
        "active": [[at - 15_000, at]],
        "watched": [[2.0 * second, 2.0 * second + 1]],
        "position": 2.0 * second + 1,
    }
    status = await line.post(f"/s/{who.token}/progress/saves", json.dumps({"who": who.key, "saves": [save]}).encode())
    if status == 200:
        taken.sent.append((who.placement_id, who.user_id, item, second))
    else:
        taken.refused[0] += 1


def _count_lost(db: Database, sent: list[tuple[int, int, int, int]]) -> int:
    """How many confirmed seconds are not in what was watched."""
    users = {user for _placement, user, _item, _second in sent}
    query = select(ItemRow.user_id, ItemRow.ref, ItemRow.watched).where(ItemRow.user_id.in_(users))
    with db.reading() as tx:
        watched = {(row.user_id, row.ref): row.watched for row in tx.execute(query)}
    return sum(
        not any(
            start <= 2.0 * second and 2.0 * second + 1 <= end for start, end in watched[user, _ref(placement, item)]
        )
        for placement, user, item, second in sent
    )
