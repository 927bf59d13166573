"""Captions of a video: uploaded by a teacher, or taken from the file."""

import hashlib
import re
from collections.abc import Sequence

from babel import Locale, UnknownLocaleError
from sqlalchemy import delete, select, update
from sqlalchemy.orm import undefer

from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx, affect
from lti_tool.kernel.errors import NotFound, Unacceptable
from plugins.video.models import CaptionRow, CaptionSource
from plugins.video.probe import Track
from plugins.video.texts import tidy
from plugins.video.vtt import Cue, read_captions, write_vtt

UNKNOWN = "und"
THREE_LETTERS = {
    "ara": "ar", "chi": "zh", "ces": "cs", "cze": "cs", "dan": "da", "deu": "de", "dut": "nl", "ell": "el", "eng": "en",
    "fin": "fi", "fra": "fr", "fre": "fr", "ger": "de", "gre": "el", "heb": "he", "hin": "hi", "hun": "hu", "ita": "it",
    "jpn": "ja", "kor": "ko", "nld": "nl", "nor": "no", "pol": "pl", "por": "pt", "ron": "ro", "rum": "ro", "rus": "ru",
    "spa": "es", "swe": "sv", "tur": "tr", "ukr": "uk", "vie": "vi", "zho": "zh",
}  # fmt: skip
"""ISO 639-2, as video files have it, to the tags that browsers know."""


def add_captions(tx: Tx, video_id: int, content: bytes, language: str, label: str, *, is_default: bool) -> CaptionRow:
    """Keep an uploaded file; it replaces what is there in this language.

    Raises: Unacceptable: the file is not captions (it says which line), or the language is none.
    """
    tag = read_language(language)
    return put_captions(tx, video_id, tag, label, read_captions(content), CaptionSource.UPLOADED, is_default=is_default)


def tidy_captions(content: bytes) -> str:
    """A file of captions as it is kept. Raises: Unacceptable: it is none, and which line is wrong."""
    return write_vtt(read_captions(content))


def take_embedded(tx: Tx, video_id: int, tracks: Sequence[Track]) -> None:
    """Keep what the file carries in place of what an earlier file carried; what a teacher uploaded stays."""
    mine = (CaptionRow.video_id == video_id, CaptionRow.source == CaptionSource.EMBEDDED)
    on = tx.scalar(select(CaptionRow.language).where(CaptionRow.video_id == video_id, CaptionRow.is_default))
    affect(tx, delete(CaptionRow).where(*mine))
    taken = set(tx.scalars(select(CaptionRow.language).where(CaptionRow.video_id == video_id)))
    for track in tracks:
        language = _tag_of(track.language)
        if language not in taken:
            taken.add(language)
            is_on = track.is_default if on is None else language == on  # what was chosen stays chosen
            put_captions(tx, video_id, language, track.title, track.cues, CaptionSource.EMBEDDED, is_default=is_on)


def set_default(tx: Tx, video_id: int, language: str) -> None:
    """These captions are on for whoever has not chosen. Raises: NotFound."""
    row = get_captions(tx, video_id, language)
    affect(tx, update(CaptionRow).where(CaptionRow.video_id == video_id).values(is_default=False))
    affect(tx, update(CaptionRow).where(CaptionRow.id == row.id).values(is_default=True))


def remove_captions(tx: Tx, video_id: int, language: str) -> None:
    """Take captions away; if they were the default, others are from now on. Raises: NotFound."""
    row = get_captions(tx, video_id, language)
    tx.delete(row)
    tx.flush()
    _keep_a_default(tx, video_id)


def get_captions(tx: Tx, video_id: int, language: str) -> CaptionRow:
    """With their text. Raises: NotFound."""
    query = select(CaptionRow).where(CaptionRow.video_id == video_id, CaptionRow.language == language)
    row = tx.scalar(query.options(undefer(CaptionRow.text)))
    if row is None:
        raise NotFound("captions_not_found", "There are no captions in this language.")
    return row


def read_language(tag: str) -> str:
    """A language tag in its usual spelling: `pt-BR`. Raises: Unacceptable."""
    parts = tag.strip().replace("_", "-").split("-")
    name = parts[0].lower()
    if not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}", "-".join(parts)):
        raise Unacceptable("captions_language", "Name the language by its tag, for example en, de or pt-BR.")
    rest = [part.upper() if len(part) == 2 else part.title() if len(part) == 4 else part.lower() for part in parts[1:]]
    return "-".join([THREE_LETTERS.get(name, name), *rest])


def name_language(tag: str) -> str:
    """What speakers of the language call it, else the tag."""
    try:
        name = Locale.parse(tag, sep="-").get_display_name(tag.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return tag if tag != UNKNOWN else ""
    return name[:1].upper() + name[1:] if name else tag


def put_captions(
    tx: Tx, video_id: int, language: str, label: str, cues: Sequence[Cue], source: CaptionSource, *, is_default: bool
) -> CaptionRow:
    """Keep captions in a language in place of what is there; `language` as `read_language` writes it."""
    text = write_vtt(cues)
    row = tx.scalar(select(CaptionRow).where(CaptionRow.video_id == video_id, CaptionRow.language == language))
    if row is None:
        row = CaptionRow(video_id=video_id, language=language)
        tx.add(row)
    row.label = tidy(label)[:80] or name_language(language) or "Captions"
    row.source, row.cues, row.text, row.updated_at = source, len(cues), text, clock.now()
    row.digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    tx.flush()
    if is_default:
        set_default(tx, video_id, language)
    _keep_a_default(tx, video_id)
    return row


def _keep_a_default(tx: Tx, video_id: int) -> None:
    """Captions that are there are on for whoever has not chosen: the first of them if the teacher chose none."""
    rows = tx.execute(
        select(CaptionRow.id, CaptionRow.is_default).where(CaptionRow.video_id == video_id).order_by(CaptionRow.id)
    ).all()
    if rows and not any(row.is_default for row in rows):
        affect(tx, update(CaptionRow).where(CaptionRow.id == rows[0].id).values(is_default=True))


def _tag_of(language: str) -> str:
    try:
        return read_language(language)
    except Unacceptable:
        return UNKNOWN
