"""Captions are read from what people have, and written as plain WebVTT."""

import pytest

from lti_tool.kernel.errors import Unacceptable
from plugins.video.vtt import Cue, read_captions, read_own, write_vtt

SRT = "1\r\n00:00:01,500 --> 00:00:03,000\r\nHello\r\n\r\n2\r\n00:00:04,000 --> 00:00:05,000\r\nWorld\r\n"


def texts(content: bytes | str) -> list[str]:
    return [cue.text for cue in read_captions(content.encode() if isinstance(content, str) else content)]


def one(text: str) -> str:
    (only,) = texts(f"WEBVTT\n\n00:01.000 --> 00:02.000\n{text}\n")
    return only


def test_subrip_becomes_webvtt() -> None:
    assert write_vtt(read_captions(SRT.encode())) == (
        "WEBVTT\n\n00:00:01.500 --> 00:00:03.000\nHello\n\n00:00:04.000 --> 00:00:05.000\nWorld\n"
    )


def test_what_is_written_is_read_as_the_same() -> None:
    cues = read_captions(b"WEBVTT\n\n01:00:01.000 --> 01:00:02.000 align:start\n<v Ada>a &lt; <b>b</b>\nc\n")
    assert read_own(write_vtt(cues)) == cues == [Cue(3601000, 3602000, "<v Ada>a &lt; <b>b</b>\nc")]
    assert cues[0].plain == "Ada: a < b c"


def test_notes_styles_regions_and_names_of_cues_are_left_out() -> None:
    text = (
        "\ufeffWEBVTT - a title\nKind: captions\n\nNOTE 00:01 --> 00:02\nnothing\n\nSTYLE\n::cue { color: red }\n\n"
        "REGION\nid:fred\n\nintro\n00:01.000 --> 00:02.000 region:fred\nHello\n"
    )
    assert texts(text) == ["Hello"]


def test_cues_come_out_in_order_of_time() -> None:
    assert texts("00:05.000 --> 00:06.000\nlate\n\n00:01.000 --> 00:02.000\nearly\n") == ["early", "late"]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("<script>alert(1)</script>", "alert(1)"),
        ("<b onclick=x>bold", "<b>bold</b>"),
        ("<i><b>x</i></b>", "<i><b>x</b></i>"),
        ("<c.yellow>sun</c> <00:01.500>rise", "sun rise"),
        ("<v.loud Fred & Co>Hi", "<v Fred &amp; Co>Hi"),
        ('<font color="red">red</font>', "red"),
        ("{\\an8}top", "top"),
        ("AT&T &amp; 1 < 2", "AT&amp;T &amp; 1 &lt; 2"),
        ("a --> b", "a → b"),
    ],
)
def test_only_tags_with_meaning_are_kept(written: str, kept: str) -> None:
    if "-->" in written:
        assert texts(f"00:01.000 --> 00:02.000\n{written.replace('-->', '--&gt;')}\n") == [kept]
        return
    assert one(written) == kept


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_old_encodings_are_read(encoding: str) -> None:
    assert texts(SRT.replace("Hello", "Grüße").encode(encoding)) == ["Grüße", "World"]


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (b"", "captions_empty", None),
        (b"WEBVTT\n\nhello\n", "captions_empty", None),
        (b"\x89PNG\0\0", "captions_not_text", None),
        (b"WEBVTT\n\n00:01 --> 00:02\nx\n", "captions_wrong", 3),
        (b"WEBVTT\n\n00:05.000 --> 00:02.000\nx\n", "captions_wrong", 3),
        (b"99:00:00.000 --> 99:00:01.000\nx\n", "captions_wrong", 1),
        (b"00:01.000 --> 00:02.000\n" + b"x" * 1001, "captions_wrong", 2),
        (b"x" * 2_000_001, "captions_too_large", None),
        (b"00:01.000 --> 00:02.000\nx\n\n" * 20_001, "captions_too_many", None),
    ],
)
def test_a_file_that_is_wrong_is_refused_and_says_where(content: bytes, code: str, line: int | None) -> None:
    with pytest.raises(Unacceptable) as refused:
        read_captions(content)
    assert (refused.value.code, refused.value.details.get("line")) == (code, line)


def test_subrip_without_empty_lines_is_read() -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000\none\n2\n00:00:03,000 --> 00:00:04,000\ntwo\n"
    assert texts(text) == ["one", "two"]
