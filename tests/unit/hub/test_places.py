"""Names of servers, and where a visit may end."""

from pathlib import Path

import pytest

from jupyter_ext.hub.places import (
    MAX_SERVER_NAME,
    course_mounts,
    formgrader_path,
    grade_server_name,
    hub_path,
    is_assignment_name,
    is_course_key,
    is_user_name,
    open_path,
)


def test_short_key_is_the_servers_name() -> None:
    assert grade_server_name("notebooks-101-7") == "grade-notebooks-101-7"


def test_long_keys_get_names_that_fit_and_differ() -> None:
    names = {grade_server_name(f"an-introduction-to-data-science-{number}") for number in (*range(1, 100), 10**9)}
    assert len(names) == 100
    for name in names:
        assert len(name) <= MAX_SERVER_NAME
        assert is_course_key(name)  # the same letters, and no double hyphen


@pytest.mark.parametrize(
    "text", ["", "A", "a", "1", "a-0", "a-01", "a-b", "a/b-1", "../a-1", "a--1", "-a-1", "a-", "a" * 99 + "-1"]
)
def test_what_is_no_key(text: str) -> None:
    assert not is_course_key(text)


def test_marking_server_sees_the_course_and_one_placement(tmp_path: Path) -> None:
    mounts = course_mounts(tmp_path, "notebooks-101-7")
    own = tmp_path / "notebooks-101" / "placements" / "7"
    assert [(mount.outside, mount.is_writable) for mount in mounts] == [
        (tmp_path / "notebooks-101" / "source", False),
        (tmp_path / "notebooks-101" / "release", False),
        *((own / name, False) for name in ("submitted", "autograded", "feedback")),
        (own / "gradebook", True),
    ]
    assert {mount.inside for mount in mounts} == {f"/courses/notebooks-101-7/{mount.outside.name}" for mount in mounts}


@pytest.mark.parametrize("text", ["", "../a", "a/b", ".hidden", "a\n", "a" * 101])
def test_what_is_no_assignment(text: str) -> None:
    assert not is_assignment_name(text)


def test_only_opaque_names_are_people() -> None:
    assert is_user_name("u-" + "abc234" * 4 + "xy")
    for name in ("root", "u-ada@example.org", "u-" + "a" * 25, "u-" + "A" * 26, "../u-" + "a" * 26):
        assert not is_user_name(name)


def test_open_path_is_encoded() -> None:
    assert open_path("c", "a b&x=1") == "coursebridge/open?course=c&assignment=a+b%26x%3D1"


@pytest.mark.parametrize(
    ("path", "ends"),
    [
        ("", "formgrader/gradebook"),
        ("gradebook/quiz-1/", "formgrader/gradebook/quiz-1"),
        ("submissions/ab12/?index=1", "formgrader/submissions/ab12/%3Findex%3D1"),
        ("../../hub/admin", "formgrader/gradebook"),
        ("//evil.example", "formgrader/evil.example"),
        ("a\\b", "formgrader/gradebook"),
    ],
)
def test_formgrader_path_stays_in_formgrader(path: str, ends: str) -> None:
    assert formgrader_path(path) == ends


@pytest.mark.parametrize(
    "path", ["/open?course=a&assignment=b", "/formgrader?course=a", "/write?course=a&assignment=b"]
)
def test_our_places_are_redirected_to(path: str) -> None:
    assert hub_path(path) == path[1:]


@pytest.mark.parametrize(
    "path",
    [
        "",
        "//evil",
        "https://evil",
        "/hub/admin",
        "/open",
        "/opens?x",
        "/open?a\nb",
        "/open?a b",
        "open?a",
        "/../open?",
        "/writes?a",
    ],
)
def test_no_other_place_is(path: str) -> None:
    assert hub_path(path) == ""
