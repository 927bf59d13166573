"""Every page renders from nothing but its documented context, and keeps the rules that hold for all pages."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from tests.browser.preview import make_preview, render_sample
from tests.factories.pages import PAGES

TEMPLATES = Path(__file__).parents[3] / "lti_tool" / "web" / "templates"
PARTS = ("forms", "structure", "content")
WHOLE_PAGES = sorted(name for name, (template, _role, _context) in PAGES.items() if "/_" not in template)


@pytest.fixture(scope="module")
def preview() -> Iterator[Flask]:
    app = make_preview()
    with app.test_request_context():
        yield app


@pytest.mark.parametrize("name", sorted(PAGES))
def test_page_renders_with_its_documented_context_only(preview: Flask, name: str) -> None:
    html = render_sample(name)

    assert "{{" not in html
    assert "{%" not in html
    assert "%(" not in html


@pytest.mark.parametrize("name", sorted(PAGES))
def test_page_needs_no_exception_from_the_content_security_policy(preview: Flask, name: str) -> None:
    html = render_sample(name)

    assert not re.search(r"\sstyle=|\son[a-z]+=|<style|javascript:|hx-on", html)
    assert not re.search(r"<script(?! src=)", html)


@pytest.mark.parametrize("name", sorted(PAGES))
def test_every_form_control_and_frame_has_a_name_and_ids_are_unique(preview: Flask, name: str) -> None:
    html = render_sample(name)
    ids = re.findall(r'\sid="([^"]+)"', html)

    assert len(ids) == len(set(ids))
    assert all('title="' in frame and "sandbox" in frame for frame in re.findall(r"<iframe[^>]*>", html))
    assert all(
        described in ids
        for group in re.findall(r'aria-(?:describedby|labelledby)="([^"]+)"', html)
        for described in group.split()
    )


@pytest.mark.parametrize("name", WHOLE_PAGES)
def test_page_has_one_main_heading_a_language_and_a_way_past_the_header(preview: Flask, name: str) -> None:
    html = render_sample(name)

    assert html.count("<h1") == 1
    assert '<html lang="en">' in html
    assert '<a class="skip" href="#main">' in html
    assert "<title>Coursebridge</title>" not in html


def test_page_says_who_is_signed_in_and_in_which_role(preview: Flask) -> None:
    assert '<meta name="coursebridge-user" content="Grace Hopper">' in render_sample("submissions")
    assert '<meta name="coursebridge-role" content="teacher">' in render_sample("submissions")
    assert "coursebridge-user" not in render_sample("error")


def test_status_is_polled_only_while_something_still_happens(preview: Flask) -> None:
    assert 'hx-trigger="every 1500ms"' in render_sample("quiz-running")
    assert 'hx-trigger="every 6000ms"' in render_sample("quiz-queued")
    assert '<noscript><meta http-equiv="refresh"' in render_sample("quiz-queued")
    assert "every 1500ms" not in render_sample("quiz")
    assert "http-equiv" not in render_sample("quiz")


def test_marked_notebooks_are_framed_without_scripts_or_our_origin(
    preview: Flask,
) -> None:
    assert re.search(r"<iframe[^>]* sandbox ", render_sample("feedback"))


def test_names_of_people_are_escaped(preview: Flask) -> None:
    template, role, context = PAGES["submission"]
    hostile = context | {"learner": {"name": "<b>Bobby</b>"}}
    samples = {**PAGES, "hostile": (template, role, hostile)}

    html = render_sample("hostile", samples)

    assert "<b>Bobby" not in html
    assert "&lt;b&gt;Bobby" in html


def test_every_whole_template_has_a_sample() -> None:
    parts = (
        "files/upload.html",
        "video/player.html",
        "reviews/card.html",
        *(f"components/{name}.html" for name in PARTS),
    )
    partial = ("base.html", "components.html", "icons.html", *parts)
    files = {
        path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.html") if not path.name.startswith("_")
    }

    assert files - set(partial) - {template for template, _role, _context in PAGES.values()} == set()


def test_every_component_is_on_the_living_page() -> None:
    sources = [TEMPLATES / "components.html", *(TEMPLATES / "components" / f"{name}.html" for name in PARTS)]
    macros = {name for path in sources for name in re.findall(r"macro ([a-z]\w*)\(", path.read_text())}
    living = "".join(path.read_text() for path in [TEMPLATES / "design.html", *(TEMPLATES / "design").glob("*.html")])

    assert {name for name in macros if f"ui.{name}(" not in living} == set()
    assert len(macros) > 50


def test_components_of_every_file_are_reached_by_their_plain_name(preview: Flask) -> None:
    module = preview.jinja_env.get_template("components.html").module
    macros = {
        name
        for part in PARTS
        for name in re.findall(r"macro ([a-z]\w*)\(", (TEMPLATES / "components" / f"{part}.html").read_text())
    }

    assert {name for name in macros if not hasattr(module, name)} == set()


def test_htmx_is_loaded_where_a_page_uses_it_only(preview: Flask) -> None:
    assert "/static/htmx.min." in render_sample("quiz")
    assert "htmx" not in render_sample("lesson")
