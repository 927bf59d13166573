"""The virus scanner: a command, or ClamAV's daemon. Whatever it does not pass is given out to nobody."""

import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from lti_tool.kernel import clock, jobs
from lti_tool.kernel.errors import Conflict
from lti_tool.kernel.runtime import Runtime
from plugins.files import public
from tests.functional.files.conftest import SLUG
from tests.functional.files.tus_client import Tus
from tests.functional.grading.conftest import Browser

pytestmark = pytest.mark.one_database
Work = Callable[[], None]
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
SCANNER = "import sys; sys.exit({code} if b'EICAR' in open(sys.argv[1], 'rb').read() else 0)"


@contextmanager
def clamd(answer: bytes = b"") -> Iterator[str]:
    """ClamAV's daemon as far as INSTREAM goes; `answer` instead of the true one. Yields its address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _address = listener.accept()
                with connection, connection.makefile("rb") as stream:
                    assert stream.read(10) == b"zINSTREAM\0"
                    body = b""
                    while length := struct.unpack("!I", stream.read(4))[0]:
                        body += stream.read(length)
                    found = b"stream: Eicar-Signature FOUND\0" if b"EICAR" in body else b"stream: OK\0"
                    connection.sendall(answer or found)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"tcp:127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


@pytest.fixture
def command(tmp_path: Path) -> Callable[[int], str]:
    """`command(code)` → a scanner that ends with `code` when it finds something."""

    def make(code: int = 1) -> str:
        script = tmp_path / "scanner.py"
        script.write_text(SCANNER.format(code=code))
        return f"{sys.executable} {script}"

    return make


def only_file(runtime: Runtime) -> public.StoredFile:
    with runtime.db.reading() as tx:
        (file,) = public.list_files(tx, SLUG)
    return file


def try_until_dead(runtime: Runtime, work: Work) -> None:
    """Let the worker try as often as it does."""
    for _ in range(9):
        work()
        clock.advance(1000)


def test_a_command_that_finds_something_refuses_the_file(
    runtime: Runtime, teacher: Browser, work: Work, command: Callable[..., str]
) -> None:
    runtime.settings.files.scan_command = command()
    Tus(teacher).send("eicar.txt", EICAR)
    work()
    file = only_file(runtime)

    assert (file.state, file.refusal) == ("refused", "infected")
    assert "virus scanner found something" in teacher.get(f"/files/{SLUG}").text
    with pytest.raises(Conflict):
        public.file_url(runtime, file)
    assert [path for path in (runtime.settings.data_dir / "files").rglob("*") if path.is_file()] == []
    with runtime.db.reading() as tx:
        assert public.quota_left(tx, runtime, SLUG) == runtime.settings.files.quota_bytes


def test_clamd_passes_and_refuses(runtime: Runtime, teacher: Browser, work: Work) -> None:
    with clamd() as address:
        runtime.settings.files.scan_clamd = address
        Tus(teacher).send("a.txt", b"clean " * 200_000)
        work()
        clean = only_file(runtime)
        with runtime.db.transaction() as tx:
            public.delete_file(tx, clean.id)
        Tus(teacher).send("b.txt", EICAR)
        work()

    assert clean.state == "ready"
    assert only_file(runtime).refusal == "infected"


@pytest.mark.parametrize("failure", ["code 2", "no such command", "no clamd", "clamd is confused"])
def test_a_scanner_that_fails_lets_nothing_pass(
    runtime: Runtime, teacher: Browser, work: Work, command: Callable[..., str], failure: str
) -> None:
    files = runtime.settings.files
    with clamd(b"INSTREAM size limit exceeded. ERROR\0") as confused:
        files.scan_command = {"code 2": command(2), "no such command": "/nowhere/scan"}.get(failure, "")
        files.scan_clamd = {"no clamd": "unix:/nowhere/clamd", "clamd is confused": confused}.get(failure, "")
        with clock.frozen(clock.now()):
            Tus(teacher).send("eicar.txt", EICAR)
            work()
            waiting = only_file(runtime).state
            try_until_dead(runtime, work)

    assert waiting == "scanning"
    assert (only_file(runtime).state, only_file(runtime).refusal) == ("refused", "scan_failed")


def test_a_small_file_waits_for_the_scanner_too(runtime: Runtime, work: Work, command: Callable[..., str]) -> None:
    runtime.settings.files.scan_command = command()
    with runtime.db.transaction() as tx:
        stored = public.store_bytes(tx, runtime, course_slug=SLUG, owner_id=None, name="a.txt", content=b"clean")
        bad = public.store_bytes(tx, runtime, course_slug="flowers", owner_id=None, name="b.txt", content=EICAR)
    work()

    assert stored.state == "scanning"
    assert only_file(runtime).state == "ready"
    with runtime.db.reading() as tx:
        found = public.find_file(tx, bad.id)
        assert found is not None
        assert found.refusal == "infected"
        assert jobs.list_jobs(tx, jobs.JobState.DEAD) == []
