"""What is accepted, as what, and what is not. Every file here is made by the test."""

import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from config.settings_files import OFFICE, FilesSettings
from plugins.files import archives
from plugins.files.check import Checked, check_file
from plugins.files.refusals import REFUSALS, Refused

HTML = b"<!DOCTYPE html><html><body><script>alert(1)</script></body></html>"
ODT = "application/vnd.oasis.opendocument.text"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">%s</svg>'


def zipped(**entries: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return made.getvalue()


def office(kind: str) -> bytes:
    types = f'<Types><Override ContentType="application/vnd.openxmlformats-officedocument.{kind}.main+xml"/></Types>'
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("[Content_Types].xml", types)
    return made.getvalue()


def image(kind: str, size: tuple[int, int] = (64, 48), mode: str = "RGB", **options: object) -> bytes:
    made = io.BytesIO()
    Image.new(mode, size, "teal" if mode in ("RGB", "RGBA") else 0).save(made, kind, **options)
    return made.getvalue()


def check(folder: Path, content: bytes, name: str, **changes: object) -> Checked:
    path = folder / "given"
    path.write_bytes(content)
    return check_file(path, name, FilesSettings(**changes))


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.png", image("PNG"), "image/png"),
        ("a.jpg", image("JPEG"), "image/jpeg"),
        ("a.gif", image("GIF"), "image/gif"),
        ("a.webp", image("WEBP"), "image/webp"),
        ("a.avif", image("AVIF"), "image/avif"),
        ("photo.txt", image("JPEG"), "image/jpeg"),
        ("a.mp4", b"\0\0\0\x18ftypmp42" + bytes(64), "video/mp4"),
        ("a.m4a", b"\0\0\0\x18ftypM4A " + bytes(64), "audio/mp4"),
        ("a.mov", b"\0\0\0\x14ftypqt  " + bytes(64), "video/quicktime"),
        ("a.webm", b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm" + bytes(64), "video/webm"),
        ("a.mkv", b"\x1a\x45\xdf\xa3\x9f\x42\x82\x88matroska" + bytes(64), "video/x-matroska"),
        ("a.mp3", b"ID3\x04" + bytes(64), "audio/mpeg"),
        ("a.mp3", b"\xff\xfb\x90\x64" + bytes(64), "audio/mpeg"),
        ("a.wav", b"RIFF\x24\0\0\0WAVEfmt " + bytes(64), "audio/wav"),
        ("a.ogg", b"OggS" + bytes(64), "audio/ogg"),
        ("a.flac", b"fLaC" + bytes(64), "audio/flac"),
        ("a.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "application/pdf"),
        ("a.zip", zipped(a=b"1"), "application/zip"),
        ("a.docx", office("wordprocessingml.document"), f"{OFFICE}wordprocessingml.document"),
        (
            "a.odt",
            zipped(mimetype=b"application/vnd.oasis.opendocument.text"),
            "application/vnd.oasis.opendocument.text",
        ),
        ("a.ipynb", b'{"cells": [], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}', "application/x-ipynb+json"),
        ("a.json", b'{"a": 1}', "application/json"),
        ("a.json", b"[" * 100_000, "text/plain"),
        ("a.csv", "name;höhe\nEiche;30\n".encode("latin-1"), "text/csv"),
        ("a.csv", "name,height\n".encode("utf-16"), "text/csv"),
        ("a.vtt", b"WEBVTT\n\n00:00.000 --> 00:01.000\nOak", "text/vtt"),
        ("a.md", b"<p align=center>Trees</p>\n\n# Oak", "text/markdown"),
        ("a.svg", SVG % b'<path d="M0 0h1v1z"/>', "image/svg+xml"),
        ("a.svg", b'<?xml version="1.0"?>\n<!-- x -->\n' + SVG % b'<use href="#a"/>', "image/svg+xml"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)}-bytes",  # the same in every process
)
def test_the_content_decides_the_type(tmp_path: Path, name: str, content: bytes, kind: str) -> None:
    assert check(tmp_path, content, name).content.content_type == kind


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.txt", b"", "empty"),
        ("a.png", HTML, "type"),
        ("a.html", HTML, "type"),
        ("a.html", b"\xef\xbb\xbf  \n" + HTML, "type"),
        ("a.html", "<script>alert(1)</script>".encode("utf-16"), "type"),
        ("a.js", b"<!-- x\nalert(1)", "type"),
        ("a.xml", b'<?xml version="1.0"?><a/>', "type"),
        ("a.xhtml", b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"/>', "type"),
        ("a.png", b"MZ\x90\0" + bytes(60), "type"),
        ("a.png", b"\x7fELF\x02\x01\x01" + bytes(60), "type"),
        ("a.swf", b"CWS\x0a" + bytes(60), "type"),
        ("a.jar", zipped(**{"META-INF__MANIFEST_dot_MF": b"Manifest-Version: 1.0"}), "type"),
        ("a.docm", zipped(**{"[Content_Types]_dot_xml": b"application/vnd.ms-word.document.macroEnabled"}), "type"),
        ("a.bin", bytes(range(256)), "type"),
        ("a.heic", b"\0\0\0\x18ftypheic" + bytes(64), "type"),
        ("a.png", image("PNG")[:80], "image_broken"),
        ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(100), "image_broken"),
        ("a.jpg", b"\xff\xd8\xff\xe0" + HTML, "image_broken"),
        ("a.gif", b"GIF89a" + HTML, "image_broken"),
        ("a.zip", b"PK\x03\x04" + bytes(100), "archive_broken"),
        ("a.zip", zipped(a=b"1")[:-10], "archive_broken"),
        ("a.svg", SVG % b"<script>alert(1)</script>", "svg_active"),
        ("a.svg", SVG % b"<g onload='alert(1)'/>", "svg_active"),
        ("a.svg", SVG % b"<a xlink:href='javascript:alert(1)'/>", "svg_active"),
        ("a.svg", SVG % b"<a href=' &#x6A;avascript:alert(1)'/>", "svg_active"),
        ("a.svg", SVG % b"<foreignObject><p>x</p></foreignObject>", "svg_active"),
        ("a.svg", SVG % b"<image href='https://tracker.example/x.png'/>", "svg_active"),
        ("a.svg", SVG % b"<use href='data:image/svg+xml;base64,AAAA'/>", "svg_active"),
        ("a.svg", SVG % b"<style>@import 'https://x.example/a.css'</style>", "svg_active"),
        ("a.svg", SVG % b"<rect fill='url( https://x.example/a )'/>", "svg_active"),
        ("a.svg", SVG % b"<rect fill='url( \"https://x.example/a\" )'/>", "svg_active"),
        ("a.svg", SVG % b"<animate attributeName='xlink:href' to='javascript:alert(1)'/>", "svg_active"),
        ("a.svg", b'<!DOCTYPE svg [<!ENTITY a "aaaa">]>' + SVG % b"<text>&a;</text>", "svg_active"),
        ("a.svg", SVG % b"<g>", "image_broken"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)}-bytes",  # the same in every process
)
def test_what_is_hostile_or_broken_is_refused(tmp_path: Path, name: str, content: bytes, code: str) -> None:
    with pytest.raises(Refused) as refused:
        check(tmp_path, content, name)

    assert refused.value.code == code
    assert code in REFUSALS


