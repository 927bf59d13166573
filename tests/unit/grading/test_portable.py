"""Folders and gradebooks from elsewhere: what is sound is read as it is, anything else is refused with what to do."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from grading.engine.nbgrader_parts import api, dbutil
from grading.engine.portable_folder import (
    MOST_BYTES,
    UnfitFolder,
    copy_into,
    list_attempts,
    list_students,
    look_at,
    parse_moment,
)
from grading.engine.portable_gradebook import put_rows, read_gradebook, rename_in_gradebook, write_gradebook
from grading.engine.portable_places import put_in_place
from grading.engine.portable_rows import TABLES, VERSION, NotAGradebook, Rows, read_rows, rename_students
from grading.engine.site import Site
from grading.portable_people import read_list
from lti_tool.kernel.errors import Invalid

ROWS: Rows = {name: [] for name in TABLES} | {
    "course": [("default_course",)],
    "student": [("ben", "Ben", None, None, "sub-ben"), ("amy", None, None, "amy@uni.example", None)],
    "assignment": [("a1", "ps1", "2026-03-01 12:00:00.000000", "default_course")],
    "notebook": [("n1", "ps1", "a1", None)],
    "submitted_assignment": [("s1", "a1", "ben", "2026-03-01 11:00:00.000001", None)],
    "submitted_notebook": [("m1", "s1", "n1", 0, 0.1)],
    "base_cell": [("c1", "why", "n1", "GradeCell")],
    "grade_cells": [("c1", 3.0, "code")],
    "grade": [("g1", "m1", "c1", 0.1 + 0.2, None, None, 1)],
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gradebook") / "gradebook.db"
    write_gradebook(path, ROWS)
    return path


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    """A gradebook to spoil."""
    return Path(shutil.copy(made, tmp_path / "gradebook.db"))


@pytest.fixture
def folder(path: Path) -> Path:
    """A small course folder."""
    (path.parent / "submitted" / "ben" / "ps1").mkdir(parents=True)
    (path.parent / "submitted" / "ben" / "ps1" / "ps1.ipynb").write_text("{}")
    return path.parent


def spoil(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_the_tables_are_those_of_the_nbgrader_that_is_installed() -> None:
    theirs = {table.name: [column.name for column in table.columns] for table in api.Base.metadata.sorted_tables}

    assert theirs == {name: list(columns) for name, columns in TABLES.items()}
    assert ScriptDirectory(dbutil.ALEMBIC_DIR).get_current_head() == VERSION


def test_rows_are_written_and_read_as_they_are(path: Path) -> None:
    assert read_rows(path) == ROWS
    assert read_gradebook(f"sqlite:///{path}") == ROWS


def test_what_a_writer_that_died_left_beside_is_taken_back(path: Path) -> None:
    child = os.fork()
    if child == 0:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN")
        connection.execute("DELETE FROM student")
        for number in range(2000):
            connection.execute("INSERT INTO course VALUES (?)", (f"{number:0100}",))
        os._exit(0)
    os.waitpid(child, 0)
    assert path.with_name("gradebook.db-journal").stat().st_size > 0

    assert read_rows(path) == ROWS


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("CREATE TRIGGER t AFTER UPDATE ON grade BEGIN UPDATE grade SET manual_score = 9; END", "has the trigger 't'"),
        ("CREATE VIEW v AS SELECT * FROM grade", "has the view 'v'"),
        ("CREATE VIRTUAL TABLE f USING fts5(x)", "has the virtual table 'f'"),
        ("CREATE TABLE more (x)", "has the table 'more', which is not nbgrader's"),
        ("ALTER TABLE grade ADD COLUMN x", "has the column 'x' in grade"),
        ("ALTER TABLE grade ADD COLUMN y AS (1)", "has the column 'y' in grade"),
        ("ALTER TABLE grade DROP COLUMN extra_credit", "lacks the column extra_credit of grade"),
        ("DROP TABLE grade", "lacks nbgrader's table grade"),
        ("DROP TABLE alembic_version", "is of an older nbgrader. Run `nbgrader db upgrade`"),
        (
            "UPDATE alembic_version SET version_num = '282d30a0218e'",
            "older nbgrader. Run `nbgrader db upgrade`",
        ),
        ("UPDATE alembic_version SET version_num = 'ffff'", "has the schema 'ffff'"),
        ("UPDATE student SET id = '../../etc' WHERE id = 'ben'", "the student '../../etc' has a slash in its name"),
        ("UPDATE student SET id = '..' WHERE id = 'ben'", "the student '..' is no name"),
        ("UPDATE assignment SET name = 'a/b'", "the assignment 'a/b' has a slash"),
        ("UPDATE notebook SET name = char(8238) || 'x'", "cannot be seen"),
        ("UPDATE grade SET manual_score = 'many'", "manual_score of a row of grade is no number: 'many'"),
        ("UPDATE grade SET manual_score = 9e999", "is no number: inf"),
        ("UPDATE grade SET auto_score = x'00'", "is no number"),
        ("UPDATE grade SET needs_manual_grade = 2", "is no flag: 2"),
        ("UPDATE submitted_assignment SET timestamp = 'now'", "is no moment: 'now'"),
        ("UPDATE submitted_assignment SET timestamp = '2026-13-01 00:00:00'", "is no moment"),
        ("UPDATE student SET first_name = CAST(x'ff' AS TEXT)", "Could not decode to UTF-8"),
    ],
)
def test_a_gradebook_that_is_not_as_nbgrader_makes_it_is_refused(path: Path, statement: str, said: str) -> None:
    spoil(path, statement)

    with pytest.raises(NotAGradebook, match=r"^gradebook\.db ?") as refused:
        read_rows(path)
    assert said in str(refused.value)


def test_what_is_no_database_is_refused(tmp_path: Path, path: Path) -> None:
    for content, said in (
        (b"", "is not an SQLite database"),
        (b"PK\3\4" + bytes(100), "is not an SQLite database"),
        (path.read_bytes()[:9000], "cannot be read to its end"),
    ):
        (tmp_path / "other.db").write_bytes(content)
        with pytest.raises(NotAGradebook, match=said):
            read_rows(tmp_path / "other.db")
    (tmp_path / "link.db").symlink_to(path)
    with pytest.raises(NotAGradebook, match="not there as a plain file"):
        read_rows(tmp_path / "link.db")


def test_students_are_renamed_and_nothing_else(tmp_path: Path, path: Path) -> None:
    url = f"sqlite:///{path}"
    for _twice in range(2):
        rename_in_gradebook(url, {"ben": "u-1"})

    assert read_rows(path) == rename_students(ROWS, {"ben": "u-1"})
    assert rename_students(read_rows(path), {"u-1": "ben"}) == ROWS


def test_a_gradebook_with_learners_is_never_replaced(tmp_path: Path, path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'own' / 'gradebook.db'}"

    assert put_rows(url, ROWS) is True
    assert put_rows(url, ROWS | {"grade": []}) is False
    with pytest.raises(ValueError, match="has submissions"):
        put_rows(url, ROWS | {"submitted_assignment": [("s2", "a1", "amy", None, None)]})
    assert read_gradebook(url) == ROWS


def test_a_student_whom_somebody_added_meanwhile_stays_known(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'own' / 'gradebook.db'}"
    put_rows(url, ROWS | {"student": [("zoe", "Zoe", None, None, None)], "submitted_assignment": []})
    put_rows(url, ROWS)

    assert read_gradebook(url)["student"] == [*ROWS["student"], ("zoe", "Zoe", None, None, None)]


def link(folder: Path) -> None:
    (folder / "submitted" / "ben" / "ps1" / "passwd").symlink_to("/etc/passwd")


def link_to_folder(folder: Path) -> None:
    (folder / "autograded").symlink_to("/etc")


def fifo(folder: Path) -> None:
    os.mkfifo(folder / "submitted" / "ben" / "pipe")


def sparse(folder: Path) -> None:
    with (folder / "submitted" / "ben" / "ps1" / "big").open("wb") as file:
        file.truncate(MOST_BYTES + 1)


def deep(folder: Path) -> None:
    (folder / "submitted").joinpath(*["d"] * 30).mkdir(parents=True)


def bytes_name(folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder / "submitted" / "ben") + b"/\xff")).write_text("")


def turned(folder: Path) -> None:
    (folder / "submitted" / "ben" / "ps1" / "a\u202egnp").write_text("")


def receipt(folder: Path) -> None:
    (folder / "submitted" / "ben" / "ps1" / ".coursebridge.json").write_text('{"attempt": 99}')


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (link, "submitted/ben/ps1/passwd: is a link; put the file or folder itself there."),
        (link_to_folder, "autograded: is a link"),
        (fifo, "submitted/ben/pipe: is not a regular file; remove it."),
        (sparse, "the largest is 'submitted/ben/ps1/big'."),
        (deep, "lies in more than 20 folders"),
        (bytes_name, "has a name that is not UTF-8"),
        (turned, "cannot be seen"),
        (receipt, "has a name that the tool uses itself"),
    ],
)
def test_a_folder_with_what_does_not_belong_is_refused(folder: Path, change: Callable[[Path], None], said: str) -> None:
    change(folder)

    with pytest.raises(UnfitFolder) as refused:
        look_at(folder)
    assert said in str(refused.value)


def test_what_is_no_course_folder_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "course.zip"
    archive.write_bytes(b"PK")
    for path, said in (
        (archive, "Unpack it"),
        (tmp_path, "has no gradebook.db"),
        (tmp_path / "no", "has no gradebook"),
    ):
        with pytest.raises(UnfitFolder, match=said):
            look_at(path)


def test_a_file_that_becomes_a_link_after_the_look_is_not_followed(folder: Path, tmp_path: Path) -> None:
    found = look_at(folder)
    file = folder / "submitted" / "ben" / "ps1" / "ps1.ipynb"
    file.unlink()
    file.symlink_to("/etc/passwd")

    with pytest.raises(OSError, match="symbolic links"):
        copy_into(found, tmp_path / "copy")


def test_the_rest_of_a_folder_is_named_and_left(folder: Path) -> None:
    (folder / ".git").mkdir()
    (folder / "gradebook.db.bak").write_text("")
    found = look_at(folder)

    assert (found.files, found.left_out) == ([("submitted/ben/ps1/ps1.ipynb", 2)], [".git"])


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2015-02-02 15:58:23.948203 UTC", datetime(2015, 2, 2, 15, 58, 23, 948203, UTC)),
        ("2015-02-02 15:58:23 America/Los_Angeles", datetime(2015, 2, 2, 23, 58, 23, 0, UTC)),
        ("2015-02-02 15:58:23+02:00", datetime(2015, 2, 2, 13, 58, 23, 0, UTC)),
        ("2015-02-02 15:58:23", datetime(2015, 2, 2, 15, 58, 23, 0, UTC)),
        ("2015-02-02 15:58:23 ../../etc/passwd", None),
        ("2015-02-30 15:58:23 UTC", None),
        ("", None),
    ],
)
def test_moments_are_read_as_nbgrader_writes_them(text: str, moment: datetime | None) -> None:
    assert parse_moment(text) == moment


def test_attempts_are_in_order_and_the_marked_one_is_known(folder: Path) -> None:
    early, late = (folder / "inbound" / f"ben+ps1+2026-0{month}-01 08:00:00 UTC+x" for month in (2, 4))
    for each in (early, late):
        each.mkdir(parents=True)
    held_at = datetime(2026, 3, 1, 11, 0, 0, 1, UTC)
    found = list_attempts(folder, "ben", "ps1", [late, early], True, held_at)

    assert [(each.submitted_at.month, each.is_marked) for each in found] == [(2, False), (3, True), (4, False)]
    assert [each.folder for each in found] == [early, folder / "submitted" / "ben" / "ps1", late]
    assert list_students(folder, ROWS) == ["amy", "ben"]


def test_putting_in_place_can_be_repeated_and_takes_back_no_mark(folder: Path, tmp_path: Path) -> None:
    work = tmp_path / "placement"
    site = Site(tmp_path / "course", work, f"sqlite:///{work / 'gradebook' / 'gradebook.db'}")
    shutil.copytree(folder / "submitted", work / ".arriving-x" / "submitted")
    write_gradebook(work / ".arriving-x" / "gradebook.db", ROWS)
    shutil.copytree(work / ".arriving-x", tmp_path / "again")
    put_in_place(site, "x", {"ben": "u-1"})
    spoil(work / "gradebook" / "gradebook.db", "UPDATE grade SET manual_score = 2")
    shutil.copytree(tmp_path / "again", work / ".arriving-x")  # as if it had been killed before it cleared that away
    put_in_place(site, "x", {"ben": "u-1"})

    assert read_gradebook(site.gradebook_url)["grade"][0][4] == 2
    assert [path.name for path in (work / "submitted").iterdir()] == ["u-1"]
    assert not (work / ".arriving-x").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,name\nben,x\n", "has to name the columns"),
        ("student_id,lms_user_id\nben,1\namy,1\n", "line 3: amy or 1 is there twice"),
        ("student_id,lms_user_id\nben,1\nben,2\n", "line 3: ben or 2 is there twice"),
        ("student_id,lms_user_id\nben,\xff\n", "is not UTF-8"),
    ],
)
def test_a_list_that_says_nothing_clear_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "people.csv").write_bytes(text.encode("latin-1"))

    with pytest.raises(Invalid) as refused:
        read_list(tmp_path / "people.csv")
    assert said in str(refused.value)
