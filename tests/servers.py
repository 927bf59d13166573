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


@contextmanager
def running_postgresql(*, is_durable: bool = False) -> Iterator[str]:
    """A PostgreSQL server of our own; yields a URL with `{database}` left open. Fails the test without binaries.

    Tests need no commit to survive a power cut; a benchmark that counts commits does.
    """
    binaries = _find_binaries()
    in_memory = not is_durable and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 2 * 1024**3
    folder = Path(tempfile.mkdtemp(prefix="coursebridge-pg-", dir=MEMORY if in_memory else None))
    user = _unprivileged_user()
    if user:
        shutil.chown(folder, user)
    data, port = folder / "data", free_port()
    _run(
        user, [binaries / "initdb", "-D", data, "-U", "tests", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
    )
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c max_connections=60"
    options += "" if is_durable else " -c fsync=off"
    _run(user, [binaries / "pg_ctl", "-D", data, "-l", folder / "log", "-o", options, "-w", "start"])
    try:
        yield f"postgresql+psycopg://tests@127.0.0.1:{port}/{{database}}"
    finally:
        _run(user, [binaries / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"])
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_redis() -> Iterator[str]:
    """A Redis server of our own; yields its URL. Fails the test without the binary."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.fail("Redis is not installed: apt-get install redis-server")
    folder = Path(tempfile.mkdtemp(prefix="coursebridge-redis-"))
    user, port = _unprivileged_user(), free_port()
    if user:
        shutil.chown(folder, user)
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    server = subprocess.Popen(command, user=user, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        url = f"redis://127.0.0.1:{port}/0"
        _wait_for_redis(url)
        yield url
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


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
