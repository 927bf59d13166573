"""`files/` and files.toml of a course folder: what they say, and what is wrong with them."""

import hashlib
from pathlib import Path

import pytest

from plugins.courses.file_folder import read_files
from tests.factories.course_folders import write_folder

OAK = hashlib.sha256(b"oak").hexdigest()


def entry(slug: str = "oak.txt", name: str = "Oak.txt", sha256: str = OAK, size: int | str = 3) -> str:
    return f'[[file]]\nslug = "{slug}"\nname = "{name}"\nsha256 = "{sha256}"\nbytes = {size}\n'


def read(path: Path, files: dict[str, str]) -> tuple[dict[str, tuple[str, int, bool]], list[str]]:
    for name, body in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(body)
    said, problems = read_files(path)
    return {slug: (one.facts.name, one.facts.size, one.content is not None) for slug, one in said.items()}, problems


def test_a_folder_without_files_has_none(tmp_path: Path) -> None:
    assert read_files(write_folder(tmp_path / "trees")) == ({}, [])


def test_a_file_is_listed_or_there_or_both(tmp_path: Path) -> None:
    listed = entry() + entry("beech.txt", "Große Buche.txt")
    said, problems = read(tmp_path, {"files.toml": listed, "files/oak.txt": "oak", "files/ash": "ash!", "files/.x": ""})
    assert problems == []
    assert said == {
        "oak.txt": ("Oak.txt", 3, True),
        "beech.txt": ("Große Buche.txt", 3, False),
        "ash": ("ash", 4, True),
    }


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"files.toml": "file ="}, "files.toml: is not valid TOML"),
        ({"files.toml": entry("Oak.txt")}, "files.toml: file 1, slug: "),
        ({"files.toml": entry("../oak")}, "files.toml: file 1, slug: "),
        ({"files.toml": entry(name="")}, "files.toml: file 1, name: is empty; fill it in"),
        ({"files.toml": entry(sha256="0")}, "files.toml: file 1, sha256: leave it as an export wrote it"),
        ({"files.toml": entry(size=0)}, "files.toml: file 1, bytes: must be at least 1"),
        ({"files.toml": entry() + entry()}, "files.toml: two files have the slug oak.txt"),
        ({"files.toml": entry() + 'colour = "red"'}, "files.toml: file 1, colour: is not known here"),
        ({"files.toml": entry(), "files/oak.txt": "elm"}, "files/oak.txt: is another file than files.toml says"),
        (
            {"files/Große Eiche.TXT": "oak"},
            "files/Große Eiche.TXT: cannot be named in lessons; rename it, for example to",
        ),
        ({"files/deep/oak.txt": "oak"}, "files/deep/oak.txt: cannot be named in lessons; rename it, for example to"),
        ({"files/oak.txt": ""}, "files/oak.txt: is empty"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, files: dict[str, str], problem: str) -> None:
    _said, problems = read(tmp_path, files)
    assert len(problems) == 1
    assert problems[0].startswith(problem)
