"""Graders write to the gradebook's folder: what they may leave there must not lead the tool astray."""

from pathlib import Path

import pytest

from grading.engine import gradebook


@pytest.mark.parametrize("name", ["gradebook.db", "gradebook.db-wal", "gradebook.db-journal"])
def test_link_in_place_of_a_file_of_the_gradebook_is_not_followed(tmp_path: Path, name: str) -> None:
    secret = tmp_path / "secret.key"
    secret.write_bytes(b"")
    folder = tmp_path / "gradebook"
    folder.mkdir()
    (folder / name).symlink_to(secret)
    with pytest.raises(PermissionError):
        gradebook.ensure_database(f"sqlite:///{folder}/gradebook.db", "course")
    assert secret.read_bytes() == b""


def test_link_in_place_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "gradebook").symlink_to(tmp_path / "own")
    with pytest.raises(PermissionError):
        gradebook.ensure_database(f"sqlite:///{tmp_path}/gradebook/gradebook.db", "course")
    assert list((tmp_path / "own").iterdir()) == []
