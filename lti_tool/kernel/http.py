"""The one way out: HTTP calls to other systems, guarded.

https and public addresses only (unless the operator allows private ones for development), the address that was
checked is the address that is connected to (no DNS rebinding), no redirects, no compression (a few bytes could become
gigabytes), and a limit on the size and on the time of the whole call.
"""

import ipaddress
import math
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import httpcore
import httpx

from lti_tool.kernel.errors import ExternalError

TIMEOUT_S = 10.0
"""For one step: connecting, or waiting for some bytes. A whole call may take twice as long."""
MAX_BYTES = 2_000_000
USER_AGENT = "Coursebridge/1 (+LTI tool)"
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_IPV6_INTERNET = ipaddress.ip_network("2000::/3")
_NOT_HOSTS = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24")))
"""For protocols between routers (RFC 6890, RFC 7526)."""


@cache
def trusted() -> ssl.SSLContext:
    """Whom TLS trusts: the system's authorities. Reading them takes 50 ms, so they are read once in a process."""
    return ssl.create_default_context()


class OutboundHttp:
    """A thread-safe client with kept-alive connections."""

    def __init__(self, *, allow_private: bool, timeout_s: float = TIMEOUT_S) -> None:
        """`allow_private` lets calls go to loopback and private addresses and over plain http."""
        self._allow_private = allow_private
        self._timeout_s = timeout_s
        transport = httpx.HTTPTransport(verify=trusted(), retries=0, limits=httpx.Limits(max_keepalive_connections=20))
        transport._pool = httpcore.ConnectionPool(  # httpx has no public way to give a network backend
            ssl_context=trusted(),
            max_keepalive_connections=20,
            keepalive_expiry=15,
            network_backend=_GuardedBackend(allow_private),
        )
        self._client = httpx.Client(
            transport=transport,
            follow_redirects=False,
            timeout=timeout_s,
            trust_env=False,
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
        )

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        json: Any = None,
        content: bytes | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> httpx.Response:
        """One call; returns the response with its body read, whatever its status.

        Raises: ExternalError: not allowed (not retryable), unreachable, too slow or too large (retryable).
        """
        self.check_url(url)
        _call.deadline = time.monotonic() + self._timeout_s * 2
        try:
            with self._client.stream(method, url, headers=headers, data=data, json=json, content=content) as response:
                response._content = self._read(response, max_bytes)
                return response
        except httpx.TimeoutException as error:
            raise ExternalError("timeout", f"{_host(url)} did not answer in time.", retryable=True) from error
        except httpx.HTTPError as error:
            raise ExternalError("unreachable", f"{_host(url)} could not be reached: {error}", retryable=True) from error

    def check_url(self, url: str) -> None:
        """Raises ExternalError (not retryable) unless the URL is one that may be called."""
        try:
            parsed = httpx.URL(url)
        except (httpx.InvalidURL, TypeError) as error:
            raise ExternalError("url_invalid", "The address is not a URL.", retryable=False) from error
        schemes = ("https", "http") if self._allow_private else ("https",)
        if parsed.scheme not in schemes or not parsed.host or parsed.userinfo:
            raise ExternalError("url_refused", f"Only {' or '.join(schemes)} addresses may be called.", retryable=False)

    def close(self) -> None:
        """Close kept-alive connections."""
        self._client.close()

    def _read(self, response: httpx.Response, max_bytes: int) -> bytes:
        if response.headers.get("Content-Encoding", "identity").lower() not in ("identity", ""):
            message = f"{response.url.host} compressed its answer, though it was asked not to."
            raise ExternalError("answer_compressed", message, retryable=False)
        body = bytearray()
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > max_bytes:
                raise ExternalError("answer_too_large", f"{response.url.host} answered too much.", retryable=True)
        return bytes(body)


def is_public(address: str) -> bool:
    """Is it an address of a host on the Internet? NAT64 addresses are judged by the IPv4 address inside."""
    found = ipaddress.ip_address(address)
    if found in _NAT64:
        found = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
    if isinstance(found, ipaddress.IPv6Address) and (found not in _IPV6_INTERNET or found.sixtofour is not None):
        return False
    return found.is_global and not found.is_multicast and not any(found in network for network in _NOT_HOSTS)


class _Call(threading.local):
    """The call that this thread is making."""

    deadline = math.inf


_call = _Call()


def _time_left(timeout: float | None, error: type[httpcore.TimeoutException]) -> float:
    """The shorter of a step's timeout and what is left for the call. Raises: `error`: nothing is."""
    left = min(math.inf if timeout is None else timeout, _call.deadline - time.monotonic())
    if left <= 0:
        raise error("the whole call took too long")
    return left


class _TimedStream(httpcore.NetworkStream):
    """A connection on which no step outlives the call: a byte now and then does not keep a thread for ever."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _time_left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _time_left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _time_left(timeout, httpcore.ConnectTimeout)
        return _TimedStream(self._inner.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _GuardedBackend(httpcore.NetworkBackend):
    """Resolves a name, refuses it if any of its addresses is not public, and connects to the address it checked."""

    def __init__(self, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore.ConnectError(f"no address found for {host}") from error
        addresses = [str(entry[4][0]) for entry in found]
        if not self._allow_private and not all(map(is_public, addresses)):
            raise ExternalError("address_refused", f"{host} is not a public address.", retryable=False)
        last: Exception | None = None
        for address in addresses:
            left = _time_left(timeout, httpcore.ConnectTimeout)
            try:
                return _TimedStream(self._inner.connect_tcp(address, port, left, local_address, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        raise last or httpcore.ConnectError(f"no address found for {host}")

    def connect_unix_socket(self, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
        raise ExternalError("address_refused", "Unix sockets are not called.", retryable=False)

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


def _host(url: str) -> str:
    return httpx.URL(url).host
