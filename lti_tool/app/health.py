"""How the installation is, in plain words: what only the composition root can look at, and what the plugins do."""

import shutil
from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import make_url, text
from sqlalchemy.exc import SQLAlchemyError

from lti_tool.app.worker import QUEUES, make_celery
from lti_tool.contract import Finding, HealthCheck, Level, Plugin
from lti_tool.kernel import clock
from lti_tool.kernel.heartbeat import SILENT, WorkerRow, list_workers
from lti_tool.kernel.jobs import JobState, count_jobs, find_oldest_due
from lti_tool.kernel.runtime import Runtime

GB = 1_000_000_000
LOW_DISK, NO_DISK = 5 * GB, GB
SLOW_S, STUCK_S = 60, 600
"""A job that has waited this long is late; this long, and nobody works."""
BROKER_S = 2.0


def list_checks(plugins: Iterable[Plugin]) -> list[HealthCheck]:
    """Everything to look at, in the order in which it is shown."""
    return [
        check_database,
        check_workers,
        check_waiting,
        check_dead_jobs,
        check_broker,
        check_disk,
        *(check for plugin in plugins for check in plugin.health),
    ]


def examine(runtime: Runtime, checks: Sequence[HealthCheck]) -> list[Finding]:
    """Look at everything. Without the database only what does not need it is told."""
    found = list(checks[0](runtime))
    needs_none = (check_broker, check_disk)
    is_up = all(finding.level is not Level.BAD for finding in found)
    for check in checks[1:]:
        if is_up or check in needs_none:
            found += check(runtime)
    return found


def check_database(runtime: Runtime) -> Iterator[Finding]:
    """Does it answer?"""
    kind = "PostgreSQL" if make_url(runtime.settings.database.url).get_backend_name() == "postgresql" else "SQLite"
    try:
        with runtime.db.reading() as tx:
            tx.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        why = f"{kind} does not answer ({type(error).__name__})."
        yield Finding("Database", Level.BAD, why, "Start it. Nothing that was saved is lost; nothing works until then.")
        return
    yield Finding("Database", Level.GOOD, f"{kind} answers.")


def check_workers(runtime: Runtime) -> Iterator[Finding]:
    """Is there somebody for each queue, and somebody who sweeps?"""
    with runtime.db.reading() as tx:
        rows = list_workers(tx)
    alive = [row for row in rows if row.seen_at > clock.now() - SILENT]
    missing = [queue for queue in QUEUES if not any(queue in row.queues.split(",") for row in alive)]
    advice = "Start one: coursebridge up or coursebridge worker. Nothing is lost meanwhile; it waits."
    if not alive:
        yield Finding("Workers", Level.BAD, f"No worker runs{_last_seen(rows)}.", advice)
    elif missing:
        yield Finding("Workers", Level.BAD, f"No worker takes the queues {', '.join(missing)}.", advice)
    elif not any(row.sweeps for row in alive):
        advice = "Start one worker without --no-beat: it finds work again that the broker has lost."
        yield Finding("Workers", Level.BAD, "No worker looks after the job table.", advice)
    else:
        yield Finding("Workers", Level.GOOD, f"{len(alive)} running.")


def check_waiting(runtime: Runtime) -> Iterator[Finding]:
    """How long has the oldest job been due?"""
    with runtime.db.reading() as tx:
        oldest = find_oldest_due(tx)
    waits_s = (clock.now() - oldest).total_seconds() if oldest else 0
    if waits_s < SLOW_S:
        yield Finding("Waiting work", Level.GOOD, "Nothing waits for long.")
        return
    level = Level.BAD if waits_s > STUCK_S else Level.WARN
    advice = "More workers take more at the same time (jobs.concurrency). If none runs, start one."
    yield Finding("Waiting work", level, f"The oldest job has waited {waits_s / 60:.0f} minutes.", advice)


def check_dead_jobs(runtime: Runtime) -> Iterator[Finding]:
    """Has anything been given up?"""
    with runtime.db.reading() as tx:
        dead = sum(number for _handler, state, number in count_jobs(tx) if state is JobState.DEAD)
    if dead:
        advice = "Read the error on the page Jobs, mend the cause, then run them again there."
        yield Finding("Jobs given up", Level.WARN, f"{dead} could not be done after all attempts.", advice)
    else:
        yield Finding("Jobs given up", Level.GOOD, "None.")


def check_broker(runtime: Runtime) -> Iterator[Finding]:
    """Can hints be published?"""
    if not runtime.settings.jobs.broker_url:
        yield Finding("Broker", Level.GOOD, "Folders in the data directory.")
        return
    try:
        with make_celery(runtime.settings).connection(connect_timeout=BROKER_S) as connection:
            connection.ensure_connection(max_retries=0, timeout=BROKER_S)
    except Exception as error:  # every transport has errors of its own
        why = f"It does not answer ({type(error).__name__})."
        advice = "Start it. Work goes on meanwhile, but up to a minute later: workers look into the database too."
        yield Finding("Broker", Level.WARN, why, advice)
        return
    yield Finding("Broker", Level.GOOD, "It answers.")


def check_disk(runtime: Runtime) -> Iterator[Finding]:
    """Is there room in the data directory?"""
    free = shutil.disk_usage(runtime.settings.data_dir).free
    level = Level.BAD if free < NO_DISK else Level.WARN if free < LOW_DISK else Level.GOOD
    advice = "" if level is Level.GOOD else "Make room, or move the data directory: a full disk refuses hand-ins."
    yield Finding("Disk", level, f"{free / GB:.1f} GB free in the data directory.", advice)


def _last_seen(rows: Sequence[WorkerRow]) -> str:
    if not rows:
        return ""
    return f", the last one was heard of {max(row.seen_at for row in rows):%Y-%m-%d %H:%M} UTC"
