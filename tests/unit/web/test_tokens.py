"""The stylesheet's colours have WCAG AA contrast in light and dark, and the first load stays small."""

import gzip
import re
from pathlib import Path

import pytest

from lti_tool.web.brand import contrast

STATIC = Path(__file__).parents[3] / "lti_tool" / "web" / "static"
CSS = (STATIC / "app.css").read_text()
LIGHT, DARK = (
    dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", block))
    for block in re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)[:2]
)

TEXT_PAIRS = [
    *[
        (ink, ground)
        for ink in ("ink", "ink-2", "accent", "accent-strong")
        for ground in ("paper", "well", "accent-wash")
    ],
    *[(state, ground) for state in ("good", "warn", "bad") for ground in ("paper", "well", f"{state}-wash")],
    *[("ink", f"{state}-wash") for state in ("good", "warn", "bad")],
    *[(word, "well") for word in ("code-word", "code-text", "code-number")],
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
]
EDGE_PAIRS = [("edge", "paper"), ("accent", "paper")]


@pytest.mark.parametrize("mode", [LIGHT, DARK], ids=["light", "dark"])
def test_text_has_a_contrast_of_at_least_4_5(mode: dict[str, str]) -> None:
    assert {
        pair: round(contrast(mode[pair[0]], mode[pair[1]]), 2)
        for pair in TEXT_PAIRS
        if contrast(mode[pair[0]], mode[pair[1]]) < 4.5
    } == {}


@pytest.mark.parametrize("mode", [LIGHT, DARK], ids=["light", "dark"])
def test_edges_of_controls_have_a_contrast_of_at_least_3(mode: dict[str, str]) -> None:
    assert [pair for pair in EDGE_PAIRS if contrast(mode[pair[0]], mode[pair[1]]) < 3] == []


def test_dark_mode_sets_every_colour_that_light_mode_sets() -> None:
    assert set(LIGHT) == set(DARK)
    assert len(LIGHT) > 15


def test_first_load_leaves_room_for_what_a_page_adds() -> None:
    scripts = sum(len(gzip.compress((STATIC / name).read_bytes())) for name in ("htmx.min.js", "app.js", "parts.js"))
    sheet = len(gzip.compress(CSS.encode()))
    font = (STATIC / "fonts" / "source-sans-3-latin-wght-normal.woff2").stat().st_size

    assert sheet < 14_000
    assert scripts < 25_000
    assert scripts + sheet + font < 65_000


def test_everything_vendored_carries_its_licence() -> None:
    assert "Permission to use, copy, modify" in (STATIC / "htmx.LICENSE.txt").read_text()
    assert "SIL OPEN FONT LICENSE" in (STATIC / "fonts" / "source-sans-3.LICENSE.txt").read_text().upper()


@pytest.mark.parametrize("name", ["app.css"])
def test_sheet_turns_round_for_right_to_left_languages(name: str) -> None:
    physical = (
        r"(?:padding|margin|border)-(?:left|right)\b|(?<![\w-])(?:left|right|float)\s*:|text-align:\s*(?:left|right)"
    )

    assert re.findall(physical, (STATIC / name).read_text()) == []


def test_colours_come_from_tokens() -> None:
    rules = CSS[CSS.index("/* ---- Elements ---- */") : CSS.index("@media print")]

    assert set(re.findall(r"#[0-9a-fA-F]{3,8}\b(?!-)", rules)) <= {"#fff", "#000"}  # pictures and video
