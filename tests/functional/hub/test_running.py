"""What lasts when the Hub does not, and what ends by itself."""

import json
import os
import signal
import sqlite3
import sys
from pathlib import Path

import psutil

from tests.fakes.running_hub import RunningHub, wait_for
from tests.functional.hub.conftest import BOB, KEY

QUIZ = f"/open?course={KEY}&assignment=quiz-1"


def server_state(hub: RunningHub, server: str = "") -> dict[str, list[int]]:
    """What the Hub remembers of Bob's server."""
    database = sqlite3.connect(hub.data_dir / "hub" / "jupyterhub.sqlite")
    query = "select s.state from spawners s join users u on u.id = s.user_id where u.name = ? and s.name = ?"
    row = database.execute(query, (BOB, server)).fetchone()
    database.close()
    return dict(json.loads(row[0] or "{}")) if row else {}


def test_killed_hub_finds_its_servers_again(hub: RunningHub) -> None:
    bob = hub.visit(BOB, QUIZ)
    assert bob.go(f"/user/{BOB}/lab").status_code == 200
    before = server_state(hub)
    hub.stop(signal.SIGKILL)
    hub.start()
    assert bob.go(f"/user/{BOB}/api/status").status_code == 200
    assert server_state(hub) == before
    assert bob.go("/hub/home").status_code == 200  # the login lasts too: the cookie secret is kept


def test_stopped_hub_and_its_services_end_quietly(hub: RunningHub) -> None:
    assert hub.process is not None
    children = psutil.Process(hub.process.pid).children
    services = wait_for(lambda: [each for each in children() if is_a_service(each)])
    assert len(services) == 2
    wait_for(lambda: all(has_begun(each) for each in services))
    said_before = len(hub.log())

    hub.stop()

    said = hub.log()[said_before:]
    hub.start()
    assert not any(each.is_running() for each in services)
    assert "role_watch.py" not in said  # nor any other line of a traceback of ours
    assert "KeyboardInterrupt" not in said


def is_a_service(process: psutil.Process) -> bool:
    return process.cmdline()[1:3] in (["-m", "jupyterhub_idle_culler"], ["-m", "jupyter_ext.hub.role_watch"])


def has_begun(process: psutil.Process) -> bool:
    """Whether its event loop is there: until then it is Python that imports, and says so when it is interrupted."""
    descriptors = Path(f"/proc/{process.pid}/fd")
    try:
        return any(str(each.readlink()) == "anon_inode:[eventpoll]" for each in descriptors.iterdir())
    except FileNotFoundError:  # closed since
        return False


def test_stopping_ends_everything_inside(hub: RunningHub) -> None:
    bob = hub.visit(BOB, QUIZ)
    outer = psutil.Process(server_state(hub)["outer"][0])
    inside = outer.children(recursive=True)
    assert len(inside) >= 2
    answer = bob.send("DELETE", "/hub/", f"api/users/{BOB}/server")
    assert answer.status_code in {202, 204}, answer.text
    wait_for(lambda: not any(process.is_running() and process.status() != "zombie" for process in inside))


def test_sandbox_that_lost_bubblewrap_does_not_go_on(hub: RunningHub) -> None:
    hub.visit(BOB, QUIZ)
    state = server_state(hub)
    os.kill(state["outer"][0], signal.SIGKILL)
    bob = hub.visit(BOB, QUIZ)
    assert bob.last.url.path.startswith(f"/user/{BOB}/")
    assert server_state(hub)["inner"] != state["inner"]
    wait_for(lambda: not psutil.pid_exists(state["inner"][0]))


def test_failed_start_says_why_and_offers_another_try(hub: RunningHub) -> None:
    bob = hub.visit(BOB, QUIZ)
    bob.send("DELETE", "/hub/", f"api/users/{BOB}/server")
    wait_for(lambda: "running" not in bob.go("/hub/home").text.replace("not running", ""))
    home = hub.data_dir / "homes" / BOB
    home.rename(home.with_name("aside"))
    home.write_text("in the way")
    try:
        answer = bob.go(f"/hub/spawn/{BOB}")
    finally:
        home.unlink()
        home.with_name("aside").rename(home)
    assert answer.status_code == 500
    assert "Try again" in answer.text


def test_idle_culler_runs_with_narrow_rights(hub: RunningHub) -> None:
    children = psutil.Process(hub.process.pid if hub.process else 0).children()
    words = [child.cmdline() for child in children]
    assert any(
        word[:3] == [sys.executable, "-m", "jupyterhub_idle_culler"] and "--timeout=1800" in word for word in words
    )
    database = sqlite3.connect(hub.data_dir / "hub" / "jupyterhub.sqlite")
    (scopes,) = database.execute("select scopes from roles where name = 'idle-culler'").fetchone()
    database.close()
    assert set(json.loads(scopes)) == {"list:users", "read:users:activity", "read:servers", "delete:servers"}


def test_state_is_for_the_hub_alone(hub: RunningHub) -> None:
    hub.visit(BOB, QUIZ)
    for path in (hub.data_dir / "hub", hub.data_dir / "homes", hub.data_dir / "homes" / BOB):
        assert Path(path).stat().st_mode & 0o077 == 0
