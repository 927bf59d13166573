"""Files of the library in course folders: whatever they are called they come back, here or in another installation."""

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from plugins.courses import carried_files
from plugins.courses.exporter import export_course
from plugins.courses.importer import Imported, import_course
from plugins.files import public as files
from plugins.files import uploads
from plugins.files.receiving import receive
from plugins.video import captions
from plugins.video import public as video
from tests.factories.course_folders import TOML, write_folder
from tests.factories.grading import work
from tests.factories.videos import VTT, make_video
from tests.functional.courses.conftest import SLUG, Browser
from tests.functional.courses.teaching import HOME, located_photo
from tests.functional.courses.test_carried_videos import ITEM
from tests.functional.courses.test_export import EVERYTHING, files_of
from tests.functional.files.conftest import picture

HEAD = TOML[: TOML.index('[[module.item]]\ntype = "quiz"')]
MOVING = io.BytesIO()
Image.new("RGB", (9, 9), "red").save(MOVING, "GIF", save_all=True, append_images=[Image.new("RGB", (9, 9), "blue")])
AWKWARD = {
    "Slides.CSV": b"oak,1\n",
    "slides.csv": b"oak,2\n",
    "Slides (2).csv": b"oak,3\n",
    "日本の木.csv": b"oak,4\n",
    "Größe  und\u202e Maß.csv": b"oak,5\n",
    "README": b"Read me.\n",
    "files.toml": b"a = 1\n",
    "CON.txt": b"reserved\n",
    "../..\\etc/passwd": b"root\n",
    "x" * 300 + ".txt": b"long\n",
    "木" * 300 + ".verylongending": b"long too\n",
    "a\"b<c>'.txt": b"quoted\n",
    "twin.txt": b"the same\n",
    "other twin.txt": b"the same\n",
    "Photo.JPG": located_photo(),
    "photo.png": picture(),
    "photo.webp": picture("WEBP"),
    "photo.avif": picture("AVIF"),
    "moving.gif": MOVING.getvalue(),
    "no picture.png": located_photo(),
}
"""Names as people give them, some for the same slug; the last one's ending is not true."""


def send(runtime: Runtime, name: str, content: bytes, *, part: int | None = None, **wanted: object) -> None:
    """Upload a file as a browser does; of a `part` the connection breaks off."""
    with runtime.db.transaction() as tx:
        upload = uploads.begin(tx, runtime, uploads.Wanted(SLUG, None, name, len(content), **wanted))
    receive(runtime, upload, io.BytesIO(content[:part]))


def listed(runtime: Runtime) -> dict[str, files.StoredFile]:
    with runtime.db.reading() as tx:
        return {file.slug: file for file in files.list_files(tx, SLUG)}


def used(runtime: Runtime) -> int:
    with runtime.db.reading() as tx:
        return runtime.settings.files.quota_bytes - files.quota_left(tx, runtime, SLUG)


def plain(folder: Path, *items: tuple[str, str, str, str], **more: bytes | str | None) -> Path:
    """A course without quizzes, with these items (type, slug, title, address) besides."""
    toml = HEAD + "".join(ITEM.format(*item) for item in items)
    sources = dict.fromkeys(("source/quiz-1/quiz-1.ipynb", "source/quiz-1/data.csv", "source/quiz-2/quiz-2.ipynb"))
    return write_folder(folder, {**sources, "lessons/sowing.md": "Sow.", "course.toml": toml, **more})


SLIDES = ("file", "slides", "Slides", "file:slides.csv")


def test_everything_comes_back_byte_for_byte_in_an_empty_installation(
    runtime: Runtime, elsewhere: Runtime, folder: Path, tmp_path: Path
) -> None:
    films = ITEM.format("video", "ours", "Ours", "video:film") + ITEM.format(
        "video", "far", "Far", "https://e.org/f.mp4"
    )
    toml = EVERYTHING.replace("Two\n", "[Two](file:slides-2.csv)\n") + films + ITEM.format(*SLIDES)
    lesson = "See [this](file:photo.jpg) and ![that](file:photo.png).\n"
    write_folder(folder, {"course.toml": toml, "media/reading.ipynb": None, "lessons/sowing.md": lesson})
    write_folder(folder, {"course.toml": toml.replace('file = "media/reading.ipynb"', 'state = "draft"')})
    write_folder(folder, {"lessons/sowing.md": lesson, "course.toml": (folder / "course.toml").read_text()})
    for name, content in AWKWARD.items():
        send(runtime, name, content)
    send(runtime, "Film.webm", make_video(4))
    send(runtime, "Nobody names it.webm", make_video(3))
    work(runtime)
    assert len(listed(runtime)) == len(AWKWARD) + 2 and "" not in listed(runtime)
    import_course(runtime, folder)
    work(runtime)
    with runtime.db.transaction() as tx:
        captions.add_captions(tx, video.list_uploaded(tx, SLUG)[0].id, VTT, "en", "", is_default=True)

    out = export_course(runtime, SLUG, tmp_path / "one")
    written = files_of(tmp_path / "one")
    assert (out.missing, out.large, out.files) == ([], [], len(written))
    assert {name for name in written if name.startswith("files/")} == {f"files/{slug}" for slug in listed(runtime)}
    assert b"GPS" not in written["files/photo.jpg"] and written["files/slides.csv"] == AWKWARD["Slides.CSV"]

    import_course(elsewhere, tmp_path / "one")
    work(elsewhere)
    export_course(elsewhere, SLUG, tmp_path / "two")
    assert files_of(tmp_path / "two") == written
    assert import_course(elsewhere, tmp_path / "two").notes == []
    assert import_course(runtime, tmp_path / "two").notes == []
    here, there = listed(runtime), listed(elsewhere)
    assert {slug: (one.name, one.sha256) for slug, one in here.items()} == {
        slug: (one.name, one.sha256) for slug, one in there.items()
    }
    assert used(elsewhere) == used(runtime)


