"""How static files, the brand's sheet and the living page are served."""

import gzip
import re

import brotli
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from lti_tool.demo.testing import CampusServer
from lti_tool.kernel.runtime import Runtime
from lti_tool.web.assets import FOLDER, list_assets
from lti_tool.web.design import install_design
from lti_tool.web.session import SessionRow
from tests.fakes.launching import Launcher

SHEET = "/static/" + list_assets()["app.css"].hashed_name


class TestStaticFiles:
    def test_hashed_name_is_kept_for_a_year(self, client: FlaskClient) -> None:
        assert client.get(SHEET).headers["Cache-Control"] == "public, max-age=31536000, immutable"

    @pytest.mark.parametrize("path", ["/static/app.css", "/static/app.0123456789.css"])
    def test_name_without_todays_content_gets_it_and_is_asked_for_again(self, client: FlaskClient, path: str) -> None:
        answer = client.get(path)
        assert answer.status_code == 200 and answer.headers["Cache-Control"] == "no-cache"
        assert client.get(path, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304

    @pytest.mark.parametrize(
        ("accepted", "coding"), [("gzip, deflate, br", "br"), ("gzip", "gzip"), ("identity", None)]
    )
    def test_text_is_compressed_as_the_browser_takes_it(
        self, client: FlaskClient, accepted: str, coding: str | None
    ) -> None:
        answer = client.get(SHEET, headers={"Accept-Encoding": accepted})
        unpacked = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}[coding](answer.data)
        assert answer.headers.get("Content-Encoding") == coding
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert unpacked.startswith(b"/* Coursebridge")

    def test_fonts_are_sent_as_they_are(self, client: FlaskClient) -> None:
        font = list_assets()["fonts/source-sans-3-latin-wght-normal.woff2"]
        answer = client.get(f"/static/{font.hashed_name}", headers={"Accept-Encoding": "br, gzip"})
        assert "Content-Encoding" not in answer.headers
        assert answer.content_type == "font/woff2" and answer.data == (FOLDER / font.name).read_bytes()

    def test_sheet_names_the_fonts_by_their_content(self, client: FlaskClient) -> None:
        named = re.findall(r"url\(([^)]+)\)", client.get(SHEET).text)
        assert named
        assert all("immutable" in client.get(f"/static/{name}").headers["Cache-Control"] for name in named)

    @pytest.mark.parametrize("path", ["/static/none.css", "/static/../brand.py", "/static/%2e%2e/brand.py", "/static/"])
    def test_nothing_else_is_served(self, client: FlaskClient, path: str) -> None:
        assert client.get(path).status_code == 404


class TestBrand:
    @pytest.mark.parametrize("campus", ["canvas"], indirect=True)
    def test_brand_of_the_launch_colours_the_session(
        self, launcher: Launcher, campus: CampusServer, runtime: Runtime
    ) -> None:
        custom = {"coursebridge_brand": "$com.instructure.brandConfigJSON"}
        path = launcher.open("ada", campus.add_activity("Empty", custom=custom))
        with runtime.db.reading() as tx:
            assert [row.facts["brand"] for row in tx.scalars(select(SessionRow))] == ["0374b5"]
        sheet = re.search(r'href="(/brand/[^"]+)"', launcher.client.get(path).text)
        assert sheet and "--accent:" in launcher.client.get(sheet[1]).text

    def test_platform_that_does_not_know_the_variable_keeps_our_accent(
        self, launcher: Launcher, campus: CampusServer
    ) -> None:
        custom = {"coursebridge_brand": "$com.instructure.brandConfigJSON"}
        assert (
            "/brand/" not in launcher.client.get(launcher.open("ada", campus.add_activity("Empty", custom=custom))).text
        )

    @pytest.mark.parametrize("path", ["/brand/1/red.css", "/brand/1/0374B5.css", "/brand/99/0374b5.css"])
    def test_nothing_but_a_colour_is_a_sheet(self, client: FlaskClient, path: str) -> None:
        assert client.get(path).status_code == 404


class TestLivingPage:
    def test_is_not_there_unless_wanted(self, client: FlaskClient) -> None:
        assert client.get("/design").status_code == 404

    def test_shows_where_the_setting_is_on(self, app: Flask) -> None:
        install_design(app)
        client = app.test_client()
        assert "How Coursebridge looks" in client.get("/design").text
        assert "How Coursebridge looks" in client.post("/design", data={"sample-title": "Mine"}).text
        assert client.post("/design", headers={"HX-Request": "true"}).text.startswith("<h2>")
