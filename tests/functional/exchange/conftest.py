"""The tool, served over HTTP to terminals in which people type nbgrader's commands. Only marking is fake, and quick."""

import base64
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import uuid4

import httpx
import pytest
from flask import Flask
from jupyter_core.application import NoStart
from nbgrader.apps.nbgraderapp import NbGraderApp

from config.settings import DEFAULT_PLUGINS, load_settings
from grading.plugin import make_plugin
from jupyter_ext.hub.places import grade_server_name
from lti_tool.contract import Plugin, load_plugins
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from plugins.courses.importer import import_course
from tests.browser.serving import serving
from tests.conftest import make_app, make_settings, running
from tests.databases import empty_database
from tests.factories.course_folders import write_folder
from tests.factories.grading import Place, Someone, make_context, make_person, make_place, work
from tests.fakes.engine import open_fake_course
from tests.fakes.hub import FakeHub, running_hub

SLUG, QUIZ = "trees", "quiz-1"
LIMIT = 200_000
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def hub() -> Iterator[FakeHub]:
    """JupyterHub, as far as it tells whose a token is."""
    with running_hub() as running:
        yield running


@pytest.fixture(scope="module")
def plugins() -> list[Plugin]:
    """What runs by default, with marking that takes no time."""
    return [make_plugin(open_fake_course) if each.name == "grading" else each for each in load_plugins(DEFAULT_PLUGINS)]


@pytest.fixture(scope="module")
def runtime(
    request: pytest.FixtureRequest, plugins: list[Plugin], hub: FakeHub, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runtime]:
    """The tool, with the course "trees" and its two quizzes."""
    data = tmp_path_factory.mktemp("tool")
    with empty_database(request, data) as url:
        settings = make_settings(data, url)
        known = {"hub": {"api_url": hub.api_url}, "grading": {"max_submission_bytes": LIMIT}}
        settings = load_settings(**settings.model_dump(exclude={"hub", "grading"}, exclude_unset=True), **known)
        with running(settings, plugins, tmp_path_factory) as made:
            import_course(made, write_folder(tmp_path_factory.mktemp("trees")))
            yield made


@pytest.fixture(scope="module")
def app(runtime: Runtime, plugins: list[Plugin]) -> Flask:
    """Its web server's application."""
    return make_app(runtime, plugins)


@pytest.fixture(scope="module")
def url(app: Flask) -> Iterator[str]:
    """Where it listens."""
    with serving(app) as address:
        yield address


@pytest.fixture(scope="module")
def platform(runtime: Runtime) -> Place:
    """The one platform."""
    with runtime.db.transaction() as tx:
        return make_place(tx, slug=SLUG)


@pytest.fixture
def place(runtime: Runtime, platform: Place) -> Place:
    """An LMS course of this test alone that uses the course."""
    with runtime.db.transaction() as tx:
        return make_context(tx, platform, SLUG)


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    log: str


@dataclass(frozen=True)
class Terminal:
    """A terminal on a server that the Hub has started for somebody."""

    who: Someone
    home: Path
    environment: dict[str, str]

    @property
    def key(self) -> str:
        """Of the course as their LMS course uses it."""
        return f"{SLUG}-{self.who.place.placement_id}"

    @property
    def name(self) -> str:
        """Of the person, as the Hub has it."""
        return self.who.hub_name

    def nbgrader(self, *words: str) -> Done:
        """Run the command in this process: the same code, without the seconds that its start takes."""
        log, path = StringIO(), list(sys.path)
        app, code = NbGraderApp.instance(), 0
        with mock.patch.dict(os.environ, self.environment), chdir(self.home):
            try:
                app.initialize(list(words))
                app.init_logging(logging.StreamHandler, [log], color=False, subapps=True)
                app.start()
            except NoStart:  # the command ran
                pass
            except SystemExit as end:
                code = int(end.code or 0)
            finally:
                app.reset()
                NbGraderApp.clear_instance()
                sys.path[:] = path
        return Done(code, log.getvalue())

    def started(self, *words: str) -> Done:
        """Run the command as it is installed, in a process of its own."""
        command = [str(Path(sys.executable).with_name("nbgrader")), *words]
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **self.environment}
        done = subprocess.run(
            command, cwd=self.home, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        return Done(done.returncode, done.stderr)

    def ok(self, *words: str) -> str:
        """What the command said; it went well."""
        done = self.nbgrader(*words)
        assert done.code == 0, done.log
        return done.log

    def refused(self, *words: str) -> str:
        """What the command said; it went wrong."""
        done = self.nbgrader(*words)
        assert done.code == 1, done.log
        return done.log

    def get(self, path: str) -> httpx.Response:
        """Ask the tool's API itself."""
        return self._ask("GET", path)

    def post(self, path: str, body: Any) -> httpx.Response:
        """The same with a body."""
        return self._ask("POST", path, json=body)

    def without_token(self) -> "Terminal":
        """The same terminal, with a token that the Hub does not know."""
        return replace(self, environment=self.environment | {"JUPYTERHUB_API_TOKEN": "made-up"})

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.environment['JUPYTERHUB_API_TOKEN']}"}
        base = self.environment["COURSEBRIDGE_URL"]
        with httpx.Client(verify=False, trust_env=False, timeout=60) as http:
            return http.request(method, f"{base}/api/v1{path}", headers=headers, **more)