def test_what_is_appended_to_an_image_does_not_survive(tmp_path: Path) -> None:
    """GIFAR and its like: an image for one program, an archive or a page for another."""
    for kind in ("PNG", "JPEG", "GIF", "WEBP", "AVIF"):
        kept = check(tmp_path, image(kind) + HTML + zipped(a=b"payload"), "a.png").path.read_bytes()

        assert b"script" not in kept
        assert b"PK\x03\x04" not in kept


def test_exif_gps_comments_and_profiles_go_and_the_image_stays_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    exif[0x010E] = "taken by Ada at home"
    exif.get_ifd(0x8825)[2] = (52.0, 30.0, 0.0)
    given = image("JPEG", (60, 40), exif=exif, comment=b"secret comment")
    checked = check(tmp_path, given, "a.jpg")
    kept = checked.path.read_bytes()

    assert b"Ada" in given
    assert b"secret" in given
    assert b"Ada" not in kept
    assert b"secret" not in kept
    assert b"Exif" not in kept
    assert (checked.content.width, checked.content.height) == (40, 60)


@pytest.mark.parametrize("frames", [1, 2])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "AVIF"])
def test_no_kind_of_image_keeps_who_made_it_and_where(tmp_path: Path, kind: str, frames: int) -> None:
    exif = Image.Exif()
    exif[0x013B] = "Ada Lovelace"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 30.0, 0.0)})
    said: dict[str, Any] = {"exif": exif, "xmp": b"<x:xmpmeta>Ada Lovelace</x:xmpmeta>"}
    if kind == "GIF":
        said = {"comment": b"Ada Lovelace"}
    moving: dict[str, Any] = {}
    if frames > 1 and kind != "JPEG":
        moving = {"save_all": True, "append_images": [Image.new("RGB", (64, 48), "navy")]}
    given = image(kind, **said, **moving)
    kept = check(tmp_path, given, "a").path
    with Image.open(kept) as opened:
        left = {*opened.info} & {"exif", "xmp", "XML:com.adobe.xmp", "comment", "photoshop"}, dict(opened.getexif())

    assert b"Ada Lovelace" in given
    assert b"Ada Lovelace" not in kept.read_bytes()
    assert left == (set(), {})


