"""Images are made anew from their pixels: upright, not too large, nothing else in them (EXIF, GPS, comments)."""

import io
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageCms, ImageOps, ImageSequence

from plugins.files.refusals import Refused

FORMATS = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp", "AVIF": "image/avif"}
TYPES = frozenset(FORMATS.values())
_SAVING: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 90, "optimize": True, "progressive": True},
    "PNG": {"optimize": False, "compress_level": 7},
    "WEBP": {"quality": 88, "method": 4},
    "AVIF": {"quality": 75},
    "GIF": {"optimize": True},
}
_MODES = {"JPEG": ("RGB", "L"), "PNG": ("RGB", "RGBA", "L", "LA", "1"), "GIF": ("RGBA", "RGB", "L")}

_HARMLESS = {
    *("jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi", "adobe", "adobe_transform", "progressive"),
    *("progression", "icc_profile", "gamma", "srgb", "chromaticity", "transparency", "interlace", "aspect"),
    *("loop", "duration", "timestamp", "default_image", "disposal", "blend", "bbox", "version", "background"),
}
"""What Pillow tells of a file that says how its pixels are shown, not where or by whom they were made."""


@dataclass(frozen=True)
class Size:
    """In pixels."""

    width: int
    height: int


def clean_image(source: Path, target: Path, *, side: int, max_pixels: int) -> Size:
    """Write the image anew, its longer side at most `side`. Raises: Refused: too many pixels, or no image."""
    with suppress(OSError):
        target.unlink()
    try:
        with Image.open(source, formats=tuple(FORMATS)) as image:
            frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
            if image.width * image.height * frames > max_pixels:
                raise Refused("image_large")
            kind = "JPEG" if image.format == "MPO" else str(image.format)
            if frames > 1:
                return _save_moving(image, kind, target, side)
            return _save_still(image, kind, target, side)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError) as error:
        raise Refused("image_large") from error
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, KeyError) as error:
        raise Refused("image_broken") from error  # what Pillow's decoders raise for hostile bytes


def is_bare(source: Path, *, side: int, max_pixels: int) -> bool:
    """Is this image nothing but its pixels (and how to show them), and not too large? What `clean_image` made is.

    Raises: Refused: too many pixels, or it cannot be read to its end.
    """
    try:
        with Image.open(source, formats=tuple(FORMATS)) as image:
            if image.width * image.height * getattr(image, "n_frames", 1) > max_pixels:
                raise Refused("image_large")
            image.load()  # PNG has texts behind the pixels too
            extra = set(image.info) - _HARMLESS
            if image.info.get("extension", (b"",))[0] == b"NETSCAPE2.0":  # GIF: how often it repeats
                extra.discard("extension")
            marks = {name for name, _body in getattr(image, "applist", ())} - {"APP0", "APP2", "APP14"}
            return image.format != "MPO" and not extra and not marks and not image.getexif() and max(image.size) <= side
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError) as error:
        raise Refused("image_large") from error
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, KeyError) as error:
        raise Refused("image_broken") from error


def _save_still(image: Image.Image, kind: str, target: Path, side: int) -> Size:
    if kind == "JPEG":
        image.draft("RGB", (side, side))  # decodes a large one at a fraction of its size
    made = _prepare(image, kind, side)
    made.save(target, kind, **_SAVING[kind])
    return Size(*made.size)


def _save_moving(image: Image.Image, kind: str, target: Path, side: int) -> Size:
    frames, durations = [], []
    for frame in ImageSequence.Iterator(image):
        durations.append(int(frame.info.get("duration", 100)))
        frames.append(_prepare(frame, kind, side))
    more: dict[str, Any] = {"save_all": True, "append_images": frames[1:], "duration": durations}
    more |= {"loop": int(image.info.get("loop", 0))} if kind in ("GIF", "PNG", "WEBP") else {}
    more |= {"disposal": 2} if kind == "GIF" else {}
    frames[0].save(target, kind, **_SAVING[kind], **more)
    return Size(*frames[0].size)


def _prepare(image: Image.Image, kind: str, side: int) -> Image.Image:
    """Pixels only: upright, in sRGB, in a mode that the format has, not larger than allowed."""
    upright = ImageOps.exif_transpose(image)
    made = _to_srgb(upright)
    if made.mode not in _MODES.get(kind, ("RGB", "RGBA")):
        has_alpha = "A" in made.getbands() or "transparency" in upright.info
        made = made.convert("RGBA" if has_alpha and kind != "JPEG" else "RGB")
    if max(made.size) > side:
        made.thumbnail((side, side), Image.Resampling.LANCZOS)
    bare = made.copy()
    bare.info = {}
    return bare


def _to_srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "CMYK"):
        with suppress(ImageCms.PyCMSError, OSError):
            found = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            done = ImageCms.profileToProfile(image, found, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if done is not None:
                return done
    return image
