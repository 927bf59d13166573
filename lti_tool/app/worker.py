"""The Celery worker. It knows two tasks: run the next job of a queue, and sweep the table (docs/adr/0002).

Start it with `coursebridge worker`; `coursebridge up` starts one for marking and one for everything else.
"""

import gc
import logging
import os
import signal
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from celery import Celery
from celery.exceptions import SecurityWarning
from celery.signals import beat_embedded_init, setup_logging, worker_process_init, worker_ready, worker_shutting_down
from kombu.transport import TRANSPORT_ALIASES
from sqlalchemy.exc import OperationalError

from config.settings import Settings, load_settings
from lti_tool.app import folder_broker
from lti_tool.app.process import make_process
from lti_tool.contract import Plugin, load_plugins
from lti_tool.kernel import heartbeat, jobs
from lti_tool.kernel.db import Database
from lti_tool.kernel.heartbeat import Heart
from lti_tool.kernel.liveness import is_away
from lti_tool.kernel.logging import configure_logging
from lti_tool.kernel.messages import Router
from lti_tool.kernel.recurring import run_due
from lti_tool.kernel.runtime import Runtime

log = logging.getLogger(__name__)

QUEUES = ("grade", "passback", "mail", "default")
RUN_NEXT = "coursebridge.run_next"
SWEEP = "coursebridge.sweep"
LOOK_FOR_PARENT_S = 0.5
LESS_URGENT = 5
"""How nice the processes of a pool are: pages come before marking where both have the same cores."""
PAUSE_S = 2.0
"""A broker that did not answer is left alone this long, so that not every commit waits for it."""
TRANSPORT_ALIASES |= dict.fromkeys(("redis", "rediss"), "lti_tool.app.redis_broker:Transport")


def make_celery(settings: Settings) -> Celery:
    """The Celery application for a broker: the configured one, or folders in the data directory."""
    app = Celery("coursebridge", broker=settings.jobs.broker_url or folder_broker.URL)
    app.conf.update(
        broker_transport_options={} if settings.jobs.broker_url else _folders(settings.data_dir / "broker"),
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        accept_content=["json"],
        task_ignore_result=True,
        task_default_queue="default",
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_max_tasks_per_child=500,
        beat_schedule={"sweep": {"task": SWEEP, "schedule": settings.jobs.sweep_s, "options": {"expires": 30}}},
        beat_schedule_filename=str(settings.data_dir / "beat-schedule"),
        task_routes={SWEEP: {"queue": "default"}},
    )
    return app


def publish_with(settings: Settings, router: Router) -> None:
    """Hint committed jobs to the broker at once. One that is down costs a moment and no job: `sweep` hints again."""
    app = make_celery(settings)
    if settings.jobs.broker_url:
        app.conf.broker_transport_options = {"max_retries": 0}
    if settings.jobs.broker_url.startswith("redis"):
        app.conf.broker_transport_options |= {"socket_connect_timeout": 1, "socket_timeout": 5}
    quiet_until = 0.0

    def publish(queue: str) -> None:
        nonlocal quiet_until
        if time.monotonic() < quiet_until:
            return
        try:
            app.send_task(RUN_NEXT, (queue,), queue=queue, retry=False)
        except Exception as error:
            quiet_until = time.monotonic() + PAUSE_S
            log.warning("broker_unreachable", extra={"queue": queue, "why": f"{type(error).__name__}: {error}"})

    router.publish = publish


class Worker:
    """What a worker process holds: made after the fork, so that no connection is shared."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is opened yet."""
        self.settings = settings
        self.celery = make_celery(settings)
        self._process: tuple[Runtime, list[Plugin]] | None = None
        self._register_tasks()

    @property
    def process(self) -> tuple[Runtime, list[Plugin]]:
        """Runtime and plugins of this process."""
        if self._process is None:
            self._process = make_process(self.settings)
            publish_with(self.settings, self._process[0].db.router)
        return self._process

    def forget_process(self) -> None:
        """After a fork: make own connections."""
        self._process = None

    def _register_tasks(self) -> None:
        def run_next(queue: str) -> None:
            with _without_traceback():
                self.run_next(queue)

        def sweep() -> None:
            with _without_traceback():
                self.sweep()

        self.celery.task(run_next, name=RUN_NEXT)
        self.celery.task(sweep, name=SWEEP)

    def run_next(self, queue: str) -> None:
        """Run the job of a queue whose turn it is, if there is one."""
        runtime, _plugins = self.process
        jobs.run_next(runtime, runtime.db.router, queue)

    def sweep(self) -> None:
        """Hint what was forgotten and do the recurring work that is due."""
        runtime, plugins = self.process
        jobs.sweep(runtime, runtime.db.router)
        run_due(runtime, [(work.name, work.every_s, work.run) for plugin in plugins for work in plugin.recurring])


