"""A platform's colour becomes our accent with contrast, and nothing else becomes a colour."""

import json
import random

import pytest

from lti_tool.web.brand import DARK, LIGHT, brand_sheet, contrast, make_accent, read_brand
from tests.unit.web.test_tokens import DARK as DARK_TOKENS
from tests.unit.web.test_tokens import LIGHT as LIGHT_TOKENS

CANVAS = json.dumps({"ic-brand-font-color-dark": "#2D3B45", "ic-brand-primary": "#0374B5", "ic-link-color": "#111111"})


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("#0374B5", "0374b5"),
        (" #fc0 ", "ffcc00"),
        (CANVAS, "0374b5"),
        ('{"ic-link-color": "#123456"}', "123456"),
        ("$com.instructure.brandConfigJSON", ""),
        ("red;} body{display:none", ""),
        ("#12345g", ""),
        ('{"ic-brand-primary": 7}', ""),
        ("{not json", ""),
        ("{" * 5000, ""),
        ("", ""),
        (None, ""),
    ],
)
def test_only_a_colour_is_read(sent: str | None, read: str) -> None:
    assert read_brand(sent) == read


def test_black_white_and_2000_colours_have_contrast_in_both_modes() -> None:
    chance = random.Random(7)
    brands = ["000000", "ffffff", "ffff00", "808080", *(f"{chance.randrange(1 << 24):06x}" for _ in range(2000))]
    too_weak = [
        (brand, colour, ground)
        for brand in brands
        for grounds, dark in ((LIGHT, False), (DARK, True))
        for accent in [make_accent(brand, dark=dark)]
        for colour in (accent.accent, accent.strong)
        for ground in (*grounds, accent.wash, accent.on_accent)
        if contrast(colour, ground) < 4.5
    ]
    assert too_weak == []


def test_text_stays_readable_on_the_wash_of_any_brand() -> None:
    for brand in ("000000", "ffffff", "ffff00", "0000ff", "ff0000", "00ff00"):
        light, dark = make_accent(brand, dark=False), make_accent(brand, dark=True)
        assert contrast(light.wash, LIGHT_TOKENS["ink"]) >= 4.5 and contrast(light.wash, LIGHT_TOKENS["ink-2"]) >= 4.5
        assert contrast(dark.wash, DARK_TOKENS["ink"]) >= 4.5 and contrast(dark.wash, DARK_TOKENS["ink-2"]) >= 4.5


def test_grounds_are_those_of_the_stylesheet() -> None:
    assert (LIGHT_TOKENS["paper"], LIGHT_TOKENS["well"]) == LIGHT
    assert (DARK_TOKENS["paper"], DARK_TOKENS["well"]) == DARK


def test_colour_that_has_contrast_already_is_hardly_changed() -> None:
    assert make_accent("0374b5", dark=False).accent in ("#0374b5", "#0474b5")  # rounding


def test_sheet_sets_light_and_dark() -> None:
    sheet = brand_sheet("0374b5")
    assert sheet.count("--accent:") == 2 and "prefers-color-scheme:dark" in sheet
