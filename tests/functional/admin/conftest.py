"""The console over HTTP: an administrator in a browser of their own."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from lti_tool.admin.sessions import make_operator_link
from lti_tool.contract import Plugin, load_plugins
from lti_tool.kernel.runtime import Runtime
from tests.conftest import BASE_URL
from tests.fakes.contents import stub_contents_plugin
from tests.fakes.fixtures import campus, launcher, quiz, registration_id, served, tool

__all__ = ["campus", "launcher", "quiz", "registration_id", "served", "tool"]

FORM = re.compile(r'<form[^>]*method="post"[^>]*action="([^"]*)"[^>]*>(.*?)</form>', re.DOTALL)


@pytest.fixture
def plugins() -> list[Plugin]:
    """LTI, the console, and a stub with one course to place."""
    return [*load_plugins(["lti_tool.lti", "lti_tool.admin"]), stub_contents_plugin()]


class Console:
    """A browser in the console."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.client.get(f"/admin{path}", base_url=BASE_URL, **more)

    def post(self, path: str, **fields: Any) -> TestResponse:
        """Send a form as our page would, with its proof."""
        return self.client.post(f"/admin{path}", base_url=BASE_URL, data={"proof": self.proof(), **fields})

    def proof(self) -> str:
        page = self.get("/registration").text
        found = re.search(r'name="proof" value="([0-9a-f]+)"', page)
        return found[1] if found else ""

    def forms(self, path: str) -> list[tuple[str, str]]:
        """(address, what is inside) of the forms of a page that change something."""
        return [(unescape(action), inside) for action, inside in FORM.findall(self.get(path).text)]


def link_of(runtime: Runtime) -> str:
    """A fresh link of the command line."""
    with runtime.db.transaction() as tx:
        return f"/admin/sign-in/{make_operator_link(tx)}"


@pytest.fixture
def sign_in(app: Flask, runtime: Runtime) -> Callable[[], Console]:
    """`sign_in()` → a browser in the console."""

    def make() -> Console:
        client = app.test_client()
        assert client.post(link_of(runtime), base_url=BASE_URL).status_code == 303
        return Console(client)

    return make


@pytest.fixture
def console(sign_in: Callable[[], Console]) -> Console:
    """One of them."""
    return sign_in()
