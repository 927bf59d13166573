"""The browsers of the journeys really block what they say: without this, a walk through a frame proves little."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Playwright

from tests.browser.visitor import Cookies, open_browser

pytestmark = pytest.mark.one_database

ATTRIBUTES = "Path=/; Secure; SameSite=None"


class _Sites(BaseHTTPRequestHandler):
    """`/` frames `/set` of the other site, which sets two cookies; `/read` shows what came back."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        page = f"<p>{self.headers.get('Cookie', 'none')}</p>"
        if self.path == "/":
            page = f"<iframe src='http://localhost:{self.connection.getsockname()[1]}/set'></iframe>"
        elif self.path == "/set":
            self.send_header("Set-Cookie", f"plain=1; {ATTRIBUTES}")
            self.send_header("Set-Cookie", f"partitioned=1; {ATTRIBUTES}; Partitioned")
            page = "<script>location.replace('/read')</script>"
        self.end_headers()
        self.wfile.write(page.encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Sites)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("cookies", "came_back"),
    [
        (Cookies.ALL, {"plain=1", "partitioned=1"}),
        (Cookies.ONLY_PARTITIONED, {"partitioned=1"}),
        (Cookies.NONE, {"none"}),
    ],
)
def test_only_the_allowed_cookies_come_back_in_a_frame_of_another_site(
    playwright: Playwright, tmp_path: Path, port: int, cookies: Cookies, came_back: set[str]
) -> None:
    tool, lms = f"http://localhost:{port}", f"http://127.0.0.1:{port}"
    with open_browser(playwright, tmp_path / "browser", tool, lms, cookies, (320, 640)) as context:
        page = context.pages[0]
        page.goto(lms)
        shown = page.frame_locator("iframe").locator("p").inner_text()
        page.goto(f"{tool}/set")
        page.wait_for_url("**/read")
        on_top = page.locator("p").inner_text()

    assert set(shown.split("; ")) == came_back
    assert "plain=1" in on_top, "a window of the tool's own keeps its cookies in every case"
