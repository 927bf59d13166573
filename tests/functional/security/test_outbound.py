"""Calls to other systems: where they may go, how much comes back, how long they take."""

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lti_tool.kernel.errors import ExternalError
from lti_tool.kernel.http import OutboundHttp, is_public

Answer = Callable[[socket.socket], None]


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], str]]:
    """Starts a server that answers every connection as it is told; gives its URL."""
    listening: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def start(answer: Answer) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        listening.append(server)

        def run() -> None:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                try:
                    answer(connection)
                except OSError:
                    return

        threads.append(threading.Thread(target=run, daemon=True))
        threads[-1].start()
        return f"http://127.0.0.1:{server.getsockname()[1]}/"

    yield start
    for server in listening:
        server.close()
    for thread in threads:
        thread.join(5)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "0.0.0.0", "10.1.2.3", "169.254.169.254", "100.64.0.1", "192.0.0.8", "192.88.99.1", "224.0.0.1",
        "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "fe80::1%eth0", "fc00::1", "fec0::1",
        "ff02::1", "2002:7f00:1::1", "2002:a9fe:a9fe::1", "2001:0:7f00:1::", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
        "64:ff9b::a00:1",
    ],
)  # fmt: skip
def test_address_inside_is_not_public_however_it_is_written(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2600:1f18::1", "64:ff9b::808:808"])
def test_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", ["2002:7f00:1::1", "64:ff9b::7f00:1"])
def test_name_that_resolves_to_an_ipv4_address_in_disguise_is_refused(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port, 0, 0))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    http = OutboundHttp(allow_private=False)
    with pytest.raises(ExternalError) as caught:
        http.request("GET", "https://lms.example/keys")
    assert caught.value.code == "address_refused"
    http.close()


def test_compressed_answer_is_not_unpacked(serve: Callable[[Answer], str]) -> None:
    bomb = gzip.compress(bytes(50_000_000))

    def answer(connection: socket.socket) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n"
        connection.sendall(head.encode() + bomb)

    http = OutboundHttp(allow_private=True)
    with pytest.raises(ExternalError) as caught:
        http.request("GET", serve(answer))
    assert caught.value.code == "answer_compressed"
    http.close()


def test_answer_that_drips_for_ever_ends(serve: Callable[[Answer], str]) -> None:
    """Each byte of the headers comes in time, and there is always one more."""
    stop = threading.Event()

    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while not stop.wait(0.05):
            connection.sendall(b"a")

    http = OutboundHttp(allow_private=True, timeout_s=0.4)
    done = threading.Event()

    def call() -> None:
        with pytest.raises(ExternalError) as caught:
            http.request("GET", serve(answer))
        assert caught.value.code == "timeout"
        done.set()

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    ended = done.wait(15)
    stop.set()
    thread.join(5)
    http.close()
    assert ended


def test_limit_of_time_is_for_each_call_anew(serve: Callable[[Answer], str]) -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")

    http = OutboundHttp(allow_private=True, timeout_s=0.2)
    assert http.request("GET", serve(answer)).content == b"ok"
    time.sleep(0.5)
    assert http.request("GET", serve(answer)).content == b"ok"
    http.close()
