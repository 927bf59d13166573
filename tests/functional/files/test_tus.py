"""Uploads in pieces, as a tus 1.0 client sends them. Section names are those of the protocol."""

import base64
import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from lti_tool.kernel import clock
from lti_tool.kernel.errors import Conflict
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from plugins.files import public
from plugins.files.handlers import tidy
from plugins.files.models import PieceRow, UploadRow
from tests.functional.files.conftest import SLUG
from tests.functional.files.tus_client import OFFSET, TUS, Tus, encode
from tests.functional.grading.conftest import Browser

TEXT = b"name,height\n" + b"oak,30\n" * 40_000
Work = Callable[[], None]


@pytest.fixture(autouse=True)
def small_pieces(runtime: Runtime) -> None:
    runtime.settings.files.chunk_bytes = 65_536


@pytest.fixture
def tus(teacher: Browser) -> Tus:
    return Tus(teacher)


def files_of(runtime: Runtime) -> list[public.StoredFile]:
    with runtime.db.reading() as tx:
        return public.list_files(tx, SLUG)


def test_five_gigabytes_are_taken_and_not_a_byte_more(runtime: Runtime, tus: Tus) -> None:
    largest = 5_000_000_000
    metadata = encode(filename="film.mp4")
    refused = tus.call("POST", "/files/uploads", **{"Upload-Length": str(largest + 1), "Upload-Metadata": metadata})
    assert refused.status_code == 413

    url = tus.create("film.mp4", largest)
    assert tus.patch(url, 0, b"first").headers["Upload-Offset"] == "5"
    with runtime.db.transaction() as tx:  # what lies between is not sent here
        tx.scalars(select(UploadRow)).one().position = largest - 4
    assert tus.call("HEAD", url).headers["Upload-Offset"] == str(largest - 4)
    last = tus.patch(url, largest - 4, b"last")

    assert (last.status_code, last.headers["Upload-Offset"]) == (204, str(largest))
    (file,) = files_of(runtime)
    assert (file.size, file.state) == (largest, "scanning")
    with runtime.db.reading() as tx:
        assert public.quota_left(tx, runtime, SLUG) == runtime.settings.files.quota_bytes - largest


def test_a_file_sent_in_pieces_is_checked_and_ready(runtime: Runtime, tus: Tus, work: Work) -> None:
    url = tus.create("trees.csv", len(TEXT))
    first = tus.patch(url, 0, TEXT[:100_000])
    last = tus.patch(url, 100_000, TEXT[100_000:])
    (before,) = files_of(runtime)
    work()
    (file,) = files_of(runtime)

    assert (first.status_code, first.headers["Upload-Offset"]) == (204, "100000")
    assert (last.status_code, last.headers["Upload-Offset"]) == (204, str(len(TEXT)))
    assert last.headers["Coursebridge-File"] == str(file.id)
    assert (before.state, before.sha256) == ("scanning", "")
    assert (file.state, file.content_type, file.size) == ("ready", "text/csv", len(TEXT))
    assert file.sha256 == hashlib.sha256(TEXT).hexdigest()
    assert b"".join(public.open_file(runtime, file)) == TEXT
    assert not list((runtime.settings.data_dir / "files" / "pieces").rglob("*-*")), "the pieces are gone"


def test_nothing_is_given_out_before_it_was_checked(runtime: Runtime, tus: Tus) -> None:
    tus.send("trees.csv", TEXT)
    (file,) = files_of(runtime)

    with pytest.raises(Conflict):
        public.file_url(runtime, file)


def test_options_says_what_the_server_can_do(teacher: Browser) -> None:
    answer = teacher.client.options(teacher.prefix + "/files/uploads", base_url="https://localhost")

    assert answer.status_code == 204
    assert answer.headers["Tus-Version"] == "1.0.0"
    assert set(answer.headers["Tus-Extension"].split(",")) >= {"creation", "expiration", "checksum", "termination"}
    assert answer.headers["Tus-Max-Size"] == "5000000000"
    assert "sha1" in answer.headers["Tus-Checksum-Algorithm"]


