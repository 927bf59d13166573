"""Names of files: safe to show, to send and to save under."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.files.names import MAX_BYTES, SLUG, clean_name, free_file_slug
from plugins.files.serving import disposition, is_shown, served_type


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("tree.png", "tree.png"),
        ("Eiche grün.png", "Eiche grün.png"),
        ("日本の木.csv", "日本の木.csv"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\Ada\\tree.png", "tree.png"),
        ("a\r\nSet-Cookie: x=1.png", "a_Set-Cookie_ x=1.png"),
        ("photo\u202egnp.exe", "photognp.exe"),
        ("zero\u200bwidth\ufeff.txt", "zerowidth.txt"),
        ("a\x00b.txt", "ab.txt"),
        ('a"b<c>d|e?f*g.txt', "a_b_c_d_e_f_g.txt"),
        ("e\u0301.txt", "é.txt"),
        ("   .hidden.  ", "hidden"),
        ("", "file"),
        ("..", "file"),
        ("/", "file"),
        ("CON.txt", "file CON.txt"),
        ("lone\ud800.txt", "lone.txt"),
    ],
)
def test_a_name_is_made_safe(given: str, kept: str) -> None:
    assert clean_name(given) == kept


def test_a_long_name_keeps_its_ending() -> None:
    name = clean_name("木" * 500 + ".ipynb")

    assert len(name.encode()) <= MAX_BYTES
    assert name.endswith("木.ipynb")
    assert len(clean_name("x." + "y" * 500).encode()) <= MAX_BYTES


def test_a_name_is_said_in_both_forms_and_breaks_no_header() -> None:
    assert disposition("Eiche grün.csv", inline=False) == (
        "attachment; filename=\"Eiche grun.csv\"; filename*=UTF-8''Eiche%20gr%C3%BCn.csv"
    )
    assert disposition("木", inline=True) == "inline; filename=\"file\"; filename*=UTF-8''%E6%9C%A8"
    for hostile in ('a"; filename="b.exe', "a\r\nX: y", "a\\", "100%41.txt"):
        said = disposition(hostile, inline=False)
        assert said.count('"') == 2
        assert "\r" not in said
        assert "\n" not in said
        assert "\\" not in said


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml", "application/pdf", "application/xml", "text/plain", ""])
def test_what_could_run_is_never_shown(kind: str) -> None:
    assert not is_shown(kind)


def test_what_a_browser_would_run_is_bytes_to_it() -> None:
    assert served_type("text/html") == "application/octet-stream"
    assert served_type("application/xhtml+xml") == "application/octet-stream"
    assert served_type("text/csv") == "text/csv; charset=utf-8"


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Slides.PDF", "slides.pdf"),
        ("Größe (2).tar.gz", "groe-2-tar.gz"),
        ("日本の木.csv", "file.csv"),
        ("README", "readme"),
        ("a.no ending", "a-no-ending"),
        ("a.endingthatistoolong", "a-endingthatistoolong"),
        ("x" * 200 + ".ipynb", "x" * 70 + ".ipynb"),
    ],
)
def test_a_slug_keeps_the_ending(name: str, slug: str) -> None:
    assert free_file_slug(name, []) == slug


@given(st.lists(st.text(max_size=60), min_size=1, max_size=12))
def test_every_file_of_a_course_gets_a_slug_of_its_own(names: list[str]) -> None:
    taken: set[str] = set()
    for name in [*names, *names]:
        slug = free_file_slug(clean_name(name), taken)
        assert slug not in taken
        assert re.fullmatch(SLUG, slug)
        taken.add(slug)
