"""A learner's server: theirs alone, and confined."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import httpx
import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from grading.hub_tokens import servers_in
from tests.fakes.hub_tool import HubTool
from tests.fakes.running_hub import RunningHub, Visitor, wait_for
from tests.functional.hub.conftest import ADA, BOB, KEY

PREFIX = f"/user/{ADA}/"


@pytest.fixture(scope="module")
def ada(hub: RunningHub) -> Visitor:
    """Ada, at her quiz."""
    return hub.visit(ADA, f"/open?course={KEY}&assignment=quiz-1")


@pytest.fixture(scope="module")
def found(hub: RunningHub, ada: Visitor) -> dict[str, Any]:
    """What a program in Ada's server finds."""
    data = hub.data_dir
    (data / "homes" / BOB).mkdir(mode=0o700, exist_ok=True)
    (data / "homes" / BOB / "answer.txt").write_text("42")
    asked = {
        "read": [
            *(
                str(data / name)
                for name in ("secret.key", "hub", "hub/jupyterhub.sqlite", "hub/cookie_secret", "courses", "homes")
            ),
            *(str(data / "homes" / name) for name in (ADA, BOB, f"{BOB}/answer.txt")),
            *(f"/home/learner/../{BOB}", "/courses", "/etc/shadow", "/root/.ssh", "/home", "/run", "/sys", "/srv"),
            *(
                str(Path(__file__).parents[3] / name)
                for name in ("lti_tool", "config/demo", "config/settings.py", "tests")
            ),
            f"/proc/{os.getpid()}/environ",
        ],
        "write": [
            "/x",
            "/usr/x",
            "/etc/passwd",
            "/proc/sys/kernel/panic",
            "/proc/sysrq-trigger",
            "/home/learner/x",
            "/tmp/x",
        ],
    }
    put(ada, "asked.json", json.dumps(asked))
    put(ada, "probe.py", Path(__file__).with_name("probe.py").read_text())
    asyncio.run(run_in_terminal(ada, "python probe.py"))
    return json.loads(wait_for(lambda: get(ada, "found.json")))


def put(visitor: Visitor, name: str, text: str) -> None:
    """Save a file through the contents API."""
    document = {"type": "file", "format": "text", "content": text}
    assert visitor.send("PUT", PREFIX, f"api/contents/{name}", document).status_code in {200, 201}


def get(visitor: Visitor, name: str) -> str:
    """The text of a file through the contents API, empty if there is none."""
    answer = visitor.send("GET", PREFIX, f"api/contents/{name}?content=1&type=file&format=text")
    return str(answer.json()["content"]) if answer.status_code == 200 else ""


async def run_in_terminal(visitor: Visitor, command: str, prefix: str = PREFIX, patience_s: float = 30) -> None:
    """Type a command into a new terminal of a server and wait for its end."""
    name = visitor.send("POST", prefix, "api/terminals", {}).json()["name"]
    here = httpx.URL(visitor.hub.address(prefix))
    address = f"ws://127.0.0.1:{here.port}{prefix}terminals/websocket/{name}?_xsrf={visitor.xsrf(prefix)}"
    headers = {
        "Host": f"{here.host}:{here.port}",
        "Cookie": visitor.cookie_header(prefix),
        "Origin": f"http://{here.host}:{here.port}",
    }
    socket = await websocket_connect(HTTPRequest(address, headers=headers))
    await socket.write_message(json.dumps(["stdin", f"{command}; echo 'end''ed'\r"]))
    said = ""
    while "ended" not in said:
        message = await asyncio.wait_for(socket.read_message(), patience_s)
        said += str(json.loads(message or "[]")[-1]) if message else "ended"
    socket.close()
    while await asyncio.wait_for(socket.read_message(), 30) is not None:
        pass  # until the other side has closed too


def test_visit_ends_at_the_quiz(hub: RunningHub) -> None:
    visitor = hub.visit(ADA, f"/open?course={KEY}&assignment=quiz-1")
    assert visitor.last.status_code == 200, visitor.last.text
    assert visitor.last.url.path == f"{PREFIX}lab/tree/{KEY}/quiz-1/quiz-1.ipynb"
    assert "# Quiz 1" in (hub.data_dir / "homes" / ADA / KEY / "quiz-1" / "quiz-1.ipynb").read_text()


def test_assignment_list_shows_the_quiz(ada: Visitor) -> None:
    answer = ada.send("GET", PREFIX, f"assignments?course_id={KEY}").json()
    assert answer["success"] is True, answer
    assert "quiz-1" in str(answer["value"])


def test_token_of_the_server_opens_that_server_alone(ada: Visitor, tool: HubTool) -> None:
    ada.send("GET", PREFIX, f"assignments?course_id={KEY}")
    assert servers_in(tool.scopes[ADA], ADA) == {""}


