"""Course list, course page and search over HTTP, by learners who look, think, and look again.

They think as the users of TPC-W do (clause 5.3.1.1): 7 seconds on average, exponentially distributed, 70 at most.

The web server is the one of `coursebridge up`, in processes of its own. On both databases 10,000 courses with 80,000
items, 100,000 enrolments, and for search some 250,000 words; and what SQLite is for: a class of 200 and a few courses.
"""

import asyncio
import os
import random
import secrets
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, text

from benchmarks.rows import Row
from benchmarks.serving import Serving, environment_of, serving, serving_app
from config.settings import load_settings
from lti_tool.app.process import make_process
from lti_tool.kernel import clock
from lti_tool.kernel.db import Base, Database
from lti_tool.kernel.permissions import Role
from lti_tool.web.session import SessionRow, digest_of
from plugins.courses.catalogue import weigh_words
from plugins.courses.catalogue_query import PER_PAGE
from plugins.courses.models import (
    Admission,
    Course,
    CourseLabel,
    CourseWord,
    Enrolment,
    Item,
    ItemKind,
    Level,
    Module,
    PartState,
    Standing,
    Via,
)
from plugins.progress.models import ItemRow, ItemState, LearnerRow, OutlineRow
from plugins.progress.outline import ItemDef, ModuleDef, OutlineDef, dump_outline
from tests.servers import running_postgresql

ITEMS = 8
SECONDS = 60
WARM_S = 10
THINK_S, LONGEST_THINK_S, KEPT_S = 7.0, 70.0, 15.0
TARGETS = {"course list": 25.0, "course page": 35.0, "search": 60.0}
"""p95 in milliseconds."""
_NOUNS = "trees rivers tables numbers stars cells maps songs words bridges markets forests clouds circuits proteins"
_KINDS = "first advanced applied modern practical visual historical small great open living digital hidden"
_FILLER = "learn read write measure compare draw explain count model build test question answer data value story"
NOUNS, KINDS, FILLER = (words.split(" ") for words in (_NOUNS, _KINDS, _FILLER))
AT = clock.now()


@dataclass(frozen=True)
class Size:
    """How much there is, and how many look at once."""

    name: str
    courses: int
    enrolments: int
    users: int
    workers: int
    """Server processes (`web.workers`); threads are as many as `coursebridge up` starts."""


LARGE = Size("PostgreSQL, 10,000 courses", courses=10_000, enrolments=100_000, users=100, workers=2)
LARGE_SQLITE = Size("SQLite, 10,000 courses", courses=10_000, enrolments=100_000, users=100, workers=2)
CLASS = Size("SQLite, class of 200", courses=30, enrolments=2_000, users=200, workers=2)


@dataclass
class Taken:
    """Milliseconds by page."""

    times_ms: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in TARGETS})
    refused: int = 0
    cpu_ms: float = 0.0
    """Of the server for each page that was counted."""


def run(rounds: int) -> list[Row]:
    """Both databases; of several rounds the median p95."""
    with running_postgresql() as server:
        rows = _measure(LARGE, server.format(database="postgres"), rounds)
    for size in (LARGE_SQLITE, CLASS):
        with tempfile.TemporaryDirectory() as folder:
            rows += _measure(size, f"sqlite:///{folder}/bench.sqlite3", rounds)
    return rows