def test_head_says_where_an_upload_is(tus: Tus) -> None:
    url = tus.create("trees.csv", len(TEXT))
    tus.patch(url, 0, TEXT[:70_000])
    answer = tus.call("HEAD", url)

    assert answer.status_code == 200
    assert (answer.headers["Upload-Offset"], answer.headers["Upload-Length"]) == ("70000", str(len(TEXT)))
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_patch_that_does_not_fit_changes_nothing(tus: Tus) -> None:
    url = tus.create("trees.csv", len(TEXT))
    wrong: list[tuple[dict[str, str], int]] = [
        ({"Upload-Offset": "5"}, 409),
        ({"Upload-Offset": "-1"}, 400),
        ({"Upload-Offset": "0", "Content-Type": "text/plain"}, 415),
        ({"Upload-Offset": "0", "Tus-Resumable": "0.2.2"}, 412),
        ({"Upload-Offset": "0", "Upload-Checksum": "crc32 AAAA"}, 400),
        ({"Upload-Offset": "0", "Upload-Checksum": "sha1 AAAA"}, 460),
    ]
    for headers, status in wrong:
        answer = tus.call("PATCH", url, data=TEXT[:1000], **{"Content-Type": OFFSET, **headers})

        assert answer.status_code == status
        assert answer.headers["Tus-Version"] == "1.0.0"
        assert tus.call("HEAD", url).headers["Upload-Offset"] == "0"


def test_a_checksum_that_fits_is_taken_over_several_pieces(runtime: Runtime, tus: Tus, work: Work) -> None:
    digest = base64.b64encode(hashlib.sha1(TEXT).digest()).decode()
    url = tus.create("trees.csv", len(TEXT))
    answer = tus.patch(url, 0, TEXT, **{"Upload-Checksum": f"sha1 {digest}"})
    work()

    assert answer.status_code == 204
    assert files_of(runtime)[0].state == "ready"


def test_a_wrong_checksum_leaves_no_bytes_behind(runtime: Runtime, tus: Tus) -> None:
    url = tus.create("trees.csv", len(TEXT))
    assert (
        tus.patch(url, 0, TEXT, **{"Upload-Checksum": f"sha256 {base64.b64encode(bytes(32)).decode()}"}).status_code
        == 460
    )

    assert not list((runtime.settings.data_dir / "files").rglob("*-*"))


def test_of_two_that_send_the_same_bytes_one_is_refused(app: Flask, runtime: Runtime, tus: Tus, work: Work) -> None:
    url = tus.create("trees.csv", len(TEXT))
    start, statuses = threading.Barrier(4), []

    def send() -> None:
        client = app.test_client()
        start.wait()
        headers = {**TUS, "Upload-Offset": "0", "Content-Type": OFFSET}
        statuses.append(client.patch(url, data=TEXT, headers=headers, base_url="https://localhost").status_code)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tus.finish(url, TEXT)
    work()

    (file,) = files_of(runtime)
    assert statuses.count(204) <= 1
    assert set(statuses) <= {204, 409}
    assert file.sha256 == hashlib.sha256(TEXT).hexdigest()
    with runtime.db.reading() as tx:
        assert tx.scalars(select(PieceRow)).all() == []


def test_more_than_was_announced_is_refused(tus: Tus) -> None:
    url = tus.create("trees.csv", 10)

    assert tus.patch(url, 0, b"x" * 11).status_code == 413
    assert tus.call("HEAD", url).headers["Upload-Offset"] == "0"


def test_a_wrong_upload_is_not_begun(runtime: Runtime, tus: Tus) -> None:
    wrong: list[tuple[dict[str, str], int]] = [
        ({"Upload-Length": "5000000001"}, 413),
        ({"Upload-Length": "0"}, 400),
        ({"Upload-Length": "many"}, 400),
        ({}, 400),
        ({"Upload-Length": "5", "Upload-Metadata": "filename *"}, 400),
    ]
    for headers, status in wrong:
        assert tus.call("POST", "/files/uploads", **headers).status_code == status
    with runtime.db.reading() as tx:
        assert public.quota_left(tx, runtime, SLUG) == runtime.settings.files.quota_bytes


def test_creation_takes_the_first_bytes_along(tus: Tus) -> None:
    headers = {"Upload-Length": str(len(TEXT)), "Upload-Metadata": encode(filename="trees.csv"), "Content-Type": OFFSET}
    answer = tus.call("POST", "/files/uploads", data=TEXT[:500], **headers)

    assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, "500")
    assert tus.patch(answer.headers["Location"], 500, TEXT[500:]).status_code == 204


