"""Videos in course folders: captions, posters and, if they are asked for, files go out and come in; nothing is lost."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Conflict
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from plugins.courses import carried_files
from plugins.courses.course_file import CourseFolderError
from plugins.courses.exporter import export_course
from plugins.courses.importer import import_course
from plugins.files import public as files
from plugins.video import captions, service
from plugins.video import public as video
from plugins.video.models import PosterKind, VideoState
from tests.factories.course_folders import TOML, write_folder
from tests.factories.grading import work
from tests.factories.videos import VTT, make_video, with_subtitles
from tests.functional.courses.conftest import SLUG, Browser
from tests.functional.courses.test_export import files_of
from tests.functional.files.conftest import picture

HEAD = TOML[: TOML.index('[[module.item]]\ntype = "quiz"')]
ADDRESS = "https://video.example/growth.mp4"
FILMS = f"""
[[module.item]]
type = "video"
slug = "film"
title = "A film"
url = "video:trees"

[[module.item]]
type = "video"
slug = "elsewhere"
title = "Growth"
url = "{ADDRESS}"
"""
ITEM = '\n[[module.item]]\ntype = "{}"\nslug = "{}"\ntitle = "{}"\nurl = "{}"\n'
FILM = with_subtitles(make_video(4))
OTHER_VTT = b"WEBVTT\n\n00:01.000 --> 00:03.000\nWillkommen\n"


@pytest.fixture(autouse=True)
def films_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that small ones do."""
    monkeypatch.setattr(carried_files, "MAX_SMALL_BYTES", 1000)


@pytest.fixture
def taught(runtime: Runtime, folder: Path) -> Path:
    """The folder of a course with an uploaded video and one elsewhere; teachers gave both captions and posters."""
    sources = dict.fromkeys(("source/quiz-1/quiz-1.ipynb", "source/quiz-1/data.csv", "source/quiz-2/quiz-2.ipynb"))
    text = {"lessons/sowing.md": "See [watering](watering).", "course.toml": HEAD + FILMS}
    write_folder(folder, {**sources, **text})
    upload(runtime, FILM, "Trees.mkv")
    import_course(runtime, folder)
    with runtime.db.transaction() as tx:
        film, linked = find(tx, "trees"), video.find_linked(tx, SLUG, ADDRESS)
        assert linked is not None
        captions.add_captions(tx, film.id, OTHER_VTT, "de", "Deutsch", is_default=True)
        captions.add_captions(tx, linked.id, VTT, "en", "", is_default=False)
        own_poster(tx, runtime, film.id)
        row = service.get_row(tx, SLUG, linked.id)
        row.poster_kind, row.poster_second = PosterKind.SECOND, 2.5
    return folder


def upload(runtime: Runtime, content: bytes, name: str) -> None:
    with runtime.db.transaction() as tx:
        files.store_bytes(tx, runtime, course_slug=SLUG, owner_id=None, name=name, content=content)
    work(runtime)


def own_poster(tx: Tx, runtime: Runtime, video_id: int) -> None:
    row = service.get_row(tx, SLUG, video_id)
    kept = files.store_bytes(
        tx, runtime, course_slug=SLUG, owner_id=None, name="p.png", content=picture(), is_part=True
    )
    row.poster_kind = PosterKind.UPLOAD
    service.set_poster(tx, row, kept.id)


def find(tx: Tx, slug: str) -> video.Video:
    found = video.find_named(tx, SLUG, slug)
    assert found is not None
    return found


def test_captions_and_posters_come_back_in_an_empty_installation(
    runtime: Runtime, elsewhere: Runtime, taught: Path, tmp_path: Path
) -> None:
    out = export_course(runtime, SLUG, tmp_path / "one")
    written = files_of(tmp_path / "one")
    assert {name for name in written if name.startswith(("videos/", "files"))} == {
        *("videos/trees/video.toml", "videos/trees/de.vtt", "videos/trees/en.vtt", "videos/trees/poster.png"),
        *("videos/growth/video.toml", "videos/growth/en.vtt", "files.toml"),
    }
    assert out.files == len(written)
    assert out.large == ["Trees.mkv (0.0 MB)"]

    done = import_course(elsewhere, tmp_path / "one")
    (note,) = (each for each in done.notes if "Trees.mkv" in each)
    assert note.startswith("“Trees.mkv” (0.0 MB) is not in the folder. Upload it on the page Files, under whatever")
    with elsewhere.db.reading() as tx:
        film = find(tx, "trees")
        assert (film.state, film.reason, film.wanted_name) == (VideoState.FAILED, "file_missing", "Trees.mkv")
        assert {(one.language, one.is_default) for one in film.captions} == {("de", True), ("en", False)}
    export_course(elsewhere, SLUG, tmp_path / "two")
    assert files_of(tmp_path / "two") == written

    again = import_course(runtime, tmp_path / "one")  # where it came from, nothing has changed
    assert again.notes == []
    export_course(runtime, SLUG, tmp_path / "three")
    assert files_of(tmp_path / "three") == written


