"""The upload box as other pages embed it."""

import re
from collections.abc import Iterator

import pytest
from flask import Flask, render_template_string

from tests.browser.preview import make_preview
from tests.factories.pages import BOX

PAGE = """{% import "files/upload.html" as upload with context %}{{ upload.scripts() }}
<form>{{ upload.field(box, "Video", "file_id", files, chosen=2, accept="video/*", required=true) }}</form>"""
FILES = [{"id": 1, "name": "oak.mp4"}, {"id": 2, "name": "<b>elm</b>.mp4"}]


@pytest.fixture
def preview() -> Iterator[Flask]:
    app = make_preview()
    with app.test_request_context():
        yield app


def test_a_field_offers_the_files_that_are_there_and_an_upload(preview: Flask) -> None:
    html = render_template_string(PAGE, box=BOX, files=FILES, asset=lambda name: f"/static/{name}")

    assert '<select id="file_id" name="file_id" required>' in html
    assert '<option value="2" selected>&lt;b&gt;elm&lt;/b&gt;.mp4</option>' in html
    assert 'data-field="file_id"' in html
    assert re.search(r'<input id="file_id-new" type="file" accept="video/\*">', html), "not sent with the form"
    assert "<form" not in html.split("<form>", 1)[1], "no form in a form"
    assert html.count("<script src=") == 2


def test_without_javascript_a_field_leads_to_the_page_of_files(preview: Flask) -> None:
    html = render_template_string(PAGE, box=BOX | {"page_url": "/files/trees"}, files=[], asset=lambda name: name)

    assert 'data-without-script><a href="/files/trees">' in html
    assert "<div hidden data-needs-script>" in html
