"""Files of an assignment folder: what counts, and what is never touched."""

import resource
from pathlib import Path

import pytest

from jupyter_ext.singleuser.fileset import (
    FileSetError,
    add_missing_files,
    read_folder,
    snapshot_sha256,
    write_new_folder,
)
from jupyter_ext.singleuser.folders import BadName, Place, find_place


def test_hidden_files_caches_checkpoints_feedback_and_links_are_not_part_of_the_work(tmp_path: Path) -> None:
    kept = {"q.ipynb": b"1", "data/t.csv": b"2", "data/feedback/notes.txt": b"3"}
    left_out = [".hidden", ".ipynb_checkpoints/q.ipynb", "__pycache__/m.pyc", "feedback/x/q.html", "m.pyc"]
    for path, content in (kept | dict.fromkeys(left_out, b"no")).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    (tmp_path / "link").symlink_to("/etc/hostname")

    assert read_folder(tmp_path) == kept


def test_an_empty_folder_is_not_work(tmp_path: Path) -> None:
    with pytest.raises(FileSetError, match="no files"):
        read_folder(tmp_path)


def test_the_snapshot_hash_is_that_of_the_contract() -> None:
    # sha256 over "a.txt NUL <sha256 of 1> LF" and "b/c.txt NUL <sha256 of 2> LF", worked out apart from the code
    expected = "9098a2004bf0ee80df6a6055819e6ccbf11328359fda36d9028483e6cd60f4f9"

    assert snapshot_sha256({"b/c.txt": b"2", "a.txt": b"1"}) == expected


def test_a_folder_that_exists_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "course" / "quiz"
    folder.mkdir(parents=True)

    assert write_new_folder(folder, {"q.ipynb": b"1"}) is False
    assert list(folder.iterdir()) == []


def test_a_failed_write_leaves_no_folder_behind(tmp_path: Path) -> None:
    with pytest.raises(FileSetError, match="cannot be saved"):
        write_new_folder(tmp_path / "course" / "quiz", {"a": b"1", "a/b": b"2"})

    assert list((tmp_path / "course").iterdir()) == []


def test_missing_files_are_not_written_through_a_link_out_of_the_folder(tmp_path: Path) -> None:
    folder, outside = tmp_path / "quiz", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (folder / "data").symlink_to(outside)

    with pytest.raises(FileSetError, match="through a link"):
        add_missing_files(folder, {"data/t.csv": b"1"})
    assert list(outside.iterdir()) == []


def test_a_full_disk_leaves_no_part_of_a_file_that_would_pass_for_the_whole(tmp_path: Path) -> None:
    files = {"q.ipynb": b"x" * 100_000}
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, most[1]))
    try:
        with pytest.raises(FileSetError, match="cannot be saved"):
            add_missing_files(tmp_path, files)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
    assert list(tmp_path.iterdir()) == []

    assert add_missing_files(tmp_path, files) == ["q.ipynb"]
    assert read_folder(tmp_path) == files


@pytest.mark.parametrize("path", ["q.ipynb", "course/q.ipynb", "../quiz/q.ipynb", ".local/share/x", "", "a/b"])
def test_other_paths_belong_to_no_quiz(path: str) -> None:
    assert find_place(path) is None


def test_names_of_nbgrader_are_places_and_others_are_not() -> None:
    assert find_place("algebra/Problem Set 1/sub/q.ipynb") == Place("algebra", "Problem Set 1")
    for name in ("", ".", "..", ".x", "a/b", "a\\b", "a+b", " a", "a\n"):
        with pytest.raises(BadName):
            Place("algebra", name)
