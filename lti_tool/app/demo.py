"""`coursebridge demo`: tool, workers, JupyterHub and a demo LMS on loopback, with a course to try.

The tool answers on `localhost`, LMS and Hub on `127.0.0.1`: to a browser the LMS is another site, as in real life, and
the tool's cookies never reach a notebook server. Everything lives in `<data dir>/demo-<profile>`; on other ports than
the usual the folder is named by them too, because LMS and tool remember each other's addresses.
"""

import hashlib
import json
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.settings import Settings, load_settings
from lti_tool.app import up
from lti_tool.app.migrate import migrate
from lti_tool.app.process import make_process
from lti_tool.app.supervise import Process, StartError, Supervisor, python
from lti_tool.contract import Plugin
from lti_tool.kernel.logging import configure_logging
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.deep_linking import make_content_item
from lti_tool.lti.invites import make_invite
from lti_tool.lti.login import LAUNCH_PATH
from lti_tool.lti.registrations import dialect_of, list_registrations

COURSE = Path(__file__).parents[2] / "config" / "demo" / "course"


@dataclass(frozen=True)
class Ports:
    """Where the demo listens; each can be moved by an environment variable `COURSEBRIDGE_DEMO_<NAME>_PORT`."""

    tool: int = 8400
    lms: int = 8401
    hub: int = 8402

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Ports":
        """Read the environment. Raises: StartError."""
        found = {}
        for name, default in (("tool", cls.tool), ("lms", cls.lms), ("hub", cls.hub)):
            variable = f"COURSEBRIDGE_DEMO_{name.upper()}_PORT"
            text = environ.get(variable, str(default))
            if not text.isdecimal() or not 0 < int(text) < 2**16 - 2:
                raise StartError(f"{variable} is {text!r}, which is not a port number from 1 to 65533.")
            found[name] = int(text)
        return cls(**found)


def run(profile: str, *, once: bool = False) -> None:
    """Start everything, print the links and run until Ctrl-C. Raises: StartError."""
    _check_packages()
    ports = Ports.from_env(os.environ)
    os.environ.update(make_environment(profile, ports))
    settings = load_settings()
    configure_logging(settings.log_level)
    supervisor = Supervisor(list_processes(settings, profile, ports), settings.data_dir / "logs")
    supervisor.check()
    runtime, plugins = make_process(settings)
    migrate(runtime.db)
    _import_course(settings)
    print("Starting the tool, two workers, JupyterHub and the demo LMS …", flush=True)
    supervisor.start()
    try:
        register(runtime, plugins, f"http://127.0.0.1:{ports.lms}")
    except BaseException:
        supervisor.stop()
        raise
    runtime.db.close()
    print(_links(ports, settings.data_dir / "logs"), flush=True)
    if once:
        supervisor.stop()
    else:
        supervisor.run()
    print("Everything has stopped.", flush=True)


def make_environment(profile: str, ports: Ports) -> dict[str, str]:
    """The settings of the demo; what the caller has set already stands."""
    moved = "" if ports == Ports() else f"-{ports.tool}-{ports.lms}-{ports.hub}"
    data_dir = Path(os.environ.get("COURSEBRIDGE_DATA_DIR", "var")) / f"demo-{profile}{moved}"
    chosen = {
        "COURSEBRIDGE_DATA_DIR": str(data_dir.absolute()),
        "COURSEBRIDGE_BASE_URL": f"http://localhost:{ports.tool}",
        "COURSEBRIDGE_WEB__PORT": str(ports.tool),
        "COURSEBRIDGE_HUB__URL": f"http://127.0.0.1:{ports.hub}",
        "COURSEBRIDGE_LTI__ALLOW_PRIVATE_HOSTS": "true",
        "COURSEBRIDGE_LTI__APPROVE_REGISTRATIONS": "false",
        "COURSEBRIDGE_WEB__DESIGN_PAGE": "true",
        "COURSEBRIDGE_LOG_LEVEL": "WARNING",
    }
    return {name: value if name.endswith("DATA_DIR") else os.environ.get(name, value) for name, value in chosen.items()}


