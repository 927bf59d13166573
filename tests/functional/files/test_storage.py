"""Both adapters keep the port's promises: the disk, and a bucket on a real S3 API server."""

import hashlib
import io
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lti_tool.kernel.errors import ExternalError, NotFound
from lti_tool.kernel.runtime import Runtime
from plugins.files import public
from plugins.files.storage import Storage
from plugins.files.stores import storage_of
from tests.functional.files.conftest import SLUG, picture
from tests.functional.files.tus_client import Tus
from tests.functional.grading.conftest import Browser
from tests.s3_server import S3Server, running_s3

pytestmark = pytest.mark.one_database
Work = Callable[[], None]


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with running_s3() as server:
        yield server


@pytest.fixture
def bucket(runtime: Runtime, s3: S3Server) -> None:
    """The tool keeps its files in a bucket."""
    files = runtime.settings.files
    files.storage, files.s3_bucket, files.s3_endpoint = "s3", s3.bucket, s3.endpoint
    files.s3_access_key = type(files.s3_access_key)(s3.access_key)
    files.s3_secret_key = type(files.s3_secret_key)(s3.secret_key)
    files.s3_prefix = "coursebridge/"


@pytest.fixture(params=["local", "s3"])
def storage(request: pytest.FixtureRequest, runtime: Runtime) -> Storage:
    if request.param == "s3":
        request.getfixturevalue("bucket")
    return storage_of(runtime)


def fetch(url: str, **headers: str) -> Any:
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=120)


def test_what_is_put_is_there_and_can_be_read_in_part(storage: Storage) -> None:
    content = bytes(range(256)) * 2000
    storage.put("content/a1/file", io.BytesIO(content), "application/octet-stream")

    assert b"".join(storage.open("content/a1/file")) == content
    assert b"".join(storage.open("content/a1/file", 1000, 500)) == content[1000:1500]
    assert b"".join(storage.open("content/a1/file", 511_000)) == content[511_000:]
    assert b"".join(storage.open("content/a1/file", 5, 0)) == b""
    assert storage.size("content/a1/file") == len(content)


def test_a_large_file_comes_back_the_same(storage: Storage, tmp_path: Path) -> None:
    """40 MB: three parts of a multipart upload."""
    path = tmp_path / "large"
    path.write_bytes(hashlib.shake_256(b"forest").digest(40_000_000))
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    storage.put_file("content/a2/file", path, "video/mp4")
    with storage.local_copy("content/a2/file", tmp_path) as copy:
        found = hashlib.sha256(copy.read_bytes()).hexdigest()

    assert found == expected
    storage.delete("content/a2/file")


def test_what_is_deleted_is_gone_and_may_be_deleted_again(storage: Storage) -> None:
    for key in ("pieces/b/1", "pieces/b/2", "pieces/c/1"):
        storage.put(key, b"x", "application/octet-stream")
    storage.delete("pieces/b/1")
    storage.delete("pieces/b/1")
    storage.delete_all("pieces/b/")
    storage.delete_all("pieces/b/")

    for key in ("pieces/b/1", "pieces/b/2"):
        with pytest.raises(NotFound):
            storage.size(key)
        with pytest.raises(NotFound):
            storage.open(key)
    assert storage.size("pieces/c/1") == 1


def test_a_store_that_does_not_answer_is_asked_again_later(runtime: Runtime, bucket: None) -> None:
    runtime.settings.files.s3_endpoint = "http://127.0.0.1:9"

    with pytest.raises(ExternalError) as failed:
        storage_of(runtime).size("content/a1/file")
    assert failed.value.retryable


@pytest.mark.usefixtures("bucket")
def test_an_upload_ends_in_the_bucket_and_is_fetched_from_there(
    runtime: Runtime, teacher: Browser, work: Work, s3: S3Server
) -> None:
    content = picture("JPEG", (800, 600))
    runtime.settings.files.chunk_bytes = 65_536
    Tus(teacher).send("Eiche grün.jpg", content)
    work()
    with runtime.db.reading() as tx:
        (file,) = public.list_files(tx, SLUG)
    shown = public.file_url(runtime, file, inline=True)
    with fetch(shown) as answer:
        body, headers = answer.read(), answer.headers
    with fetch(public.file_url(runtime, file), Range="bytes=0-99") as part:
        first, status, saved = part.read(), part.status, part.headers

    assert file.state == "ready"
    assert shown.startswith(s3.endpoint)
    assert hashlib.sha256(body).hexdigest() == file.sha256
    assert headers["Content-Type"] == "image/jpeg"
    assert headers["Content-Disposition"].startswith("inline;")
    assert (status, first) == (206, body[:100])
    assert saved["Content-Disposition"] == NAMED
    left = [path for path in (runtime.settings.data_dir / "files").rglob("*") if path.is_file()]
    assert left == [], "nothing stays on this machine"
    with pytest.raises(NotFound):
        storage_of(runtime).size(file.key.replace("content", "pieces"))


@pytest.mark.usefixtures("bucket")
def test_a_small_file_moves_to_the_bucket_and_its_first_link_goes_on_working(
    runtime: Runtime, teacher: Browser, work: Work
) -> None:
    with runtime.db.transaction() as tx:
        stored = public.store_bytes(tx, runtime, course_slug=SLUG, owner_id=None, name="a.png", content=picture())
    link = public.file_url(runtime, stored, inline=True)
    before = teacher.client.get(link).data
    work()

    assert teacher.client.get(link).data == before


@pytest.mark.usefixtures("bucket")
def test_an_address_of_the_bucket_opens_what_it_was_made_for_and_nothing_else(runtime: Runtime, work: Work) -> None:
    with runtime.db.transaction() as tx:
        stored = public.store_bytes(tx, runtime, course_slug=SLUG, owner_id=None, name="a.svg", content=SVG)
    work()
    with runtime.db.reading() as tx:
        moved = public.find_file(tx, stored.id)
    assert moved is not None
    url = public.file_url(runtime, moved, inline=True)

    assert "response-content-disposition=attachment" in url
    for changed in (
        url.replace("disposition=attachment", "disposition=inline"),
        url.replace(moved.key, moved.key.replace("file", "other")),
        url.partition("?")[0],
    ):
        with pytest.raises(urllib.error.HTTPError) as refused:
            fetch(changed)
        assert refused.value.code == 403
        refused.value.close()


@pytest.mark.usefixtures("bucket")
def test_pages_may_show_what_is_in_the_bucket(teacher: Browser, s3: S3Server) -> None:
    policy = teacher.get(f"/files/{SLUG}").headers["Content-Security-Policy"]

    assert f"img-src 'self' data: {s3.endpoint};" in policy
    assert f"media-src 'self' {s3.endpoint};" in policy


NAMED = "attachment; filename=\"Eiche grun.jpg\"; filename*=UTF-8''Eiche%20gr%C3%BCn.jpg"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><rect width="1" height="1"/></svg>'
