"""Servers for the tests: from the installed binaries, on free ports, in temporary folders, stopped after."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

UNPRIVILEGED = ("postgres", "nobody")
MEMORY = Path("/dev/shm")
"""A database of a test is 300 files: making those takes a disk longer than the test."""


class Postgresql:
    """A PostgreSQL server of our own. Fails the test without binaries.

    Tests need no commit to survive a power cut (`is_durable`); one that stops the server and goes on does, and a
    benchmark that counts commits.
    """

    def __init__(self, *, is_durable: bool = False) -> None:
        """Make its folder; nothing runs yet."""
        self._binaries, self._user = _find_binaries(), _unprivileged_user()
        in_memory = not is_durable and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 2 * 1024**3
        self._folder = Path(tempfile.mkdtemp(prefix="coursebridge-pg-", dir=MEMORY if in_memory else None))
        if self._user:
            shutil.chown(self._folder, self._user)
        self._port = free_port()
        self._options = f"-p {self._port} -k {self._folder} -c listen_addresses=127.0.0.1 -c max_connections=60"
        self._options += "" if is_durable else " -c fsync=off"
        self._run("initdb", "-U", "tests", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")

    @property
    def url(self) -> str:
        """With `{database}` left open."""
        return f"postgresql+psycopg://tests@127.0.0.1:{self._port}/{{database}}"

    def start(self) -> None:
        """Returns when it answers."""
        self._run("pg_ctl", "-l", self._folder / "log", "-o", self._options, "-w", "start")

    def stop(self) -> None:
        """At once, as when it crashes: connections are cut, and what was not committed is gone."""
        self._run("pg_ctl", "-m", "immediate", "-w", "stop")

    def remove(self) -> None:
        """Its folder, with all that is in it."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str | Path) -> None:
        _run(self._user, [self._binaries / program, "-D", self._folder / "data", *arguments])


@contextmanager
def running_postgresql(*, is_durable: bool = False) -> Iterator[str]:
    """A server until the end of the block; yields its URL with `{database}` left open."""
    server = Postgresql(is_durable=is_durable)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()
        server.remove()


class RedisServer:
    """A Redis server of our own, which forgets everything when it stops. Fails the test without the binary."""

    def __init__(self) -> None:
        """Nothing runs yet."""
        binary = shutil.which("redis-server")
        if binary is None:
            pytest.fail("Redis is not installed: apt-get install redis-server")
        self._folder = Path(tempfile.mkdtemp(prefix="coursebridge-redis-"))
        self._user, port = _unprivileged_user(), free_port()
        if self._user:
            shutil.chown(self._folder, self._user)
        self._command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(self._folder), "--save", ""]
        self.url = f"redis://127.0.0.1:{port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers."""
        self._process = subprocess.Popen(
            self._command, user=self._user, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        _wait_for_redis(self.url)

    def stop(self) -> None:
        """Connections are cut."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def remove(self) -> None:
        """Its folder."""
        shutil.rmtree(self._folder, ignore_errors=True)


@contextmanager
def running_redis() -> Iterator[str]:
    """A server until the end of the block; yields its URL."""
    server = RedisServer()
    try:
        server.start()
        yield server.url
    finally:
        server.stop()
        server.remove()


def _wait_for_redis(url: str) -> None:
    for _ in range(1200):
        with suppress(RedisConnectionError), Redis.from_url(url) as redis:
            if redis.ping():
                return
        time.sleep(0.05)
    raise RuntimeError("redis-server does not answer")


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _find_binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    if not found and not on_path:
        pytest.fail("PostgreSQL is not installed: apt-get install postgresql")
    return Path(found[-1] if found else str(on_path)).parent


def _unprivileged_user() -> str | None:
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in UNPRIVILEGED if name in known)


def _run(user: str | None, command: list[str | Path]) -> None:
    # No pipes: the server that pg_ctl starts would hold them open.
    done = subprocess.run(
        [str(part) for part in command],
        user=user,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with code {done.returncode}")
