"""People with a browser of their own: real Chromium, told by its own settings what to do with third-party cookies."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, BrowserContext, FrameLocator, Page, Playwright, expect, sync_playwright

from tests.browser.demo import Demo

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
ALONE = ["--autoplay-policy=no-user-gesture-required", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
"""Videos play when they are told to; no name is resolved, so nothing outside is reached."""
PATIENCE_MS = 30_000
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WIDTHS = (1355, 960, 320)
"""Windows in which the campus gives the tool a frame of 1280, 885 and 320 pixels."""
SCREENSHOTS = os.environ.get("COURSEBRIDGE_SCREENSHOTS")
"""A folder to keep a picture of every step in, light and dark; nothing is kept without:
`COURSEBRIDGE_SCREENSHOTS=shots make test ARGS=tests/browser`."""


class Cookies(IntEnum):
    """What the browser does with the cookies of a site in another site's frame."""

    ALL = 0
    ONLY_PARTITIONED = 1
    NONE = 2


@contextmanager
def open_browser(
    playwright: Playwright, folder: Path, tool: str, lms: str, cookies: Cookies, size: tuple[int, int]
) -> Iterator[BrowserContext]:
    """A Chromium of one person. The settings are those that a person sets under "Third-party cookies" and, for NONE, as
    a rule for one site inside another: partitioned cookies are blocked with the rest."""
    rules = {f"{tool},{lms}": {"setting": 2}} if cookies is Cookies.NONE else {}
    profile = {"cookie_controls_mode": min(cookies, 1), "content_settings": {"exceptions": {"cookies": rules}}}
    (folder / "Default").mkdir(parents=True)
    (folder / "Default" / "Preferences").write_text(json.dumps({"profile": profile}))
    context = playwright.chromium.launch_persistent_context(
        folder,
        executable_path=shutil.which("chromium"),
        args=QUIET,
        viewport={"width": size[0], "height": size[1]},
        locale="en-GB",
        timezone_id="Europe/Berlin",
        reduced_motion="reduce",
    )
    context.set_default_timeout(PATIENCE_MS)
    try:
        yield context
    finally:
        context.close()


@contextmanager
def lone_browser() -> Iterator[Browser]:
    """A Chromium for pages of one tool, without an LMS around them."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=[*QUIET, *ALONE])
        yield browser
        browser.close()


@dataclass
class Visitor:
    """Somebody at the campus, with one window on it."""

    demo: Demo
    username: str
    page: Page
    name: str
    """Name of the pictures."""
    number: int = 0

    @property
    def tool(self) -> FrameLocator:
        """The tool's frame on the campus page."""
        return self.page.frame_locator("iframe[name=tool]")

    def sign_in(self, path: str = "/course") -> None:
        """At the campus, without a password."""
        self.page.goto(f"{self.demo.lms}/login/{self.username}?next={path}")

    def open_activity(self, title: str) -> None:
        """The newest activity of that title, from the course page."""

        def follow_link() -> None:
            self.page.goto(f"{self.demo.lms}/course")
            self.page.get_by_role("link", name=title, exact=True).last.click()

        self.open_in_frame(follow_link)

    def open_in_frame(self, go: Callable[[], None]) -> None:
        """Go where the campus shows a page of the tool. The one that only opens it is not yet there.

        Playwright now and then loses a frame that changes its process while it loads: the page is there to be seen,
        and the frame is said to be still at the address before. Then it is opened once more.
        """
        self.page.bring_to_front()
        go()
        heading = self.tool.locator("main h1:not(:text-is('Opening your activity'))")
        try:
            expect(heading).to_be_visible()
        except AssertionError:
            print(f"The frame of {self.username} is lost and opened again.\n{self.list_frames()}")
            go()
            expect(heading).to_be_visible()

    def come_back(self) -> None:
        """To the campus from another window; the tool's page looks for news by itself."""
        self.page.bring_to_front()
        self.tool.locator("main h1").hover()

    def meta(self, name: str) -> str | None:
        """What the frame's page says of who is signed in."""
        return self.tool.locator(f"meta[name=coursebridge-{name}]").get_attribute("content")

    def list_frames(self) -> str:
        """Address of every frame that they have open, for a failed test. Nothing is asked of a frame that may hang."""
        return "\n".join(
            f"== {self.username}: {frame.url}" for page in self.page.context.pages for frame in page.frames
        )

    def keep_for_readme(self) -> None:
        """Keep what the README shows, if pictures are wanted: copy `graded-quiz.png` to docs/images."""
        if not SCREENSHOTS or self.demo.profile != "moodle":
            return
        size = self.page.viewport_size
        self.page.bring_to_front()
        self.page.set_viewport_size({"width": 1280, "height": 860})
        self.page.mouse.move(1270, 850)
        self.page.wait_for_timeout(1000)
        self.page.screenshot(path=Path(SCREENSHOTS, "graded-quiz.png"))
        if size:
            self.page.set_viewport_size(size)

    def keep(self, step: str, page: Page | None = None) -> None:
        """Keep a picture of a step, light and dark, if pictures are wanted."""
        if not SCREENSHOTS:
            return
        self.number += 1
        keep_picture(page or self.page, f"{self.demo.profile}-{self.name}-{self.number:02}", step)

    def keep_widths(self, step: str) -> None:
        """Keep pictures of a step as wide as a desk, a frame and a phone."""
        size = self.page.viewport_size
        if not SCREENSHOTS or size is None:
            return
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": size["height"]})
            self.number += 1
            keep_picture(self.page, f"{self.demo.profile}-{self.name}-{self.number:02}", f"{step} {width}")
        self.page.set_viewport_size(size)


def keep_picture(page: Page, name: str, step: str) -> None:
    """Keep a picture of the whole page, light and dark, if pictures are wanted: `<name>-<step>-<scheme>.png`."""
    if not SCREENSHOTS:
        return
    page.bring_to_front()
    size = page.viewport_size or {"width": 0, "height": 0}
    height = page.evaluate("Math.max(innerHeight, document.documentElement.scrollHeight)")
    page.set_viewport_size({"width": size["width"], "height": height})
    slug = re.sub(r"[^a-z0-9]+", "-", step.lower())
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        page.wait_for_timeout(400)  # frames of other sites are painted by processes of their own
        page.screenshot(path=Path(SCREENSHOTS, f"{name}-{slug}-{scheme}.png"))
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(size)
