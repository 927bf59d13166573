"""Open in a new window: one code, one use, a session of the new window's own."""

import re

import pytest
from flask import Flask

from lti_tool.demo.model import Activity
from lti_tool.demo.testing import CampusServer
from lti_tool.kernel import clock
from tests.fakes.launching import FRAME, Launcher

OWN = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "document"}


@pytest.fixture
def empty(campus: CampusServer, registration_id: int) -> Activity:
    """An activity whose page is one of ours, with the button."""
    return campus.add_activity("Empty")


def window_url(launcher: Launcher, empty: Activity) -> str:
    page = launcher.client.get(launcher.open("ada", empty), headers=FRAME).text
    found = re.search(r'action="([^"]*/lti/window\?[^"]*)"', page)
    assert found, page
    return found[1].replace("&amp;", "&")


def test_new_window_without_the_frames_cookie_gets_a_session_of_its_own(
    launcher: Launcher, empty: Activity, app: Flask
) -> None:
    url = window_url(launcher, empty)
    window = app.test_client()
    code = window.post(url, headers=OWN)
    assert code.status_code == 303 and code.headers["Location"].startswith("/w/")
    opened = window.get(code.headers["Location"])
    assert opened.status_code == 303
    assert "Partitioned" in opened.headers["Set-Cookie"]
    page = window.get(opened.headers["Location"])
    assert page.status_code == 200 and "Ada Lopez" in page.text
    assert app.test_client().get(opened.headers["Location"]).status_code == 401, "bound to the window's cookie"


def test_code_works_once(launcher: Launcher, empty: Activity, app: Flask) -> None:
    code = launcher.client.post(window_url(launcher, empty), headers=OWN).headers["Location"]
    assert app.test_client().get(code).status_code == 303
    assert app.test_client().get(code).status_code == 410


def test_code_lasts_a_minute(launcher: Launcher, empty: Activity, app: Flask) -> None:
    with clock.frozen(clock.now()):
        code = launcher.client.post(window_url(launcher, empty), headers=OWN).headers["Location"]
        clock.advance(61)
        assert app.test_client().get(code).status_code == 410


def test_address_of_the_session_alone_opens_no_window(launcher: Launcher, empty: Activity, app: Flask) -> None:
    path = launcher.open("ada", empty).replace("/lti/empty", "/lti/window")
    for query in ("", "?window=guess"):
        assert app.test_client().post(path + query, headers=OWN).status_code == 401


def test_pass_of_another_session_opens_no_window(launcher: Launcher, empty: Activity) -> None:
    mine, other = window_url(launcher, empty), launcher.open("ben", empty)
    stolen = other.replace("/lti/empty", "/lti/window") + "?" + mine.partition("?")[2]
    assert launcher.client.post(stolen, headers=OWN).status_code == 401


def test_guessed_code(app: Flask) -> None:
    assert app.test_client().get("/w/guess").status_code == 400


def test_frame_without_cookies_opens_a_window_too(launcher: Launcher, empty: Activity, app: Flask) -> None:
    page = launcher.client.get(launcher.open_stored("ada", empty)).text
    found = re.search(r'action="([^"]*/lti/window\?[^"]*)"', page)
    assert found
    code = app.test_client().post(found[1].replace("&amp;", "&"), headers=OWN)
    assert app.test_client().get(code.headers["Location"]).status_code == 303