@contextmanager
def _without_traceback() -> Iterator[None]:
    """A database that is away is told in a line; a later hint finds it back, as nothing in it has changed."""
    try:
        yield
    except OperationalError as error:
        if not is_away(error):
            raise
        log.warning("database_unavailable", extra={"why": str(error.orig).strip().partition("\n")[0]})


def run_worker(queues: str, concurrency: int, *, beat: bool, threads: bool) -> None:
    """Run a worker until it is told to stop. `queues` is a comma-separated list."""
    settings = load_settings()
    worker, first = Worker(settings), os.getpid()

    def set_up_logging(**kwargs: Any) -> None:
        configure_logging(settings.log_level)

    def after_fork(**kwargs: Any) -> None:
        os.setpgid(0, 0)  # SIGTERM to the worker's whole group tells its first process, which waits for this one
        os.nice(LESS_URGENT)
        worker.forget_process()
        end_with_parent(first)
        warm_up(settings, queues.split(","))

    def in_beat(**kwargs: Any) -> None:
        end_with_parent(first)

    url, patience_s = settings.database.url, settings.database.busy_timeout_s
    heart = Heart(Database(url, pool_size=1, busy_timeout_s=patience_s), heartbeat.Worker(queues, sweeps=beat))

    def say_ready(**kwargs: Any) -> None:
        log.info("worker_ready", extra={"queues": queues, "concurrency": concurrency})
        heart.start()
        # at once, as by -9: billiard's way ends its processes first, and may then wait for a lock that one of them held
        signal.signal(signal.SIGQUIT, lambda *_: os._exit(1))
        if threads:
            warm_up(settings, queues.split(","))

    def say_bye(**kwargs: Any) -> None:
        if heart.is_alive():
            heart.stop()

    setup_logging.connect(set_up_logging, weak=False)
    worker_process_init.connect(after_fork, weak=False)
    beat_embedded_init.connect(in_beat, weak=False)
    worker_ready.connect(say_ready, weak=False)
    worker_shutting_down.connect(say_bye, weak=False)
    load_ahead(settings, queues.split(","))
    # Celery warns root of pickled messages. Ours are JSON, and submissions run in a sandbox whoever we are.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    argv = ["--quiet", "worker", "-Q", queues, "-c", str(concurrency), "-P", "threads" if threads else "prefork"]
    argv += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    argv += ["-n", f"{queues.split(',')[0]}@%h", "--loglevel", settings.log_level]
    worker.celery.worker_main([*argv, "-B"] if beat else argv)


def load_ahead(settings: Settings, queues: Sequence[str]) -> None:
    """Import what the worker's processes need before they are forked: they are ready sooner and share the memory."""
    for plugin in load_plugins(settings.plugins):
        for each in plugin.warm_ups:
            if each.queue in queues:
                each.load()
    gc.freeze()


def warm_up(settings: Settings, queues: Sequence[str]) -> None:
    """Have the plugins prepare this process for jobs of these queues; returns at once. See `contract.WarmUp`."""

    def run() -> None:
        for plugin in load_plugins(settings.plugins):
            for each in plugin.warm_ups:
                if each.queue in queues:
                    try:
                        each.run(settings)
                    except Exception:  # whatever it is: the first job does without
                        log.exception("warm_up_failed", extra={"plugin": plugin.name})
        threading.Event().wait()

    threading.Thread(target=run, name="warm-up", daemon=True).start()


def end_with_parent(parent: int) -> None:
    """In a child of the worker with this process id: end soon after it, when it is killed with -9 and cannot say so.

    (`PR_SET_PDEATHSIG` would end a child already with the thread that forked it, in the middle of a job.)
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_FOR_PARENT_S)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def _folders(root: Path) -> dict[str, Any]:
    for name in ("messages", "control"):
        (root / name).mkdir(parents=True, exist_ok=True)
    messages = str(root / "messages")
    return {
        "data_folder_in": messages,
        "data_folder_out": messages,
        "control_folder": str(root / "control"),
        "store_processed": False,
        "polling_interval": 0.1,
    }