def test_learner_gets_jupyterlab_without_the_teachers_parts(ada: Visitor) -> None:
    page = ada.go(f"{PREFIX}lab")
    assert page.status_code == 200
    assert "@jupyter/nbgrader:formgrader" in page.text  # in the list of what is switched off
    assert ada.go(f"{PREFIX}formgrader").status_code == 404
    assert ada.go(f"{PREFIX}formgrader/manage_assignments").status_code == 404
    version = ada.go(f"{PREFIX}nbgrader_version?version=x").json()  # a route of assignment list and validate
    assert "nbgrader" in version["message"]


def test_work_is_saved_every_half_minute(ada: Visitor) -> None:
    settings = ada.send("GET", PREFIX, "lab/api/settings/@jupyterlab/docmanager-extension:plugin").json()
    assert settings["schema"]["properties"]["autosaveInterval"]["default"] == 30


def test_another_learner_gets_nothing_of_it(hub: RunningHub, ada: Visitor) -> None:
    bob = Visitor(hub)
    bob.arrive(hub.tool.ticket(BOB, ""))
    for path in (f"{PREFIX}lab", f"{PREFIX}api/contents", f"{PREFIX}terminals/1", f"/hub/spawn/{ADA}"):
        assert bob.go(path).status_code in {403, 404}, path
    assert bob.send("DELETE", "/hub/", f"api/users/{ADA}/server").status_code in {403, 404}
    assert ada.go(f"{PREFIX}api/status").status_code == 200


@pytest.mark.parametrize(
    "path", ["../../../../etc/passwd", "..%2f..%2fetc/passwd", "%2e%2e/%2e%2e/etc/passwd", "../../homes"]
)
def test_contents_stay_in_the_home(ada: Visitor, path: str) -> None:
    answer = ada.http.get(ada.hub.address(f"{PREFIX}api/contents/{path}"))
    assert answer.status_code in {400, 403, 404}
    assert "root:" not in answer.text


def test_program_sees_only_its_home(found: dict[str, Any]) -> None:
    assert found["read"] == ["/home"]
    assert found["written"] == ["/home/learner/x", "/tmp/x"]


def test_program_sees_no_process_and_no_secret_of_the_hub(hub: RunningHub, found: dict[str, Any]) -> None:
    assert len(found["processes"]) < 15
    assert found["uid"] != 0
    assert set(found["capabilities"]) == {"0000000000000000"}
    assert found["host"] == "coursebridge"
    assert hub.env["COURSEBRIDGE_HUB__SERVICE_TOKEN"] not in found["values"]
    ours = {name for name in found["environment"] if name.startswith("COURSEBRIDGE_")}
    assert ours == {"COURSEBRIDGE_URL", "COURSEBRIDGE_ENVIRONMENTS"}
    assert not {"CONFIGPROXY_AUTH_TOKEN", "JUPYTERHUB_CRYPT_KEY", "PYTHONPATH"} & set(found["environment"])


def test_kernels_do_not_listen_on_the_shared_network(ada: Visitor) -> None:
    kernel = ada.send("POST", PREFIX, "api/kernels", {"name": "python3"})
    assert kernel.status_code == 201
    asyncio.run(run_in_terminal(ada, "cp /tmp/jupyter/kernel-*.json ~/kernel.json"))
    assert json.loads(get(ada, "kernel.json"))["transport"] == "ipc"


def test_token_tells_the_tool_who_it_is(hub: RunningHub, ada: Visitor) -> None:
    asyncio.run(run_in_terminal(ada, "echo -n $JUPYTERHUB_API_TOKEN > token.txt"))
    answer = httpx.get(f"{hub.api}/user", headers={"Authorization": f"Bearer {get(ada, 'token.txt')}"})
    assert answer.json()["name"] == ADA


def test_learner_gets_no_other_server(hub: RunningHub, ada: Visitor) -> None:
    for name in (f"grade-{KEY}", "mine", "grade-other"):
        answer = ada.go(f"/hub/spawn/{ADA}/{name}")
        assert answer.status_code == 403, name
        assert "teachers and assistants" in answer.text
        assert ada.send("POST", "/hub/", f"api/users/{ADA}/servers/{name}").status_code in {400, 403}
    answer = ada.go(f"/hub/formgrader?course={KEY}")
    assert answer.status_code == 403


def test_links_that_name_nothing_are_not_found(ada: Visitor) -> None:
    for query in ("course=../x&assignment=a", "course=x", "course=x&assignment=../../etc", ""):
        assert ada.go(f"/hub/open?{query}").status_code == 404


def test_unknown_to_the_tool_is_signed_out(hub: RunningHub) -> None:
    carol = "u-" + "c" * 26
    hub.tool.add_person(carol, "Carol")
    visitor = Visitor(hub)
    visitor.arrive(hub.tool.ticket(carol, ""))
    del hub.tool.people[carol]
    assert visitor.go("/hub/home").status_code == 200  # asked again after five minutes, and before anything to mark
    assert visitor.go(f"/hub/formgrader?course={KEY}").status_code == 403
