"""Is this content acceptable, and what is it? One way for every file, however it came."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from config.settings_files import FilesSettings
from plugins.files.images import TYPES, clean_image, is_bare
from plugins.files.refusals import Refused
from plugins.files.service import Content
from plugins.files.sniff import find_type
from plugins.files.storage import BLOCK
from plugins.files.svg import check_svg


@dataclass(frozen=True)
class Checked:
    """Content that was accepted."""

    path: Path
    """What is to be kept: the file that was looked at, or the image made anew beside it."""
    content: Content


def check_file(path: Path, name: str, settings: FilesSettings, *, keeps_bare: bool = False) -> Checked:
    """Look at a file that is nobody else's. `keeps_bare`: an image that is nothing but its pixels stays as it is.

    Raises: Refused.
    """
    if path.stat().st_size == 0:
        raise Refused("empty")
    kind = find_type(path, name)
    if kind not in settings.allow:
        raise Refused("type")
    if kind == "image/svg+xml":
        check_svg(path)
    if kind not in TYPES:
        return Checked(path, Content(kind, path.stat().st_size, hash_file(path)))
    limits = {"side": settings.image_side, "max_pixels": settings.image_pixels}
    if keeps_bare and is_bare(path, **limits):
        with Image.open(path) as image:
            return Checked(path, Content(kind, path.stat().st_size, hash_file(path), image.width, image.height))
    made = path.with_name(f"{path.name}.clean")
    size = clean_image(path, made, **limits)
    return Checked(made, Content(kind, made.stat().st_size, hash_file(made), size.width, size.height))


def hash_file(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK * 4):
            digest.update(block)
    return digest.hexdigest()