def test_the_file_is_known_again_when_it_is_uploaded(
    runtime: Runtime, elsewhere: Runtime, taught: Path, tmp_path: Path
) -> None:
    export_course(runtime, SLUG, tmp_path / "one")
    import_course(elsewhere, tmp_path / "one")
    upload(elsewhere, FILM, "renamed.mkv")

    with elsewhere.db.reading() as tx:
        film = find(tx, "trees")
        assert [each.id for each in video.list_uploaded(tx, SLUG)] == [film.id]
        assert service.list_uses(tx, film.id) == [f"courses/{SLUG}/film"]
    assert (film.state, film.title, film.wanted_name) == (VideoState.READY, "Trees", "")
    assert {(one.language, one.is_default) for one in film.captions} == {("de", True), ("en", False)}
    assert film.poster_kind is PosterKind.UPLOAD


def test_the_file_itself_travels_if_it_is_asked_for(
    runtime: Runtime, elsewhere: Runtime, taught: Path, tmp_path: Path
) -> None:
    out = export_course(runtime, SLUG, tmp_path / "one", with_large=True)
    written = files_of(tmp_path / "one")
    assert out.large == [] and out.files == len(written)
    assert written["files/trees.mkv"] == FILM

    done = import_course(elsewhere, tmp_path / "one")
    assert "“Trees.mkv” is there as soon as it was checked." in done.notes
    assert import_course(elsewhere, tmp_path / "one").notes == []  # it is on its way
    work(elsewhere)
    with elsewhere.db.reading() as tx:
        assert find(tx, "trees").state is VideoState.READY
        assert len(files.list_files(tx, SLUG)) == 1
    export_course(elsewhere, SLUG, tmp_path / "two", with_large=True)
    assert files_of(tmp_path / "two") == written


def test_what_was_changed_in_the_browser_is_not_taken_back(
    runtime: Runtime, elsewhere: Runtime, taught: Path, tmp_path: Path
) -> None:
    export_course(runtime, SLUG, tmp_path / "one")
    import_course(elsewhere, tmp_path / "one")
    german = tmp_path / "one" / "videos" / "trees" / "de.vtt"
    german.write_bytes(german.read_bytes().replace(b"Willkommen", "Grüß Gott".encode()))
    import_course(elsewhere, tmp_path / "one")  # twice by hand, without an export
    german.write_bytes(german.read_bytes().replace("Grüß Gott".encode(), b"Hallo"))
    import_course(elsewhere, tmp_path / "one")
    with elsewhere.db.transaction() as tx:
        assert "Hallo" in captions.get_captions(tx, find(tx, "trees").id, "de").text
        captions.remove_captions(tx, find(tx, "trees").id, "de")

    with pytest.raises(Conflict, match=r"videos/trees \(title, poster or captions"):
        import_course(elsewhere, tmp_path / "one")
    export_course(elsewhere, SLUG, tmp_path / "two")
    (tmp_path / "two" / "videos" / "trees" / "de.vtt").write_bytes(german.read_bytes())
    toml = tmp_path / "two" / "videos" / "trees" / "video.toml"
    toml.write_text(toml.read_text() + '\n[[captions]]\nlanguage = "de"\n')
    import_course(elsewhere, tmp_path / "two")
    with elsewhere.db.reading() as tx:
        assert {one.language for one in find(tx, "trees").captions} == {"de", "en"}
    import_course(elsewhere, tmp_path / "one", overwrite=True)


def test_videos_that_nobody_names_and_titles_of_linked_ones_travel(
    runtime: Runtime, elsewhere: Runtime, taught: Path, tmp_path: Path
) -> None:
    upload(runtime, make_video(3), "Nobody names it.webm")
    with runtime.db.transaction() as tx:
        spare = video.add_link(tx, SLUG, "https://video.example/spare.mp4", "Spare")
        plain = video.add_link(tx, SLUG, "https://youtu.be/dQw4w9WgXcQ", "Song")
        service.rename(tx, service.get_row(tx, SLUG, plain.id), "A better title")
        titles = {one.title for one, *_counts in service.list_videos(tx, SLUG)}
    toml = taught / "course.toml"
    toml.write_text(toml.read_text() + ITEM.format("video", "song", "Song", "https://youtu.be/dQw4w9WgXcQ"))
    import_course(runtime, taught, overwrite=True)
    export_course(runtime, SLUG, tmp_path / "one", with_large=True)
    written = files_of(tmp_path / "one")
    assert {f"videos/{slug}/video.toml" for slug in ("nobody-names-it", spare.slug, plain.slug)} <= written.keys()

    import_course(elsewhere, tmp_path / "one")
    work(elsewhere)
    with elsewhere.db.reading() as tx:
        assert {one.title for one, *_counts in service.list_videos(tx, SLUG)} == titles
    export_course(elsewhere, SLUG, tmp_path / "two", with_large=True)
    assert files_of(tmp_path / "two") == written

    with runtime.db.transaction() as tx:
        service.rename(tx, service.get_row(tx, SLUG, plain.id), "Song")  # what an import of the item makes it
    export_course(runtime, SLUG, tmp_path / "three")
    assert f"videos/{plain.slug}/video.toml" not in files_of(tmp_path / "three")


