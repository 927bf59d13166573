"""Run code in a kernel of somebody's server, as JupyterLab does: a session for a notebook, then its websocket."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import httpx
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from tests.fakes.running_hub import Visitor

PATIENCE_S = 120


def begin(visitor: Visitor, prefix: str, path: str, kernel: str = "python3") -> dict[str, Any]:
    """A session for a notebook that names this kernel; its model, which says what kernel it has."""
    asked = {"path": path, "name": "", "type": "notebook", "kernel": {"name": kernel}}
    answer = visitor.send("POST", prefix, "api/sessions", asked)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def run(visitor: Visitor, prefix: str, session: dict[str, Any], code: str) -> str:
    """What the code prints, or `Name: text` of its error."""
    return asyncio.run(_run(visitor, prefix, session["kernel"]["id"], code))


async def _run(visitor: Visitor, prefix: str, kernel: str, code: str) -> str:
    here = httpx.URL(visitor.hub.address(prefix))
    address = f"ws://127.0.0.1:{here.port}{prefix}api/kernels/{kernel}/channels?_xsrf={visitor.xsrf(prefix)}"
    origin = f"{here.host}:{here.port}"
    headers = {"Host": origin, "Cookie": visitor.cookie_header(prefix), "Origin": f"http://{origin}"}
    socket = await websocket_connect(HTTPRequest(address, headers=headers), max_message_size=10_000_000)
    try:
        await socket.write_message(json.dumps(_request(code)))
        async with asyncio.timeout(PATIENCE_S):
            return await _listen(socket)
    finally:
        socket.close()
        async with asyncio.timeout(PATIENCE_S):
            while await socket.read_message() is not None:
                pass  # until the other side has closed too


def _request(code: str) -> dict[str, Any]:
    header = {"msg_id": uuid4().hex, "msg_type": "execute_request", "username": "", "session": uuid4().hex}
    content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False, "stop_on_error": True}
    return {
        "header": header | {"version": "5.3", "date": ""},
        "parent_header": {},
        "metadata": {},
        "content": content | {"user_expressions": {}},
        "channel": "shell",
        "buffers": [],
    }


async def _listen(socket: Any) -> str:
    said, has_replied, is_idle = "", False, False
    while not (has_replied and is_idle):
        message = json.loads(await socket.read_message())
        kind, content = message["msg_type"], message["content"]
        asked = message["parent_header"].get("msg_type") == "execute_request"
        if kind == "stream":
            said += content["text"]
        elif kind == "error":
            said += f"{content['ename']}: {content['evalue']}"
        has_replied |= kind == "execute_reply"
        is_idle |= asked and kind == "status" and content["execution_state"] == "idle"
    return said.strip()
