"""What is kept about a person, and what is left once it is erased; and what the tidying up leaves."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from lti_tool.kernel import clock
from lti_tool.kernel.runtime import Runtime
from plugins.files import public
from plugins.files.handlers import tidy
from plugins.files.models import FileRow, UploadRow
from plugins.files.personal_data import erase_personal_data, export_personal_data
from tests.functional.files.conftest import SLUG
from tests.functional.files.tus_client import Tus
from tests.functional.grading.conftest import Browser


def test_the_files_stay_and_the_person_goes(runtime: Runtime, teacher: Browser, work: Callable[[], None]) -> None:
    tus = Tus(teacher)
    tus.send("trees.csv", b"name\noak\n")
    work()
    tus.create("forest.mp4", 5000)
    tus.send("leaves.csv", b"name\nleaf\n")  # whole, not checked yet
    with runtime.db.reading() as tx:
        owner = tx.scalars(select(FileRow.owner_id)).first()
    assert owner is not None
    with runtime.db.transaction() as tx:
        exported: dict[str, Any] = export_personal_data(tx, owner)
        erase_personal_data(tx, owner)
        after = export_personal_data(tx, owner)
    work()

    assert [file["name"] for file in exported["files"]] == ["trees.csv", "leaves.csv"]
    assert [upload["name"] for upload in exported["uploads"]] == ["forest.mp4", "leaves.csv"]
    assert after == {"files": [], "uploads": []}
    with runtime.db.reading() as tx:
        files = public.list_files(tx, SLUG)
        assert [(file.name, file.state, file.owner_id) for file in files] == [
            ("leaves.csv", "ready", None),
            ("trees.csv", "ready", None),
        ]
        assert tx.scalars(select(UploadRow)).all() == []
        assert public.quota_left(tx, runtime, SLUG) == runtime.settings.files.quota_bytes - 19


def test_refused_files_and_what_killed_processes_left_go_by_themselves(
    runtime: Runtime, teacher: Browser, work: Callable[[], None]
) -> None:
    left = runtime.settings.data_dir / "files" / "tmp" / "left"
    left.mkdir(parents=True)
    (left / "piece").write_bytes(b"x")
    moment = clock.now()
    Tus(teacher).send("setup.exe", b"MZ\x90\0" + bytes(60))
    work()
    tidy(runtime)
    with runtime.db.reading() as tx:
        kept = public.list_files(tx, SLUG)
    with clock.frozen(moment + timedelta(days=8)):
        tidy(runtime)
        work()
        with runtime.db.reading() as tx:
            gone = public.list_files(tx, SLUG)

    assert [file.state for file in kept] == ["refused"]
    assert gone == []
    assert not left.exists()
