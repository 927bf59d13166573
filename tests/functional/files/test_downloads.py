"""Signed links: what they open, for how long, in which parts, and what a browser may do with it."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient

from lti_tool.kernel import clock
from lti_tool.kernel.runtime import Runtime
from plugins.files import public
from plugins.files.downloads import PART
from plugins.files.links import STEP_S
from tests.functional.files.conftest import SLUG, picture

pytestmark = pytest.mark.one_database
Work = Callable[[], None]
TEXT = b"0123456789" * 100_000
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def keep(runtime: Runtime, work: Work) -> Callable[..., public.StoredFile]:
    """`keep(content, name)` → a file in the storage."""

    def make(content: bytes = TEXT, name: str = "numbers.txt") -> public.StoredFile:
        with runtime.db.transaction() as tx:
            made = public.store_bytes(tx, runtime, course_slug=SLUG, owner_id=None, name=name, content=content)
        work()
        with runtime.db.reading() as tx:
            found = public.find_file(tx, made.id)
        assert found is not None
        return found

    return make


Keep = Callable[..., public.StoredFile]


def test_a_link_needs_no_session_and_says_what_the_file_is(runtime: Runtime, client: FlaskClient, keep: Keep) -> None:
    answer = client.get(public.file_url(runtime, keep()))

    assert answer.status_code == 200
    assert answer.data == TEXT
    assert answer.headers["Content-Length"] == str(len(TEXT))
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Cache-Control"] == "private, max-age=3600"


@pytest.mark.parametrize(
    ("asked", "status", "found", "said"),
    [
        ("bytes=0-9", 206, TEXT[:10], "bytes 0-9/1000000"),
        ("bytes=999990-", 206, TEXT[-10:], "bytes 999990-999999/1000000"),
        ("bytes=-5", 206, TEXT[-5:], "bytes 999995-999999/1000000"),
        ("bytes=5-99999999", 206, TEXT[5:], "bytes 5-999999/1000000"),
        ("bytes=1000000-", 416, b"", "bytes */1000000"),
        ("bytes=0-1,5-6", 416, b"", "bytes */1000000"),
        ("bytes=0-,0-,0-,0-", 416, b"", "bytes */1000000"),
    ],
)
def test_a_range_is_answered(
    runtime: Runtime, client: FlaskClient, keep: Keep, asked: str, status: int, found: bytes, said: str
) -> None:
    answer = client.get(public.file_url(runtime, keep()), headers={"Range": asked})

    assert (answer.status_code, answer.data) == (status, found)
    assert answer.headers["Content-Range"] == said


def test_a_range_of_another_version_gets_the_whole_file(runtime: Runtime, client: FlaskClient, keep: Keep) -> None:
    url = public.file_url(runtime, keep())
    tag = client.get(url).headers["ETag"]

    assert client.get(url, headers={"Range": "bytes=0-9", "If-Range": tag}).status_code == 206
    assert client.get(url, headers={"Range": "bytes=0-9", "If-Range": '"other"'}).data == TEXT
    assert client.get(url, headers={"If-None-Match": tag}).status_code == 304
    head = client.head(url)
    assert (head.status_code, head.headers["Content-Length"], head.data) == (200, str(len(TEXT)), b"")


@pytest.mark.parametrize(
    ("name", "content", "inline", "kind", "disposition"),
    [
        ("a.png", picture(), True, "image/png", "inline"),
        ("a.png", picture(), False, "image/png", "attachment"),
        ("a.pdf", b"%PDF-1.7\n", True, "application/pdf", "attachment"),
        ("a.svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>', True, "image/svg+xml", "attachment"),
        ("a.html", b"<html><script>alert(1)</script>", True, "application/octet-stream", "attachment"),
        ("a.md", b"<script>alert(1)</script>", True, "text/markdown; charset=utf-8", "attachment"),
        ("a.vtt", b"WEBVTT\n", True, "text/vtt; charset=utf-8", "inline"),
    ],
)
def test_no_file_runs_on_the_tools_origin(
    runtime: Runtime,
    client: FlaskClient,
    keep: Keep,
    name: str,
    content: bytes,
    inline: bool,
    kind: str,
    disposition: str,
) -> None:
    runtime.settings.files.allow.append("text/html")
    try:
        headers = client.get(public.file_url(runtime, keep(content, name), inline=inline)).headers
    finally:
        runtime.settings.files.allow.remove("text/html")

    assert headers["Content-Type"] == kind
    assert headers["Content-Disposition"].startswith(f"{disposition};")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("sandbox; default-src 'none';")
    assert "script-src" not in headers["Content-Security-Policy"]


def test_a_link_expires(runtime: Runtime, client: FlaskClient, keep: Keep) -> None:
    with clock.frozen(NOON):
        url = public.file_url(runtime, keep(), expires_s=600)
        clock.advance(599)
        assert client.get(url).status_code == 200
        clock.advance(STEP_S + 2)
        assert client.get(url).status_code == 410


def test_a_page_loaded_twice_has_the_same_link(runtime: Runtime, keep: Keep) -> None:
    file = keep()
    with clock.frozen(NOON):
        first = public.file_url(runtime, file)
        clock.advance(60)
        assert public.file_url(runtime, file) == first


def test_a_forged_link_opens_nothing(runtime: Runtime, client: FlaskClient, keep: Keep) -> None:
    url = public.file_url(runtime, keep())
    token, name = url.removeprefix("/files/d/").split("/")
    payload, signature = token.split(".")
    facts = json.loads(base64.urlsafe_b64decode(payload + "=="))
    for changed in (
        ["../../coursebridge.sqlite3", *facts[1:]],
        [facts[0], "x.html", "text/html", True, facts[4]],
        [*facts[:4], facts[4] + 10_000_000],
    ):
        forged = base64.urlsafe_b64encode(json.dumps(changed).encode()).decode().rstrip("=")
        assert client.get(f"/files/d/{forged}.{signature}/{name}").status_code == 400
    for broken in (payload, f"{payload}.", f".{signature}", "é.ü", f"{payload}.{signature[:-4]}AAAA"):
        assert client.get(f"/files/d/{broken}/{name}").status_code == 400


def test_a_link_of_a_deleted_file_is_dead(runtime: Runtime, client: FlaskClient, keep: Keep, work: Work) -> None:
    file = keep()
    url = public.file_url(runtime, file)
    with runtime.db.transaction() as tx:
        public.delete_file(tx, file.id)
    work()

    assert client.get(url).status_code == 404


def test_nginx_sends_the_file_when_it_may(runtime: Runtime, client: FlaskClient, keep: Keep) -> None:
    file = keep()
    runtime.settings.files.accel_path = "/_files/"
    answer = client.get(public.file_url(runtime, file))

    assert answer.headers["X-Accel-Redirect"] == f"/_files/{file.key}"
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.data == b""


def test_a_player_gets_a_long_range_in_parts(runtime: Runtime, client: FlaskClient, keep: Keep) -> None:
    video = b"\0\0\0\x18ftypmp42" + bytes(3 * PART)
    url = public.file_url(runtime, keep(video, "oak.mp4"), inline=True)
    first = client.get(url, headers={"Range": "bytes=0-"})
    last = client.get(url, headers={"Range": f"bytes={3 * PART}-"})

    assert (first.status_code, first.data) == (206, video[:PART])
    assert first.headers["Content-Range"] == f"bytes 0-{PART - 1}/{len(video)}"
    assert last.data == video[3 * PART :]


def test_slow_readers_of_large_files_leave_threads_for_everybody_else(
    runtime: Runtime, client: FlaskClient, keep: Keep
) -> None:
    """Two of the four threads may send long answers; the third reader is told to wait."""
    url = public.file_url(runtime, keep(b"x" * (PART + 1), "long.txt"))
    reading = [client.get(url, buffered=False) for _ in range(2)]
    third = client.get(url)
    small = client.get(public.file_url(runtime, keep()))
    reading[0].close()
    again = client.get(url)
    reading[1].close()

    assert [answer.status_code for answer in reading] == [200, 200]
    assert third.status_code == 503
    assert small.status_code == 200
    assert again.status_code == 200
    assert len(again.data) == PART + 1