def _measure(size: Size, url: str, rounds: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(
            data_dir=Path(folder), secret_key=secrets.token_hex(32), database={"url": url, "pool_size": 10}
        )
        runtime, _plugins = make_process(settings)
        began = time.monotonic()
        tokens = _seed(runtime.db, size)
        print(f"{size.name}: made in {time.monotonic() - began:.0f} s", flush=True)
        taken, least = [], []
        with (
            serving(settings, size.workers) as server,
            serving_app("benchmarks.bare_app:create", environment_of(settings), size.workers) as bare,
        ):
            for _round in range(rounds):
                least.append(asyncio.run(_load(bare, tokens, size)))
                taken.append(asyncio.run(_load(server, tokens, size)))
        runtime.db.close()
    rows = [_report(size, name, taken, settings.web.threads) for name in TARGETS]
    return [*rows, _compare(size, taken, least)]


def _compare(size: Size, taken: Sequence[Taken], least: Sequence[Taken]) -> Row:
    """CPU of our pages beside that of a page with nothing of ours, loaded in turns."""
    ours, theirs = (statistics.median(one.cpu_ms for one in side) for side in (taken, least))
    p95 = statistics.median(_percentile([ms for times in one.times_ms.values() for ms in times], 95) for one in least)
    print(f"bare Flask page, {size.name}: p95 {p95:.1f} ms, {theirs:.1f} ms CPU of the server for each", flush=True)
    includes = "CPU of the server for each page of the three kinds, under the same load in turns"
    peer = f"a page of Flask, Jinja and one query by key (its p95: {p95:.1f} ms)"
    count = sum(len(times) for one in taken for times in one.times_ms.values())
    return Row(
        f"page CPU, {size.name}", round(ours, 1), round(theirs, 1), peer, round(theirs / ours, 2), "ms", count, includes
    )


def _report(size: Size, name: str, taken: Sequence[Taken], threads: int) -> Row:
    p95 = statistics.median(_percentile(one.times_ms[name], 95) for one in taken)
    every = [value for one in taken for value in one.times_ms[name]]
    refused = sum(one.refused for one in taken)
    cpu_ms = statistics.median(one.cpu_ms for one in taken)
    print(
        f"{name}, {size.name}: p50 {_percentile(every, 50):.1f}, p95 {p95:.1f}, p99 {_percentile(every, 99):.1f} ms; "
        f"{len(every)} pages, {refused} not answered with 200; {cpu_ms:.1f} ms CPU of the server for each page of all "
        f"kinds; load {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    includes = (
        f"p95 over HTTP, session read included; {size.users} closed-loop users thinking {THINK_S:.0f} s on average, "
        f"{size.enrolments:,} enrolments, {size.workers} server processes of {threads} threads; users and database on "
        "the same machine"
    )
    target = TARGETS[name]
    return Row(
        f"{name}, {size.name}", round(p95, 1), target, "the target", round(target / p95, 2), "ms", len(every), includes
    )


def _percentile(values: list[float], percent: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


# ---- what there is ----


def _seed(db: Database, size: Size) -> list[tuple[str, str]]:
    """Everything; returns (session token, course slug) of the users."""
    Base.metadata.create_all(db.engine)
    rng = random.Random(1)
    with db.engine.begin() as connection:
        for start in range(1, size.courses + 1, 1000):
            _add_courses(connection, rng, range(start, min(start + 1000, size.courses + 1)))
        enrolled = [
            {
                "user_id": number // 10 + 1,
                "course_id": (number * 7919) % size.courses + 1,
                "via": Via.LMS,
                "standing": Standing.ACTIVE,
                "enrolled_at": AT,
            }
            for number in range(size.enrolments)
        ]
        for start in range(0, size.enrolments, 5000):
            connection.execute(insert(Enrolment), enrolled[start : start + 5000])
        tokens = _add_learners(connection, size)
    if db.engine.dialect.name == "postgresql":
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    else:
        with db.engine.begin() as connection:
            connection.execute(text("ANALYZE"))
    return tokens


def _add_courses(connection: Connection, rng: random.Random, numbers: range) -> None:
    courses, labels, words, modules, items, outlines = [], [], [], [], [], []
    for number in numbers:
        title = f"{rng.choice(KINDS).capitalize()} {rng.choice(NOUNS)} {number}"
        summary = " ".join(rng.choices(FILLER + NOUNS, k=20))
        category = rng.choice(NOUNS).capitalize()
        courses.append(_course(number, title, summary, category, rng))
        labels.append({"course_id": number, "kind": "category", "label": category})
        found = weigh_words([(4, title), (3, category), (2, summary), (1, " ".join(rng.choices(FILLER, k=30)))])
        words += [{"course_id": number, "word": word, "weight": weight} for word, weight in found.items()]
        modules.append({"id": number, "course_id": number, "slug": "m", "position": 0, "title": "All", "summary": ""})
        items += [_item(number, place) for place in range(ITEMS)]
        outlines.append(_outline(number))
    parts = ((Course, courses), (CourseLabel, labels), (CourseWord, words), (Module, modules), (Item, items))
    for model, rows in parts:
        connection.execute(insert(model), rows)
    connection.execute(insert(OutlineRow), outlines)


def _course(number: int, title: str, summary: str, category: str, rng: random.Random) -> dict[str, Any]:
    return {
        "id": number,
        "slug": f"course-{number}",
        "uid": f"{number:08x}",
        "title": title,
        "summary": summary,
        "description": "",
        "language": rng.choice(["en", "de", "es", "fr"]),
        "level": rng.choice(list(Level)),
        "categories": [category],
        "tags": [],
        "authors": ["Ada Lopez"],
        "licence": "",
        "price_minor": rng.choice([None, 1999]),
        "currency": "EUR",
        "state": PartState.PUBLISHED,
        "admission": Admission.OPEN,
        "item_count": ITEMS,
        "minutes": 10 * ITEMS,
        "imported_at": AT,
        "toml": "",
    }


def _item(course: int, place: int) -> dict[str, Any]:
    return {
        "course_id": course,
        "module_id": course,
        "position": place,
        "kind": ItemKind.LESSON,
        "slug": f"item-{place}",
        "title": f"Lesson {place}",
        "summary": "",
        "state": PartState.PUBLISHED,
        "has_changes": False,
        "after": [f"item-{place - 1}"] if place == ITEMS - 1 else [],
        "required": True,
        "minutes": 10,
        "file": f"lessons/{place}.md",
        "url": "",
        "markdown": "A page of text. " * 40,
    }


def _outline(number: int) -> dict[str, Any]:
    items = [ItemDef(f"courses/course-{number}/item-{place}", "lesson", title=f"Lesson {place}") for place in range(8)]
    definition = dump_outline(OutlineDef([ModuleDef("m", "All", items)]))
    return {"course_slug": f"course-{number}", "version": 1, "definition": definition, "published_at": AT}


def _add_learners(connection: Connection, size: Size) -> list[tuple[str, str]]:
    names = ("display_name", "hub_name", "course_title", "platform_name", "frame_origin", "return_url", "locale")
    facts = dict.fromkeys(names, "x") | {"locale": "en", "deep_linking": None, "brand": ""}
    tokens, sessions, learners, reached = [], [], [], []
    for user in range(1, size.users + 1):
        course = user * 97 % size.courses + 1
        token, slug = secrets.token_urlsafe(32), f"course-{course}"
        tokens.append((token, slug))
        sessions.append(
            {
                "digest": digest_of(token),
                "user_id": user,
                "registration_id": 1,
                "course_slug": slug,
                "placement_id": course,
                "role": Role.LEARNER,
                "facts": facts,
                "created_at": AT,
                "expires_at": AT + timedelta(hours=8),
            }
        )
        who = {"placement_id": course, "user_id": user}
        last = f"courses/{slug}/item-2"
        learners.append(who | {"course_slug": slug, "percent": 38, "started_at": AT, "last_at": AT, "last_ref": last})
        reached += [
            who | {"ref": f"courses/{slug}/item-{place}", "state": ItemState.DONE, "percent": 100} | _begun()
            for place in range(3)
        ]
    connection.execute(insert(SessionRow), sessions)
    connection.execute(insert(LearnerRow), learners)
    connection.execute(insert(ItemRow), reached)
    return tokens


def _begun() -> dict[str, Any]:
    return {"kind": "lesson", "seconds": 60, "watched": [], "done_at": AT, "last_at": AT, "score_version": 0}


# ---- who looks ----


async def _load(server: Serving, tokens: list[tuple[str, str]], size: Size) -> Taken:
    """Every user at their own pace; the first seconds warm up and are not counted."""
    taken, began = Taken(), time.monotonic()
    users = [asyncio.create_task(_look(server.port, token, slug, taken, began, size)) for token, slug in tokens]
    await asyncio.sleep(WARM_S)
    cpu_s = server.cpu_s()
    await asyncio.gather(*users)
    taken.cpu_ms = (server.cpu_s() - cpu_s) * 1000 / sum(map(len, taken.times_ms.values()))
    return taken


async def _look(port: int, token: str, slug: str, taken: Taken, began: float, size: Size) -> None:
    rng = random.Random(token)
    pages = min(20, -(-size.courses // PER_PAGE))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.sleep(rng.random() * THINK_S)
    while time.monotonic() < began + WARM_S + SECONDS:
        name = rng.choice(list(TARGETS))
        path = {
            "course list": f"/courses/?page={rng.randint(1, pages)}" if rng.random() < 0.5 else "/courses/",
            "course page": f"/courses/{slug}/",
            "search": f"/courses/?q={rng.choice(KINDS)}+{rng.choice(NOUNS)[:4]}",
        }[name]
        due = time.monotonic()
        writer.write(f"GET /s/{token}{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(length)
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            taken.refused += 1
        elif due > began + WARM_S:
            taken.times_ms[name].append((time.monotonic() - due) * 1000)
        pause = min(rng.expovariate(1 / THINK_S), LONGEST_THINK_S)
        await asyncio.sleep(pause)
        if pause > KEPT_S:  # the server closes what is idle
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
