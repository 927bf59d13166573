"""The one way out: HTTP calls to other systems, guarded.

https and public addresses only (unless the operator allows private ones for development), the address that was
checked is the address that is connected to (no DNS rebinding), no redirects, a timeout and a size limit on everything.
"""

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from typing import Any

import httpcore
import httpx

from lti_tool.kernel.errors import ExternalError

TIMEOUT_S = 10.0
MAX_BYTES = 2_000_000
USER_AGENT = "Coursebridge/1 (+LTI tool)"


class OutboundHttp:
    """A thread-safe client with kept-alive connections."""

    def __init__(self, *, allow_private: bool, timeout_s: float = TIMEOUT_S) -> None:
        """`allow_private` lets calls go to loopback and private addresses and over plain http."""
        self._allow_private = allow_private
        self._timeout_s = timeout_s
        transport = httpx.HTTPTransport(retries=0, limits=httpx.Limits(max_keepalive_connections=20))
        transport._pool = httpcore.ConnectionPool(  # httpx has no public way to give a network backend
            ssl_context=ssl.create_default_context(),
            max_keepalive_connections=20,
            keepalive_expiry=15,
            network_backend=_GuardedBackend(allow_private),
        )
        self._client = httpx.Client(
            transport=transport,
            follow_redirects=False,
            timeout=timeout_s,
            trust_env=False,
            headers={"User-Agent": USER_AGENT},
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
        deadline, body = time.monotonic() + self._timeout_s * 2, bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > max_bytes or time.monotonic() > deadline:
                raise ExternalError(
                    "answer_too_large", f"{response.url.host} answered too much or too slowly.", retryable=True
                )
        return bytes(body)


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
        if not self._allow_private and not all(ipaddress.ip_address(address).is_global for address in addresses):
            raise ExternalError("address_refused", f"{host} is not a public address.", retryable=False)
        last: Exception | None = None
        for address in addresses:
            try:
                return self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore.ConnectError as error:
                last = error
        raise last or httpcore.ConnectError(f"no address found for {host}")

    def connect_unix_socket(self, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
        raise ExternalError("address_refused", "Unix sockets are not called.", retryable=False)

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


def _host(url: str) -> str:
    return httpx.URL(url).host