def list_processes(settings: Settings, profile: str, ports: Ports) -> list[Process]:
    """The tool's processes, the Hub with its proxy, and the LMS."""
    campus = python("-m", "lti_tool.demo", "--profile", profile, "--port", str(ports.lms))
    campus += ["--database", str(settings.data_dir / "campus.sqlite3"), "--test-api"]
    lms = Process(
        "demo LMS",
        campus,
        ready_url=f"http://127.0.0.1:{ports.lms}/",
        ports=[("127.0.0.1", ports.lms)],
        port_setting="COURSEBRIDGE_DEMO_LMS_PORT",
    )
    hub = Process(
        "JupyterHub",
        python("-m", "jupyter_ext.hub"),
        env={"COURSEBRIDGE_URL": settings.root_url},
        ready_url=f"{settings.hub.url}/hub/health",
        ports=[("127.0.0.1", ports.hub + offset) for offset in range(3)],
        port_setting="COURSEBRIDGE_DEMO_HUB_PORT (it takes this one and the next two)",
        stop_s=60,  # it stops everybody's server first
    )
    return [lms, *up.list_processes(settings, "COURSEBRIDGE_DEMO_TOOL_PORT"), hub]


def register(runtime: Runtime, plugins: Sequence[Plugin], campus_url: str) -> None:
    """Register the tool with the demo LMS by a one-time link, unless it is, and place the demo course."""
    state = _call(f"{campus_url}/_test/state")
    if not state["tools"]:
        with runtime.db.transaction() as tx:
            link = f"{runtime.settings.root_url}/lti/register/{make_invite(tx, 'Demo LMS')}"
        opened = _call(f"{campus_url}/_test/registration-url", {"url": link})["url"]
        runtime.http.request("GET", opened)
        state = _call(f"{campus_url}/_test/state")
        if not state["tools"]:
            raise StartError("The demo LMS did not take the registration; the lines above say why.")
        _call(f"{campus_url}/_test/tools/{state['tools'][0]['id']}/accept", {})
    if not state["activities"]:
        for item in _list_items(runtime, plugins, state["profile"]):
            _call(f"{campus_url}/_test/activities", item)


def _list_items(runtime: Runtime, plugins: Sequence[Plugin], profile: str) -> list[dict[str, Any]]:
    """The course page and every quiz, as a teacher's deep linking would place them."""
    contents = [plugin.contents for plugin in plugins if plugin.contents]
    launch_url = runtime.settings.root_url + LAUNCH_PATH
    with runtime.db.reading() as tx:
        registration, _deployments = list_registrations(tx)[0]
        choices = [choice for part in contents for choice in part.list_choices(tx, registration.id)]
        dialect = dialect_of(registration)
    placed = [choice for choice in choices if choice.kind in ("course", "quiz")]
    return [make_content_item(choice, launch_url, dialect, with_line_item=True) for choice in placed]


def _import_course(settings: Settings) -> None:
    """Import the demo course, again only when its files have changed."""
    stamp = settings.data_dir / "demo-course.sha256"
    digest = hashlib.sha256()
    for file in sorted(file for file in COURSE.rglob("*") if file.is_file()):
        digest.update(file.relative_to(COURSE).as_posix().encode() + b"\0" + file.read_bytes())
    if stamp.is_file() and stamp.read_text() == digest.hexdigest():
        return
    print("Importing the demo course …", flush=True)
    done = subprocess.run(python("-m", "lti_tool.app", "course", "import", str(COURSE)), check=False)
    if done.returncode:
        raise StartError("The demo course could not be imported; the lines above say why.")
    stamp.write_text(digest.hexdigest())


def _check_packages() -> None:
    for program, package in (("bwrap", "bubblewrap"), ("node", "nodejs")):
        if shutil.which(program) is None:
            raise StartError(
                f"{program} is missing: run `apt-get install {package}` as root, then start the demo again."
            )


def _links(ports: Ports, logs: Path) -> str:
    lms = f"http://127.0.0.1:{ports.lms}"
    return (
        f"\nThe demo is running.\n\n  Teacher  {lms}/login/tess\n  Learner  {lms}/login/ada\n\n"
        "Open each in a window of its own (a private one for the second). Ctrl-C stops everything.\n"
        f"Logs are in {logs}.\n"
    )


def _call(url: str, body: dict[str, Any] | None = None) -> Any:
    """GET, or POST a JSON body, to the demo LMS's own interface."""
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode())  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - loopback
            return json.load(response)
    except urllib.error.URLError as error:
        raise StartError(f"The demo LMS did not answer: {error}") from error