def test_a_proxy_that_lets_no_patch_through_is_no_obstacle(tus: Tus) -> None:
    url = tus.create("trees.csv", len(TEXT))
    headers = {"X-HTTP-Method-Override": "PATCH", "Upload-Offset": "0", "Content-Type": OFFSET}

    assert tus.call("POST", url, data=TEXT, **headers).headers["Upload-Offset"] == str(len(TEXT))


def test_a_terminated_upload_gives_its_room_back(runtime: Runtime, tus: Tus, work: Work) -> None:
    url = tus.create("trees.csv", len(TEXT))
    tus.patch(url, 0, TEXT[:80_000])
    assert tus.call("DELETE", url).status_code == 204
    work()

    assert tus.call("HEAD", url).status_code == 404
    assert not list((runtime.settings.data_dir / "files").rglob("*-*"))
    with runtime.db.reading() as tx:
        assert public.quota_left(tx, runtime, SLUG) == runtime.settings.files.quota_bytes


def test_an_upload_that_is_given_up_twice_gives_its_room_back_once(runtime: Runtime, tus: Tus) -> None:
    url = tus.create("trees.csv", len(TEXT))
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(tus.call, "DELETE", url) for _ in range(4)]
    assert sorted(answer.result().status_code for answer in answers) == [204, 404, 404, 404]
    with runtime.db.reading() as tx:
        assert public.quota_left(tx, runtime, SLUG) == runtime.settings.files.quota_bytes


def test_an_upload_that_nobody_continues_expires(runtime: Runtime, browse: Any, work: Work) -> None:
    with clock.frozen(clock.now()):
        tus = Tus(browse())
        url = tus.create("trees.csv", len(TEXT))
        clock.advance(7 * 3600)
        tus.prefix = browse().prefix
        tidy(runtime)
        with runtime.db.reading() as tx:
            assert tx.scalars(select(UploadRow)).all() != []
        clock.advance(42 * 3600)
        tidy(runtime)
        work()

    with runtime.db.reading() as tx:
        assert tx.scalars(select(UploadRow)).all() == []
        assert public.quota_left(tx, runtime, SLUG) == runtime.settings.files.quota_bytes
    assert tus.call("HEAD", url).status_code in (401, 404)


def test_nobody_else_reaches_an_upload(tus: Tus, browse: Any) -> None:
    url = tus.create("trees.csv", len(TEXT))
    path = url[url.index("/files/") :]
    colleague, elsewhere = Tus(browse(Role.TEACHER)), Tus(browse(Role.TEACHER, "flowers"))

    assert colleague.call("HEAD", path).status_code == 404
    assert colleague.patch(path, 0, TEXT).status_code == 404
    assert elsewhere.call("DELETE", path).status_code == 404
    assert Tus(browse(Role.LEARNER)).call("POST", "/files/uploads", **{"Upload-Length": "5"}).status_code == 403
    assert tus.browser.client.post("/files/uploads", headers={**TUS, "Upload-Length": "5"}).status_code == 401


def test_room_is_promised_once_only(runtime: Runtime, tus: Tus, app: Flask) -> None:
    """Eight begin at once where there is room for three."""
    runtime.settings.files.quota_bytes = 3 * len(TEXT) + 1
    start, statuses = threading.Barrier(8), []

    def begin() -> None:
        client = app.test_client()
        start.wait()
        headers = {**TUS, "Upload-Length": str(len(TEXT)), "Upload-Metadata": encode(filename="a.csv")}
        answer = client.post(tus.prefix + "/files/uploads", headers=headers, base_url="https://localhost")
        statuses.append(answer.status_code)

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == [201] * 3 + [413] * 5


def test_room_that_is_gone_at_the_end_refuses_the_file(runtime: Runtime, tus: Tus, work: Work) -> None:
    noise = bytes(range(256)) * 4
    url = tus.create("trees.csv", len(TEXT))
    tus.finish(url, TEXT)
    runtime.settings.files.quota_bytes = len(noise)
    work()

    (file,) = files_of(runtime)
    assert (file.state, file.refusal) == ("refused", "quota")