def test_another_file_here_stays(runtime: Runtime, elsewhere: Runtime, taught: Path, tmp_path: Path) -> None:
    export_course(runtime, SLUG, tmp_path / "one", with_large=True)
    import_course(elsewhere, tmp_path / "one")
    work(elsewhere)
    other = make_video(3)
    with elsewhere.db.reading() as tx:
        number = find(tx, "trees").file_id
    with elsewhere.db.transaction() as tx:
        tx.connection().exec_driver_sql(
            f"UPDATE files_file SET sha256 = '{hashlib.sha256(other).hexdigest()}' WHERE id = {number}"
        )
    done = import_course(elsewhere, tmp_path / "one")
    assert [note.partition(" here")[0] for note in done.notes] == [
        "files/trees.mkv: the course has another file",
        "“A film” (film) shows another file",
    ]


def test_a_folder_may_name_a_video_that_is_not_there(runtime: Runtime, taught: Path) -> None:
    toml = taught / "course.toml"
    toml.write_text(toml.read_text().replace("video:trees", "video:nothing"))
    done = import_course(runtime, taught)
    assert [note for note in done.notes if "names video:nothing, which is not among the videos" in note]
    assert export_course(runtime, SLUG, taught.with_name("out")).missing == ["video:nothing (gone, in “A film”)"]


TREES = f'title = "Trees"\nfile = "t.mp4"\nsha256 = "{"0" * 64}"\nbytes = 5\n'


@pytest.mark.parametrize(
    ("files_of_video", "problem"),
    [
        ({"video.toml": "title ="}, "video.toml: is not valid TOML"),
        ({"video.toml": 'title = "Trees"'}, "video.toml: name either a file, with its sha256 and bytes, or an address"),
        ({"video.toml": TREES + 'colour = "red"'}, "video.toml: colour: is not known here"),
        ({"video.toml": TREES + '[[captions]]\nlanguage = "en"'}, "en.vtt: there is no such file"),
        (
            {"video.toml": TREES + '[[captions]]\nlanguage = "EN"', "EN.vtt": ""},
            "video.toml: captions 1, language: write this",
        ),
        (
            {"video.toml": TREES + '[[captions]]\nlanguage = "en"', "en.vtt": "WEBVTT\n\n5 --> 6\nx"},
            "en.vtt: Line 3 is wrong",
        ),
        ({"video.toml": TREES + 'poster = "poster.png"'}, "poster.png: there is no such picture"),
        ({"video.toml": TREES + 'poster = "poster.png"', "poster.png": "no"}, "poster.png: The image cannot be read"),
        ({"video.toml": 'title = "T"\nurl = "https://video.example/"'}, "video.toml: url: This address is not a video"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_changes(
    runtime: Runtime, taught: Path, files_of_video: dict[str, str], problem: str
) -> None:
    with runtime.db.reading() as tx:
        before = video.list_carried(tx, SLUG)
    for name, body in files_of_video.items():
        (taught / "videos" / "trees").mkdir(parents=True, exist_ok=True)
        (taught / "videos" / "trees" / name).write_text(body)
    with pytest.raises(CourseFolderError) as refused:
        import_course(runtime, taught)
    assert f"videos/trees/{problem}" in refused.value.message
    with runtime.db.reading() as tx:
        assert video.list_carried(tx, SLUG) == before


def test_the_poster_of_a_video_is_not_among_the_files(runtime: Runtime, taught: Path) -> None:
    with runtime.db.reading() as tx:
        assert [file.name for file in files.list_files(tx, SLUG)] == ["Trees.mkv"]


def test_a_video_without_its_file_says_so_to_teachers_and_opens_for_learners(
    runtime: Runtime, folder: Path, browse: Callable[..., Browser]
) -> None:
    write_folder(folder, {"course.toml": HEAD + FILMS, "videos/trees/video.toml": TREES})
    for name in ("source", "lessons/sowing.md"):
        shutil.rmtree(folder / name) if (folder / name).is_dir() else (folder / name).write_text("Sow.")
    import_course(runtime, folder)
    ada, ben = browse(Role.TEACHER), browse()
    with runtime.db.reading() as tx:
        page = f"/video/{SLUG}/{find(tx, 'trees').id}/"

    assert "imported without the file" in ada.get(f"/video/{SLUG}/").text
    shown = ada.get(page).text
    assert "The file is called t.mp4." in shown and "Try again" not in shown
    ada.post(f"{page}again")
    assert "The file is called t.mp4." in ada.get(page).text
    assert ada.post(f"{page}delete").status_code == 409  # an item shows it
    assert ben.get(f"/courses/{SLUG}/film").status_code == 200
