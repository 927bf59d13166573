"""Captions: WebVTT and SubRip are read, checked and written again as plain WebVTT.

What comes out has cues in order, with times and text and the few tags that carry meaning (`<b> <i> <u>`, and `<v Name>`
for who speaks). Styles, regions, positions and notes are left out: the player sets captions itself.

https://www.w3.org/TR/webvtt1/
"""

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lti_tool.kernel.errors import Unacceptable

MAX_BYTES = 2_000_000
MAX_CUES = 20_000
MAX_TEXT = 1_000
"""Characters of one cue."""
LONGEST_MS = 24 * 3600 * 1000

_STAMP = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
_TIMES = re.compile(rf"^\s*{_STAMP}\s*-->\s*{_STAMP}(?:\s.*)?$")
_TAG = re.compile(r"<(/?)([a-zA-Z]+)(?:\.[^\s>]*)?(?:\s([^>]*))?>|<[^>\n]*>|\{\\[^}]*\}")
_KEPT = ("b", "i", "u")


@dataclass(frozen=True)
class Cue:
    """One caption: when, and what is said."""

    start_ms: int
    end_ms: int
    text: str
    """Lines of WebVTT cue text, already escaped; only the tags that are kept."""

    @property
    def plain(self) -> str:
        """The words alone, on one line; who speaks comes first."""
        named = re.sub(r"<v ([^>]+)>", r"\1: ", self.text)
        return " ".join(html.unescape(re.sub(r"<[^>]*>", "", named)).split())


def read_captions(content: bytes) -> list[Cue]:
    """The cues of a WebVTT or SubRip file, by time. Raises: Unacceptable: says which line is wrong."""
    if len(content) > MAX_BYTES:
        raise _refuse("captions_too_large", "This file is too large for captions. Up to 2 MB are accepted.")
    text = _decode(content).replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        raise _refuse("captions_not_text", "This is not a text file. Choose a file that ends in .vtt or .srt.")
    cues = _read_blocks(text.split("\n"))
    if not cues:
        raise _refuse(
            "captions_empty", "There are no captions in this file. Choose a WebVTT (.vtt) or SubRip (.srt) file."
        )
    return sorted(cues, key=lambda cue: (cue.start_ms, cue.end_ms))


def make_cue(start_ms: int, end_ms: int, text: str) -> Cue | None:
    """A cue of raw text; None if nothing is said or the times are wrong."""
    clean = _clean(text[: MAX_TEXT * 2])
    if not clean or not 0 <= start_ms < end_ms <= LONGEST_MS:
        return None
    return Cue(start_ms, end_ms, clean)


def write_vtt(cues: Iterable[Cue]) -> str:
    """A WebVTT file."""
    blocks = [f"{_stamp(cue.start_ms)} --> {_stamp(cue.end_ms)}\n{cue.text}\n" for cue in cues]
    return "\n".join(["WEBVTT\n", *blocks])


def read_own(text: str) -> list[Cue]:
    """The cues of what `write_vtt` wrote."""
    return _read_blocks(text.split("\n"))


def _decode(content: bytes) -> str:
    """As UTF-8 or UTF-16 with a mark; else as Windows-1252, in which old SubRip files are."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _read_blocks(lines: Sequence[str]) -> list[Cue]:
    cues: list[Cue] = []
    number = 0
    while number < len(lines):
        times = _TIMES.match(lines[number])
        if times is None:
            if "-->" in lines[number] and not lines[number].startswith(("NOTE", "STYLE")):
                raise _refuse_line(number, "A line of times looks like 00:01.000 --> 00:04.000.")
            number = _after_note(lines, number)
            continue
        first = number
        number += 1
        said: list[str] = []
        while number < len(lines) and lines[number].strip():
            if _TIMES.match(lines[number]):  # SubRip without an empty line in between
                said = said[:-1] if said and said[-1].strip().isdigit() else said
                break
            said.append(lines[number])
            number += 1
        cues += _checked(times, "\n".join(said), first)
        if len(cues) > MAX_CUES:
            raise _refuse("captions_too_many", "There are too many captions in this file. Up to 20,000 are accepted.")
    return cues


def _after_note(lines: Sequence[str], number: int) -> int:
    """Where to go on: after this line, or after the whole block of a note, style or region."""
    if re.match(r"(NOTE|STYLE|REGION)(\s|$)", lines[number]):
        while number < len(lines) and lines[number].strip():
            number += 1
    return number + 1


def _checked(times: re.Match[str], text: str, line: int) -> list[Cue]:
    start_ms, end_ms = _ms(times.groups()[:4]), _ms(times.groups()[4:])
    if end_ms > LONGEST_MS:
        raise _refuse_line(line, "A video is at most a day long.")
    if end_ms < start_ms:
        raise _refuse_line(line, "The caption ends before it begins.")
    if len(text) > MAX_TEXT:
        raise _refuse_line(line + 1, "One caption has at most 1,000 characters. An empty line may be missing.")
    cue = make_cue(start_ms, end_ms, text)
    return [cue] if cue else []


def _ms(parts: Sequence[str | None]) -> int:
    hours, minutes, seconds, part = (parts[0] or "0", parts[1] or "0", parts[2] or "0", parts[3] or "0")
    whole = (int(hours) * 60 + int(minutes)) * 60 + int(seconds)
    return whole * 1000 + int(part.ljust(3, "0"))


def _stamp(ms: int) -> str:
    seconds, part = divmod(ms, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{part:03d}"


def _clean(text: str) -> str:
    """Text with tags that are kept, each closed; everything else escaped. No empty line, which would end the cue."""
    parts: list[str] = []
    opened: list[str] = []
    position = 0
    for tag in _TAG.finditer(text):
        parts += [_escape(text[position : tag.start()]), _tag(tag, opened)]
        position = tag.end()
    parts += [_escape(text[position:]), *(f"</{name}>" for name in reversed(opened))]
    lines = (" ".join(line.split()) for line in "".join(parts).split("\n"))
    joined = "\n".join(line for line in lines if line)
    return joined if re.sub(r"<[^>]*>", "", joined).strip() else ""


def _tag(tag: re.Match[str], opened: list[str]) -> str:
    name = (tag[2] or "").lower()
    if name in _KEPT and not tag[1]:
        opened.append(name)
        return f"<{name}>"
    if name in _KEPT and opened and opened[-1] == name:
        return f"</{opened.pop()}>"
    if name == "v" and not tag[1] and tag[3]:
        return f"<v {' '.join(_escape(tag[3]).split())}>"
    return ""


def _escape(text: str) -> str:
    return html.escape(html.unescape(text), quote=False).replace("--&gt;", "→")


def _refuse(code: str, message: str) -> Unacceptable:
    return Unacceptable(code, message)


def _refuse_line(index: int, why: str) -> Unacceptable:
    return Unacceptable("captions_wrong", f"Line {index + 1} is wrong. {why}", {"line": index + 1})
