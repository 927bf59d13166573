"""A running demo and people with browsers, for the journeys."""

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, sync_playwright

from jupyter_ext import labextension_build
from tests.browser.demo import Demo, running_demo
from tests.browser.visitor import Cookies, Visitor, open_browser

pytest.register_assert_rewrite("tests.browser.journeys", "tests.browser.walk", "tests.browser.writing")

Visit = Callable[..., Visitor]
REPORT = pytest.StashKey[pytest.TestReport]()
WIDE, PHONE = (960, 780), (320, 640)
"""Windows in which the campus gives the tool a frame of 885 and of 320 pixels."""


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def demo_of_all(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demo in the profile that the test module names."""
    assert labextension_build.main() == 0
    with running_demo(request.module.PROFILE, tmp_path_factory.mktemp("demo")) as running:
        yield running


@pytest.fixture
def demo(request: pytest.FixtureRequest, demo_of_all: Demo, tmp_path: Path) -> Iterator[Demo]:
    """The demo of all. A second try has one of its own: what the first one did there has happened."""
    if getattr(request.node, "execution_count", 1) == 1:
        yield demo_of_all
        return
    (tmp_path / "demo").mkdir()
    with running_demo(request.module.PROFILE, tmp_path / "demo") as running:
        yield running


@pytest.fixture
def visit(request: pytest.FixtureRequest, demo: Demo, playwright: Playwright, tmp_path: Path) -> Iterator[Visit]:
    """Makes visitors: `visit("ada", WIDE)` has a browser of their own and is signed in at the campus."""
    visitors: list[Visitor] = []
    with ExitStack() as stack:

        def make(username: str, size: tuple[int, int] = WIDE, cookies: Cookies = Cookies.ONLY_PARTITIONED) -> Visitor:
            folder = tmp_path / f"{username}-browser"
            context = stack.enter_context(open_browser(playwright, folder, demo.tool, demo.lms, cookies, size))
            visitor = Visitor(demo, username, context.pages[0], f"{username}-{size[0]}")
            visitor.sign_in()
            visitors.append(visitor)
            return visitor

        yield make
        if _failed(request):
            print("\n".join(visitor.list_frames() for visitor in visitors))


@pytest.fixture(autouse=True)
def logs_of_a_failed_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """Print what the demo's processes said when a journey fails."""
    yield
    demo: Demo | None = request.node.funcargs.get("demo")
    if demo is not None and _failed(request):
        print(demo.read_logs())


def _failed(request: pytest.FixtureRequest) -> bool:
    report = request.node.stash.get(REPORT, None)
    return report is not None and report.failed


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[REPORT] = report
    return report
