"""Titles and labels."""

from plugins.video.texts import tidy


def test_a_title_is_one_line_of_what_can_be_seen() -> None:
    assert tidy(" Oak\0 \n trees\u202e ") == "Oak trees"
