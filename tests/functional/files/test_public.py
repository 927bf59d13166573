"""What other plugins ask of files."""

from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from lti_tool.kernel.errors import AppError, Conflict, Unacceptable
from lti_tool.kernel.runtime import Runtime
from plugins.files import public
from tests.functional.files.conftest import SLUG, picture

Work = Callable[[], None]


def store(runtime: Runtime, content: bytes, name: str = "tree.png") -> public.StoredFile:
    with runtime.db.transaction() as tx:
        return public.store_bytes(tx, runtime, course_slug=SLUG, owner_id=None, name=name, content=content)


def read(runtime: Runtime, file_id: int) -> public.StoredFile:
    with runtime.db.reading() as tx:
        found = public.find_file(tx, file_id)
    assert found is not None
    return found


def test_a_small_image_is_ready_at_once_and_stays_the_same_when_it_moves(
    runtime: Runtime, client: FlaskClient, work: Work
) -> None:
    stored = store(runtime, picture())
    before = client.get(public.file_url(runtime, stored, inline=True))
    work()
    moved = read(runtime, stored.id)
    after = client.get(public.file_url(runtime, moved, inline=True))

    assert (stored.state, stored.content_type, stored.width, stored.height) == ("ready", "image/png", 40, 30)
    assert before.status_code == after.status_code == 200
    assert before.data == after.data == b"".join(public.open_file(runtime, stored))
    assert stored.key != moved.key
    assert client.get(public.file_url(runtime, stored, inline=True)).data == after.data, "an old link still works"


def test_nothing_is_kept_of_a_transaction_that_fails(runtime: Runtime) -> None:
    with pytest.raises(ZeroDivisionError), runtime.db.transaction() as tx:
        public.store_bytes(tx, runtime, course_slug=SLUG, owner_id=None, name="a.png", content=picture())
        raise ZeroDivisionError

    with runtime.db.reading() as tx:
        assert public.list_files(tx, SLUG) == []
        assert public.quota_left(tx, runtime, SLUG) == runtime.settings.files.quota_bytes


def test_a_file_that_is_shown_is_not_deleted(runtime: Runtime, work: Work) -> None:
    stored = store(runtime, picture())
    work()
    with runtime.db.transaction() as tx:
        public.set_uses(tx, "courses/trees/oak", [stored.id, 4711])

    with pytest.raises(Conflict) as refused, runtime.db.transaction() as tx:
        public.delete_file(tx, stored.id)
    with runtime.db.transaction() as tx:
        public.set_uses(tx, "courses/trees/oak", [])
        public.delete_file(tx, stored.id)
    work()

    assert refused.value.details == {"uses": ["courses/trees/oak"]}
    with runtime.db.reading() as tx:
        assert public.quota_left(tx, runtime, SLUG) == runtime.settings.files.quota_bytes
    assert list((runtime.settings.data_dir / "files").rglob("file")) == []


def test_a_job_reads_a_file_as_bytes_and_as_a_path(runtime: Runtime, work: Work) -> None:
    stored = store(runtime, b"name,height\noak,30\n", "trees.csv")
    with public.local_copy(runtime, stored) as path:
        before = path.read_bytes()
    work()
    with public.local_copy(runtime, read(runtime, stored.id)) as path:
        after = path.read_bytes()

    assert before == after == b"name,height\noak,30\n"
    assert b"".join(public.open_file(runtime, stored, 5, 6)) == b"height", "asked with what was known before it moved"
    assert not Path(runtime.settings.data_dir / "files" / "tmp" / "copy").exists()


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("tree.png", b"<!doctype html><script>alert(1)</script>", "file_type"),
        ("tree.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "file_svg_active"),
        ("tree.txt", b"", "file_empty"),
        ("tree.exe", b"MZ\x90\x00" + bytes(60), "file_type"),
    ],
)
def test_what_is_not_accepted_says_why(runtime: Runtime, name: str, content: bytes, code: str) -> None:
    with pytest.raises(AppError) as refused:
        store(runtime, content, name)

    assert isinstance(refused.value, Unacceptable)
    assert refused.value.code == code
