"""The platform's brand colour as our accent: the hue is theirs, the contrast is ours.

A platform's colour is made for its own pages and may be too light or too dark here. Its hue and, within limits, its
chroma are kept; its lightness moves until every pair that the stylesheet uses has WCAG AA contrast, in light and dark.
Colour mathematics: https://bottosson.github.io/posts/oklab/ and https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
"""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from flask import Flask, Response, abort, request

from lti_tool.web.assets import YEAR

PALETTE = 1
"""Rises when the colours made of a brand change: it is in the address, which is kept for a year."""
CONTRAST = 4.5
LIGHT, DARK = ("#ffffff", "#f5f6f7"), ("#16181c", "#1f2227")
"""paper and well of app.css."""
CANVAS_KEYS = ("ic-brand-primary", "ic-brand-button--primary-bgd", "ic-link-color")
"""Variables of Canvas's brand configuration, the most telling first."""

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Accent:
    """The four colours that a brand replaces, as #rrggbb."""

    accent: str
    strong: str
    on_accent: str
    wash: str


def read_brand(value: str | None) -> str:
    """The colour that a launch sends: `#rgb`, `#rrggbb`, or Canvas's brand configuration as JSON. Empty: none.

    What cannot be read is no brand, never an error: a colour is no reason to refuse a launch. Canvas fills
    `$com.instructure.brandConfigJSON`; a platform that does not know the variable sends its name.
    """
    text = (value or "").strip()
    if text.startswith("{"):
        try:
            told = json.loads(text)
        except (ValueError, RecursionError):
            return ""
        text = next((str(told[key]).strip() for key in CANVAS_KEYS if isinstance(told.get(key), str)), "")
    if short := re.fullmatch(r"#([0-9a-fA-F]{3})", text):
        return "".join(digit * 2 for digit in short[1]).lower()
    return text[1:].lower() if re.fullmatch(r"#[0-9a-fA-F]{6}", text) else ""


def brand_url(brand: str) -> str | None:
    """Where the sheet of a brand is (six hexadecimal digits, as `read_brand` gives them); None without one."""
    root = request.environ.get("coursebridge.root", request.script_root)
    return f"{root}/brand/{PALETTE}/{brand}.css" if brand else None


def install_brand(app: Flask) -> None:
    """Serve the sheets. They say nothing about anybody: a colour in, four colours out."""
    app.add_url_rule("/brand/<int:palette>/<brand>.css", "brand", serve_brand)


def serve_brand(palette: int, brand: str) -> Response:
    """The sheet of one colour."""
    if palette != PALETTE or not re.fullmatch(r"[0-9a-f]{6}", brand):
        abort(404)
    response = Response(brand_sheet(brand), content_type="text/css; charset=utf-8")
    response.headers["Cache-Control"] = YEAR
    return response


@cache
def brand_sheet(brand: str) -> str:
    """CSS that sets the accent in light and dark."""
    light, dark = (_rules(make_accent(brand, dark=dark)) for dark in (False, True))
    return f":root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"


def make_accent(brand: str, *, dark: bool) -> Accent:
    """The accent of a brand colour with contrast on our grounds."""
    lightness, chroma, hue = _to_lch(brand)
    chroma = min(chroma, 0.2)
    wash = _hex(0.29 if dark else 0.96, min(chroma, 0.05 if dark else 0.02), hue)
    on_accent = _hex(0.2, min(chroma, 0.04), hue) if dark else "#ffffff"
    grounds = (*(DARK if dark else LIGHT), wash, on_accent)
    steps = [step / 100 for step in (range(60, 97) if dark else range(62, 15, -1))]
    near = sorted([lightness, *steps], key=lambda step: abs(step - lightness))
    accent_at = next(step for step in near if _contrasts(_hex(step, chroma, hue), grounds))
    strong_at = min(accent_at + 0.08, 0.96) if dark else max(accent_at - 0.08, 0.15)
    return Accent(_hex(accent_at, chroma, hue), _hex(strong_at, chroma, hue), on_accent, wash)


def contrast(one: str, other: str) -> float:
    """From 1 (none) to 21 (black on white)."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _contrasts(colour: str, grounds: Sequence[str]) -> bool:
    return all(contrast(colour, ground) >= CONTRAST for ground in grounds)


def _rules(accent: Accent) -> str:
    return (
        f"--accent:{accent.accent};--accent-strong:{accent.strong};"
        f"--on-accent:{accent.on_accent};--accent-wash:{accent.wash}"
    )


def _luminance(colour: str) -> float:
    red, green, blue = _linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(colour: str) -> Vector:
    digits = colour.removeprefix("#")
    red, green, blue = (int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4))
    return _decoded(red), _decoded(green), _decoded(blue)


def _decoded(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)


def _to_lch(colour: str) -> Vector:
    """Lightness 0 to 1, chroma 0 to about 0.37, hue in radians."""
    red, green, blue = _linear(colour)
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    medium = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    lightness = 0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short
    a = 1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short
    b = 0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short
    return lightness, math.hypot(a, b), math.atan2(b, a)


def _hex(lightness: float, chroma: float, hue: float) -> str:
    """The nearest sRGB colour of this lightness and hue: chroma gives way first."""
    while True:
        parts = _to_linear(lightness, chroma, hue)
        if chroma < 0.002 or all(-0.0005 <= part <= 1.0005 for part in parts):
            return "#" + "".join(f"{round(255 * _encoded(min(1, max(0, part)))):02x}" for part in parts)
        chroma -= 0.002


def _encoded(part: float) -> float:
    return part * 12.92 if part <= 0.0031308 else float(1.055 * part ** (1 / 2.4) - 0.055)


def _to_linear(lightness: float, chroma: float, hue: float) -> Vector:
    a, b = chroma * math.cos(hue), chroma * math.sin(hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