@pytest.fixture
def sent(runtime: Runtime, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An export without `slides.csv` and `photo.jpg`, for they are large."""
    monkeypatch.setattr(carried_files, "MAX_SMALL_BYTES", 8)
    send(runtime, "Slides.csv", b"oak,beech\n")
    send(runtime, "Photo.jpg", located_photo())
    send(runtime, "tiny.txt", b"tiny\n")
    work(runtime)
    import_course(runtime, plain(folder, SLIDES))
    out = export_course(runtime, SLUG, tmp_path / "sent")
    assert [one.partition(" ")[0] for one in out.large] == ["Photo.jpg", "Slides.csv"]
    return tmp_path / "sent"


def test_what_is_large_travels_if_it_is_asked_for(
    runtime: Runtime, elsewhere: Runtime, sent: Path, tmp_path: Path
) -> None:
    assert {name for name in files_of(sent) if name.startswith("files")} == {"files.toml", "files/tiny.txt"}
    assert export_course(runtime, SLUG, sent, with_large=True).large == []
    import_course(elsewhere, sent)
    assert import_course(elsewhere, sent).notes == []  # they are on their way
    work(elsewhere)
    export_course(elsewhere, SLUG, tmp_path / "two", with_large=True)
    assert files_of(tmp_path / "two") == files_of(sent)


def test_a_file_that_is_missing_is_known_again_by_its_content(
    runtime: Runtime, elsewhere: Runtime, sent: Path, tmp_path: Path, browse: Callable[..., Browser]
) -> None:
    done = import_course(elsewhere, sent)
    missing = [note for note in done.notes if "is not in the folder" in note]
    assert [note.partition(" (")[0] for note in missing] == ["“Photo.jpg”", "“Slides.csv”"]
    out = export_course(elsewhere, SLUG, tmp_path / "two")
    assert out.missing == [
        "Photo.jpg (not uploaded here)",
        "Slides.csv (not uploaded here)",
        "tiny.txt (not uploaded here)",
    ]
    before = {slug: file.id for slug, file in listed(elsewhere).items()}

    photo = b"".join(files.open_file(runtime, listed(runtime)["photo.jpg"]))
    send(elsewhere, "renamed.bin", b"oak,beech\n")
    send(elsewhere, "my photo.jpg", photo)
    work(elsewhere)
    assert {slug: file.id for slug, file in listed(elsewhere).items()} == before
    assert {file.state for file in listed(elsewhere).values()} == {files.FileState.READY}
    assert import_course(elsewhere, sent).notes == []
    export_course(elsewhere, SLUG, tmp_path / "two", with_large=True)
    export_course(runtime, SLUG, sent, with_large=True)
    assert files_of(tmp_path / "two") == files_of(sent)
    assert used(elsewhere) == used(runtime)


def test_what_was_uploaded_before_gets_the_name_that_the_folder_gives_it(
    runtime: Runtime, elsewhere: Runtime, sent: Path
) -> None:
    send(elsewhere, "Before.csv", b"oak,beech\n")
    work(elsewhere)
    before = listed(elsewhere)["before.csv"].id
    done = import_course(elsewhere, sent)
    assert not [note for note in done.notes if "Slides.csv" in note]
    assert listed(elsewhere)["slides.csv"].id == before and "before.csv" not in listed(elsewhere)
    with elsewhere.db.reading() as tx:
        assert files.list_uses(tx, [before]) == {before: [f"courses/{SLUG}/slides"]}


def test_another_file_of_the_same_name_stays_and_the_import_says_so(
    runtime: Runtime, elsewhere: Runtime, sent: Path
) -> None:
    send(elsewhere, "slides.csv", b"fir\n")
    work(elsewhere)
    export_course(runtime, SLUG, sent, with_large=True)
    done = import_course(elsewhere, sent)
    assert [note.partition(":")[0] for note in done.notes if "It stays" in note] == ["files/slides.csv"]
    work(elsewhere)
    assert b"".join(files.open_file(elsewhere, listed(elsewhere)["slides.csv"])) == b"fir\n"
    assert sorted(listed(elsewhere)) == ["photo.jpg", "slides.csv", "tiny.txt"]


def test_an_import_that_was_killed_goes_on_and_takes_room_once(
    runtime: Runtime, elsewhere: Runtime, sent: Path
) -> None:
    export_course(runtime, SLUG, sent, with_large=True)
    content = b"oak,beech\n"
    import_course(elsewhere, without(sent, "slides.csv"))
    work(elsewhere)
    before, missing = used(elsewhere), listed(elsewhere)["slides.csv"]
    known = {"fingerprint": hashlib.sha256(content).hexdigest(), "replaces_id": missing.id}
    send(elsewhere, "Slides.csv", content, part=4, **known)
    assert used(elsewhere) == before + len(content)

    (sent / "files" / "slides.csv").write_bytes(content)
    assert import_course(elsewhere, sent).notes == ["“Slides.csv” is there as soon as it was checked."]
    assert import_course(elsewhere, sent).notes == []
    assert used(elsewhere) == before + len(content)
    work(elsewhere)
    assert b"".join(files.open_file(elsewhere, listed(elsewhere)["slides.csv"])) == content
    assert used(elsewhere) == before + len(content) == used(runtime)


def without(folder: Path, name: str) -> Path:
    (folder / "files" / name).unlink()
    return folder


def test_what_finds_no_room_or_is_not_accepted_is_said_and_can_be_tried_again(
    runtime: Runtime, folder: Path, browse: Callable[..., Browser]
) -> None:
    more = {"files/slides.csv": b"oak,beech\n", "files/run.exe": b"MZ\x90\x00" + bytes(60)}
    runtime.settings.files.quota_bytes = 60
    done = notes_of(import_course(runtime, plain(folder, SLIDES, **more)))
    assert done["run.exe"].startswith("was not taken: There is no room") and "Then import again" in done["run.exe"]
    work(runtime)
    runtime.settings.files.quota_bytes = 1000
    assert list(notes_of(import_course(runtime, folder))) == ["run.exe"]
    work(runtime)

    assert {slug: file.state for slug, file in listed(runtime).items()} == {"slides.csv": "ready", "run.exe": "missing"}
    ada, ben = browse(Role.TEACHER), browse()
    shown = ada.get(f"/files/{SLUG}").text
    assert "The newer version was not accepted." in shown and "Missing" in shown
    assert "file:slides.csv" in ada.get(f"/files/{SLUG}/{listed(runtime)['slides.csv'].id}").text
    assert "without the content" in ada.get(f"/files/{SLUG}/{listed(runtime)['run.exe'].id}").text
    assert ben.get(f"{HOME}media/file:slides.csv").status_code == 302
    assert used(runtime) == len(b"oak,beech\n")


def notes_of(done: Imported) -> dict[str, str]:
    """What the notes say, by the name that they begin with."""
    quoted = [note[1:].partition("” ") for note in done.notes if note.startswith("“")]
    return {name: said for name, _quote, said in quoted}


def test_a_published_lesson_waits_for_its_file(runtime: Runtime, folder: Path, browse: Callable[..., Browser]) -> None:
    import_course(runtime, plain(folder, SLIDES, **{"lessons/sowing.md": "[S](file:slides.csv)\n"}))
    ben = browse()
    assert ben.get(f"{HOME}slides").status_code == 200
    assert ben.get(f"{HOME}media/file:slides.csv").status_code == 404
    send(runtime, "Slides.csv", b"oak\n")
    refused = ben.get(f"{HOME}media/file:slides.csv")
    assert refused.status_code == 409 and "still being checked" in refused.text
    work(runtime)
    assert ben.get(f"{HOME}media/file:slides.csv").status_code == 302
    number = listed(runtime)["slides.csv"].id
    with runtime.db.reading() as tx:  # named before it was there, kept now
        assert files.list_uses(tx, [number]) == {number: [f"courses/{SLUG}/slides", f"courses/{SLUG}/sowing"]}


def test_a_picture_put_there_by_hand_loses_its_place_once(runtime: Runtime, folder: Path, tmp_path: Path) -> None:
    import_course(runtime, plain(folder, **{"files/photo.jpg": located_photo()}))
    work(runtime)
    assert import_course(runtime, folder).notes == []
    export_course(runtime, SLUG, tmp_path / "out")
    kept = files_of(tmp_path / "out")["files/photo.jpg"]
    assert not Image.open(io.BytesIO(kept)).getexif()
    assert import_course(runtime, tmp_path / "out").notes == []
