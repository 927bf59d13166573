"""Which servers are stopped: only those that the tool itself says are not their person's any more."""

import asyncio
from collections.abc import Iterator

import pytest

from jupyter_ext.hub.role_watch import Hub, Server, watch_once
from jupyter_ext.hub.tool import Tool, ToolUnavailable, Unknown
from tests.fakes.hub_tool import TOKEN, HubTool

ADA, GRACE = "u-" + "a" * 26, "u-" + "b" * 26
MINE, MARKING, WRITING = Server(ADA, ""), Server(ADA, "grade-notebooks-7"), Server(ADA, "write-notebooks-7")


class RunningServers(Hub):
    """A Hub with these servers; remembers what was stopped."""

    def __init__(self, *servers: Server) -> None:
        super().__init__("http://hub.invalid", "")
        self.servers, self.stopped = list(servers), list[Server]()

    async def list_servers(self) -> list[Server]:
        return self.servers

    async def stop(self, server: Server) -> None:
        self.stopped.append(server)


@pytest.fixture
def said() -> Iterator[HubTool]:
    """The tool; Ada teaches, Grace is not known."""
    tool = HubTool()
    tool.add_person(ADA, "Ada L.", notebooks_7="teacher")
    server = tool.serve()
    yield tool
    server.shutdown()
    server.server_close()


def stopped(said: HubTool, *servers: Server) -> list[Server]:
    hub = RunningServers(*servers)
    asyncio.run(watch_once(hub, Tool(said.url, TOKEN)))
    return hub.stopped


def test_only_what_is_not_theirs_is_stopped(said: HubTool) -> None:
    foreign, unknown = Server(ADA, "grade-notebooks-8"), Server(GRACE, "")
    elsewhere = Server(ADA, "write-notebooks-8")
    theirs = [foreign, elsewhere, unknown]
    assert stopped(said, MINE, MARKING, WRITING, *theirs) == theirs

    said.add_person(ADA, "Ada L.", notebooks_7="assistant")
    assert stopped(said, MINE, MARKING, WRITING) == [WRITING]
    said.add_person(ADA, "Ada L.", notebooks_7="learner")
    assert stopped(said, MINE, MARKING, WRITING) == [MARKING, WRITING]


@pytest.mark.parametrize(
    "answer",
    [
        (503, b'{"code": "down"}'),
        (502, b"<h1>Bad gateway</h1>"),
        (404, b"404 page not found\n"),  # a proxy that knows of no tool at this moment
        (404, b'{"code": "http_404"}'),
        (410, b"gone"),
        (401, b'{"code": "service_token_refused"}'),
        (200, b"<h1>We will be back soon</h1>"),
        (200, b"{}"),
        (200, b'{"courses": null}'),
    ],
)
def test_nobodys_server_is_stopped_while_the_tool_is_down(said: HubTool, answer: tuple[int, bytes]) -> None:
    said.is_down, said.down = True, answer
    assert stopped(said, MINE, MARKING, Server(GRACE, "")) == []


def test_ticket_is_used_up_only_in_the_words_of_the_tool(said: HubTool) -> None:
    tool = Tool(said.url, TOKEN)
    with pytest.raises(Unknown):
        asyncio.run(tool.redeem_ticket("never-given"))
    said.is_down, said.down = True, (404, b"404 page not found\n")
    with pytest.raises(ToolUnavailable):
        asyncio.run(tool.redeem_ticket(said.ticket(ADA, "/open")))
