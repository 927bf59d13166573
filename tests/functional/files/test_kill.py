"""The web process dies with -9 in the middle of an upload; the upload goes on where it was."""

import hashlib
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from lti_tool.kernel.runtime import Runtime
from plugins.files import public
from tests.functional.files.conftest import SLUG
from tests.functional.files.tus_client import OFFSET, TUS, encode
from tests.functional.files.web_process import WebProcess
from tests.functional.grading.conftest import Browser

PIECE = 65_536
CONTENT = b"name,height\n" + b"oak,30\n" * 60_000


@pytest.fixture
def web(runtime: Runtime) -> Iterator[WebProcess]:
    process = WebProcess(runtime.settings, COURSEBRIDGE_FILES__CHUNK_BYTES=str(PIECE))
    yield process
    process.kill()


def patch(url: str, offset: int, content: bytes | Iterator[bytes], length: int) -> httpx.Response:
    headers = {**TUS, "Upload-Offset": str(offset), "Content-Type": OFFSET, "Content-Length": str(length)}
    return httpx.patch(url, headers=headers, content=content, timeout=120)


def offset_of(url: str) -> int:
    return int(httpx.head(url, headers=TUS).headers["Upload-Offset"])


def wait_for_offset(url: str, offset: int) -> None:
    for _ in range(1200):
        if offset_of(url) >= offset:
            return
        time.sleep(0.05)
    raise AssertionError(f"the upload did not get to {offset}")


def test_an_upload_survives_kill_9_of_the_web_process(
    runtime: Runtime, teacher: Browser, web: WebProcess, work: Callable[[], None]
) -> None:
    web.start(crash_at="files.piece_stored")
    headers = {**TUS, "Upload-Length": str(len(CONTENT)), "Upload-Metadata": encode(filename="trees.csv")}
    url = httpx.post(f"{web.url}{teacher.prefix}/files/uploads", headers=headers).headers["Location"]
    url = url if url.startswith("http") else web.url + url

    with pytest.raises(httpx.TransportError):
        patch(url, 0, CONTENT, len(CONTENT))  # dies between the piece and its row
    web.kill()
    web.start()
    after_first = offset_of(url)

    def half() -> Iterator[bytes]:
        yield CONTENT[: 3 * PIECE]
        wait_for_offset(url, 2 * PIECE)
        web.kill()  # dies with bytes on the way
        yield CONTENT[3 * PIECE :]

    with pytest.raises(httpx.TransportError):
        patch(url, 0, half(), len(CONTENT))
    web.start()
    after_second = offset_of(url)
    last = patch(url, after_second, CONTENT[after_second:], len(CONTENT) - after_second)
    work()

    with runtime.db.reading() as tx:
        (file,) = public.list_files(tx, SLUG)
    assert after_first == 0
    assert after_second in (2 * PIECE, 3 * PIECE)
    assert last.status_code == 204
    assert (file.state, file.sha256) == ("ready", hashlib.sha256(CONTENT).hexdigest())
    pieces = runtime.settings.data_dir / "files" / "pieces"
    assert not pieces.is_dir() or not list(pieces.rglob("*-*")), "what the killed ones left is gone too"


def test_what_arrived_before_a_connection_broke_is_kept(runtime: Runtime, teacher: Browser, web: WebProcess) -> None:
    web.start()
    headers = {**TUS, "Upload-Length": str(len(CONTENT)), "Upload-Metadata": encode(filename="trees.csv")}
    url = httpx.post(f"{web.url}{teacher.prefix}/files/uploads", headers=headers).headers["Location"]
    url = url if url.startswith("http") else web.url + url

    def broken() -> Iterator[bytes]:
        yield CONTENT[: PIECE + 1000]
        wait_for_offset(url, PIECE)
        raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        patch(url, 0, broken(), len(CONTENT))

    wait_for_offset(url, PIECE)
    at = offset_of(url)
    assert patch(url, at, CONTENT[at:], len(CONTENT) - at).status_code == 204