Sit = Callable[..., Terminal]


@pytest.fixture
def sit(runtime: Runtime, hub: FakeHub, url: str, place: Place, tmp_path: Path) -> Sit:
    """`sit(role)`: a new person at their own server. `marking=True`: at the marking server of their LMS course."""

    def make(role: Role = Role.LEARNER, *, marking: bool = False, at: Place | None = None, who: Any = None) -> Terminal:
        if who is None:
            with runtime.db.transaction() as tx:
                who = make_person(tx, at or place, role.value, role)
        key = f"{SLUG}-{(at or who.place).placement_id}"
        home = tmp_path / f"{who.hub_name}{'-marking' if marking else ''}"
        home.mkdir()
        environment = {
            "HOME": str(home),
            "JUPYTER_CONFIG_DIR": str(home / ".jupyter"),
            "JUPYTER_CONFIG_PATH": str(ROOT / "config"),
            "JUPYTERHUB_USER": who.hub_name,
            "JUPYTERHUB_API_TOKEN": hub.token_of(who.hub_name, grade_server_name(key) if marking else ""),
            "COURSEBRIDGE_URL": url,
        }
        if marking:
            course = home / "course"
            course.mkdir()
            environment |= {
                "COURSEBRIDGE_COURSE": key,
                "COURSEBRIDGE_COURSE_ROOT": str(course),
                "COURSEBRIDGE_GRADEBOOK_URL": f"sqlite:///{home}/gradebook.db",
            }
        return Terminal(who, home, environment)

    return make


@pytest.fixture
def worker(runtime: Runtime) -> Iterator[None]:
    """Does the jobs that a command waits for."""
    ends = threading.Event()

    def go_on() -> None:
        while not ends.wait(0.02):
            work(runtime)

    thread = threading.Thread(target=go_on)
    thread.start()
    yield
    ends.set()
    thread.join()


@pytest.fixture
def teacher(sit: Sit) -> Terminal:
    """A teacher at the marking server of the LMS course."""
    return sit(Role.TEACHER, marking=True)


def answer(terminal: Terminal, **said: Any) -> None:
    """Do the quiz that was fetched: the fake engine marks what the notebook says."""
    path = terminal.home / terminal.key / QUIZ / f"{QUIZ}.ipynb"
    path.write_text(json.dumps(json.loads(path.read_text()) | said))


def encoded(files: Mapping[str, bytes]) -> list[dict[str, str]]:
    """Files as the API takes them."""
    return [{"path": path, "content_b64": base64.b64encode(body).decode()} for path, body in files.items()]


def handed_in(terminal: Terminal, **said: Any) -> Terminal:
    """Hand the quiz in without a command; the fake engine marks what the notebook says."""
    files = {f"{QUIZ}.ipynb": json.dumps(said).encode(), "data.csv": b"1"}
    body = {"files": encoded(files), "via": "assignment_list", "request_id": str(uuid4())}
    posted = terminal.post(f"/courses/{terminal.key}/assignments/{QUIZ}/submissions", body)
    assert posted.status_code == 201, posted.text
    return terminal