def test_text_in_a_png_goes(tmp_path: Path) -> None:
    chunk = b"tEXtComment\0<script>"
    text = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    given = image("PNG")
    checked = check(tmp_path, given[:33] + text + given[33:], "a.png")

    assert b"script" not in checked.path.read_bytes()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "CMYK", "I;16"])
def test_images_of_every_mode_are_kept(tmp_path: Path, mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"

    assert check(tmp_path, image(kind, mode=mode), "a").content.width == 64


def test_a_large_image_is_made_smaller(tmp_path: Path) -> None:
    checked = check(tmp_path, image("PNG", (400, 100)), "a.png", image_side=200)

    assert (checked.content.width, checked.content.height) == (200, 50)


def test_an_animation_stays_one(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "green", "blue")]
    for kind in ("GIF", "WEBP", "PNG"):
        made = io.BytesIO()
        frames[0].save(made, kind, save_all=True, append_images=frames[1:], duration=80)
        with Image.open(check(tmp_path, made.getvalue(), "a").path) as kept:
            assert kept.n_frames == 3  # type: ignore[attr-defined]


def test_an_image_that_would_fill_the_memory_is_not_opened(tmp_path: Path) -> None:
    """A few hundred bytes that say 60,000 by 60,000 pixels: 14 GB once opened."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 6, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    png = b"\x89PNG\r\n\x1a\n"
    for name, body in parts:
        png += struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    with pytest.raises(Refused, match="image_large"):
        check(tmp_path, png, "a.png")
    with pytest.raises(Refused, match="image_large"):
        check(tmp_path, image("PNG", (300, 300)), "a.png", image_pixels=80_000)


def test_a_zip_bomb_is_refused_by_what_it_says_it_unpacks_to(tmp_path: Path) -> None:
    made = bytearray(zipped(a=bytes(1000), b=bytes(1000)))
    for at in range(len(made) - 4):
        if made[at : at + 4] == b"PK\x01\x02":
            made[at + 24 : at + 28] = struct.pack("<I", 0xF0000000)

    with pytest.raises(Refused, match="archive_bomb"):
        check(tmp_path, bytes(made), "a.zip")


def test_a_real_zip_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "SUSPICIOUS_SIZE", 5_000_000)  # of 1 GB, to be quick
    bomb = zipped(**{f"f{number}": bytes(1_000_000) for number in range(6)})

    with pytest.raises(Refused, match="archive_bomb"):
        check(tmp_path, bomb, "a.zip")


def test_a_directory_too_large_to_read_is_not_read(tmp_path: Path) -> None:
    made = bytearray(zipped(a=b"1"))
    at = made.rfind(b"PK\x05\x06")
    made[at + 12 : at + 16] = struct.pack("<I", 900_000_000)

    with pytest.raises(Refused, match="archive_bomb"):
        check(tmp_path, bytes(made), "a.zip")


def test_the_operator_decides_what_is_accepted(tmp_path: Path) -> None:
    assert check(tmp_path, HTML, "a.html", allow=["text/html"]).content.content_type == "text/html"
    with pytest.raises(Refused, match="type"):
        check(tmp_path, image("PNG"), "a.png", allow=["text/html"])
