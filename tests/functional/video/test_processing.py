"""What is found out about an uploaded or linked video."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from config.settings import Settings
from lti_tool.kernel.runtime import Runtime
from plugins.files import public as files
from plugins.video import processing
from plugins.video import public as video
from plugins.video.links import Link, LinkKind
from plugins.video.messages import ProbeVideo
from plugins.video.models import VideoState
from tests.factories.grading import SLUG, work
from tests.factories.videos import make_sound, make_video, with_subtitles, without_length
from tests.functional.video.conftest import Upload


def test_an_uploaded_video_is_ready_with_length_poster_and_size(upload: Upload, runtime: Runtime) -> None:
    found = upload(make_video(10), "Lesson 1 – Trees.webm")

    assert (found.state, found.reason, found.title) == (VideoState.READY, "", "Lesson 1 – Trees")
    assert found.duration_s == pytest.approx(10, abs=0.3)
    assert (found.width, found.height, found.has_sound) == (160, 90, False)
    with runtime.db.reading() as tx:
        poster = files.find_file(tx, found.poster_file_id or 0)
        assert poster is not None and files.list_uses(tx, [poster.id]) == {poster.id: [f"video/{found.id}"]}
    assert poster.content_type == "image/jpeg"


def test_a_recording_that_does_not_say_its_length_is_measured(upload: Upload) -> None:
    found = upload(without_length(make_video(6)))
    assert found.duration_s == pytest.approx(6, abs=0.3)


def test_subtitles_in_the_file_become_captions(upload: Upload) -> None:
    found = upload(with_subtitles(make_video(8)), "Trees.mkv")
    assert [(one.language, one.label, one.cues, one.is_default) for one in found.captions] == [
        ("en", "English", 2, True)
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (make_video(2, codec="mpeg4", kind="mp4"), "codec"),
        (make_sound(), "no_picture"),
        (make_video(20, codec="libx264", kind="mp4")[:2500], "unreadable"),
    ],
    ids=["codec", "sound only", "cut off"],
)
def test_what_cannot_be_shown_says_why(content: bytes, reason: str, upload: Upload) -> None:
    found = upload(content, "x.webm")
    assert (found.state, found.reason) == (VideoState.FAILED, reason)


def test_a_file_that_takes_too_long_is_given_up(upload: Upload, settings: Settings, monkeypatch: Any) -> None:
    monkeypatch.setattr(settings.video, "probe_s", 0)
    found = upload(make_video(2))
    assert (found.state, found.reason) == (VideoState.FAILED, "too_hard")


def test_a_deleted_file_takes_its_video_and_poster_along(upload: Upload, runtime: Runtime) -> None:
    found = upload(make_video(2))
    with runtime.db.transaction() as tx:
        files.delete_file(tx, found.file_id or 0)
    work(runtime)

    with runtime.db.reading() as tx:
        assert video.find_video(tx, found.file_id or 0) is None
        assert files.find_file(tx, found.poster_file_id or 0) is None


def test_a_job_that_was_overtaken_changes_nothing(upload: Upload, runtime: Runtime, read: Any) -> None:
    found = upload(make_video(2))

    class Run:
        def __init__(self) -> None:
            self.runtime = runtime

    processing.probe_video(Run(), ProbeVideo(found.id, 0))
    assert read(found.id) == found


def test_a_file_is_known_before_its_event_has_arrived(runtime: Runtime) -> None:
    with runtime.db.transaction() as tx:
        file = files.store_bytes(tx, runtime, course_slug=SLUG, owner_id=None, name="a.webm", content=make_video(1))
        first = video.add_file(tx, SLUG, file.id, "A")
        assert video.add_file(tx, SLUG, file.id, "B") == first
    assert first.state is VideoState.PROCESSING
    work(runtime)
    with runtime.db.reading() as tx:
        assert video.get_video(tx, SLUG, first.id).state is VideoState.READY


# ---- elsewhere ----


@pytest.fixture
def elsewhere() -> Iterator[Callable[[int, bytes], str]]:
    """`elsewhere(status, content)` → an address that answers so."""
    answers: dict[str, tuple[int, bytes]] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, content = answers[self.path]
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()

        def add(status: int, content: bytes) -> str:
            path = f"/{len(answers)}.webm"
            answers[path] = (status, content)
            return f"http://127.0.0.1:{server.server_address[1]}{path}"

        yield add
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "content", "state", "reason"),
    [
        (206, make_video(10), VideoState.READY, ""),
        (200, make_video(20)[:1500], VideoState.READY, ""),
        (206, b"\0\0\0\x18ftypmp42" + bytes(500), VideoState.READY, "no_duration"),
        (404, b"no", VideoState.FAILED, "link_unreachable"),
        (302, b"", VideoState.FAILED, "link_unreachable"),
        (206, make_video(2, codec="mpeg4", kind="mp4"), VideoState.FAILED, "codec"),
    ],
    ids=["whole", "beginning", "index at the end", "gone", "moved", "codec"],
)
def test_the_beginning_of_a_linked_video_is_read(
    status: int, content: bytes, state: str, reason: str, elsewhere: Any, runtime: Runtime, monkeypatch: Any
) -> None:
    url = elsewhere(status, content)
    link = Link(LinkKind.FILE, url, "")
    monkeypatch.setattr("plugins.video.service.read_link", lambda given: link)  # https only, otherwise
    with runtime.db.transaction() as tx:
        added = video.add_link(tx, SLUG, url)
    work(runtime)
    with runtime.db.reading() as tx:
        found = video.get_video(tx, SLUG, added.id)

    assert (found.state, found.reason) == (state, reason)
    assert found.has_sound or found.duration_s


def test_a_video_of_another_site_is_ready_at_once(runtime: Runtime) -> None:
    with runtime.db.transaction() as tx:
        found = video.add_link(tx, SLUG, "https://youtu.be/dQw4w9WgXcQ?t=4", "A song")
        again = video.add_link(tx, SLUG, "https://www.youtube.com/watch?v=dQw4w9WgXcQ")
    assert (found.state, found.is_embedded, found.duration_s, again.id) == (VideoState.READY, True, None, found.id)
