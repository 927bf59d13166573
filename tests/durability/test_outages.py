"""The database or the broker goes away while submissions are marked and scores delivered, and comes back.

As when one is restarted or fails over: the workers stay, wait, and go on by themselves. Nobody restarts them.
"""

import time
from collections.abc import Iterator

import pytest

from config.settings import Settings
from lti_tool.app.migrate import migrate
from lti_tool.app.process import make_router
from lti_tool.contract import Plugin
from lti_tool.kernel.runtime import Runtime, make_runtime
from tests.databases import KIND
from tests.durability.scene import Scene
from tests.fakes.launching import Launcher
from tests.servers import Postgresql, RedisServer

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(KIND == "sqlite", reason="PostgreSQL and Redis are servers, SQLite is a file"),
]
AWAY_S = 8


@pytest.fixture
def server() -> Iterator[Postgresql]:
    made = Postgresql(is_durable=True)
    made.start()
    yield made
    made.stop()
    made.remove()


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    made = RedisServer()
    made.start()
    yield made
    made.stop()
    made.remove()


@pytest.fixture
def database_url(server: Postgresql) -> str:
    return server.url.format(database="postgres")


@pytest.fixture
def broker_url(redis: RedisServer) -> str:
    return redis.url


@pytest.fixture
def runtime(settings: Settings, plugins: list[Plugin]) -> Iterator[Runtime]:
    """Not over a database that other tests get later."""
    made = make_runtime(settings)
    made.db.router = make_router(plugins)
    migrate(made.db)
    yield made
    made.http.close()
    made.db.close()


def test_database_that_goes_away_and_comes_back_loses_nothing(scene: Scene, server: Postgresql) -> None:
    for _ in range(3):
        scene.submit(code="import time\ntime.sleep(2)")
    browser = scene.app.test_client()
    page = Launcher(browser, scene.campus).open("l0", scene.activity)
    scene.machine.start()
    scene.wait_until_at_work(1)

    server.stop()
    for path in (page, f"{page}/status", "/lti/jwks", "/readyz"):
        away = browser.get(path)
        assert (away.status_code, away.headers["Retry-After"]) == (503, "30")
        assert "Nothing you saved is lost. Try again in a minute." in away.text
    assert browser.get("/healthz").status_code == 200
    time.sleep(AWAY_S)
    server.start()
    assert browser.get(page).status_code == 200
    scene.submit()
    scene.settle()

    assert scene.machine.kill() == []
    assert scene.problems() == []


def test_broker_that_goes_away_and_comes_back_empty_costs_no_job(scene: Scene, redis: RedisServer) -> None:
    scene.submit(code="import time\ntime.sleep(2)")
    scene.machine.start()
    scene.wait_until_at_work(1)

    redis.stop()
    scene.submit()
    time.sleep(AWAY_S)
    redis.start()
    scene.submit()
    scene.settle()

    assert scene.machine.kill() == []
    assert scene.problems() == []
    assert scene.posts_and_announcements() == (3, 3)
