"""Calls to a platform's services: only to its own hosts, with a token, repeated once with a fresh token after a 401.

While the platform does not answer they are not made (`reach`).
"""

import html
import re
from collections.abc import Iterator, Sequence
from urllib.parse import urlencode, urljoin

import httpx

from lti_tool.kernel.errors import ExternalError
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.models import Registration
from lti_tool.lti.reach import calling
from lti_tool.lti.registrations import is_platform_url, origin_of
from lti_tool.lti.retry_after import is_busy, retry_after_s
from lti_tool.lti.tokens import forget_token, get_token

MOST_PAGES = 200
_LINK = re.compile(r"<([^<>]*)>([^<]*)")
_REL = r"""rel\s*=\s*["“”'‘’]?\s*{}\b"""
_CURLY = re.compile("[“”‘’]|&(?:quot|ldquo|rdquo);")


class PlatformService:
    """The services of one platform with one set of scopes."""

    def __init__(self, runtime: Runtime, registration: Registration, scopes: Sequence[str]) -> None:
        """`scopes` are asked for with the token: what the call needs, no more."""
        self._runtime = runtime
        self._registration = registration
        self._scopes = scopes

    @property
    def platform(self) -> str:
        """The name that people know it by."""
        return self._registration.name

    def request(
        self,
        method: str,
        url: str,
        *,
        content: str | None = None,
        content_type: str | None = None,
        accept: str | None = None,
    ) -> httpx.Response:
        """One call; the response has any status. Raises: ExternalError: foreign address, no token, no answer."""
        if not is_platform_url(self._registration, url, allow_http=self._runtime.settings.lti.allow_private_hosts):
            text = f"{self._registration.name} named an address that is not its own; nothing was sent there."
            raise ExternalError("foreign_address", text, retryable=False)
        headers = {name: value for name, value in (("Content-Type", content_type), ("Accept", accept)) if value}
        body = content.encode() if content is not None else None
        with calling(self._runtime, self._registration):
            response, token = self._send(method, url, headers, body)
            if response.status_code == 401:
                forget_token(self._runtime, self._registration, self._scopes, token)
                response, _ = self._send(method, url, headers, body)
        return response

    def pages(self, url: str, accept: str) -> Iterator[httpx.Response]:
        """Every page of a list, by `Link: rel=next`, which is followed byte for byte and to the same origin only.

        Raises: ExternalError: a page failed, leads elsewhere or in a circle, or there are too many.
        """
        seen: set[str] = set()
        following: str | None = url
        while following is not None:
            if following in seen or len(seen) >= MOST_PAGES:
                raise ExternalError(
                    "pages_endless", f"The list of {self._registration.name} does not end.", retryable=False
                )
            seen.add(following)
            with calling(self._runtime, self._registration):
                response = self.request("GET", following, accept=accept)
                if response.status_code != 200:
                    raise self._no_page(response)
            yield response
            following = next_page(response, following)

    def _no_page(self, response: httpx.Response) -> ExternalError:
        text = f"{self._registration.name} did not give the whole list ({response.status_code})."
        wait, status = retry_after_s(response), response.status_code
        return ExternalError("page_refused", text, {"status": status}, retryable=is_busy(response), retry_after_s=wait)

    def _send(
        self, method: str, url: str, headers: dict[str, str], content: bytes | None
    ) -> tuple[httpx.Response, str]:
        token = get_token(self._runtime, self._registration, self._scopes)
        given = {**headers, "Authorization": f"Bearer {token}"}
        return self._runtime.http.request(method, url, headers=given, content=content), token


def next_page(response: httpx.Response, current: str) -> str | None:
    """The address of the next page, exactly as given. Raises: ExternalError: it is of another origin."""
    return find_link(response, current, "next")


def find_link(response: httpx.Response, current: str, relation: str) -> str | None:
    """The address that the `Link` header gives for a relation, exactly as given. Raises: ExternalError: foreign origin.

    Moodle writes this header for line items with curly quotes and `&amp;`.
    """
    wanted = re.compile(_REL.format(relation), re.IGNORECASE)
    for value in response.headers.get_list("Link"):
        for found in _LINK.finditer(value):
            if wanted.search(html.unescape(found[2])):
                link = html.unescape(found[1]) if _CURLY.search(found[2]) else found[1]
                url: str = urljoin(current, link)
                if origin_of(url) != origin_of(current):
                    raise ExternalError(
                        "page_foreign", "The next page is at another address; it was not asked for.", retryable=False
                    )
                return url
    return None


def under(url: str, name: str) -> str:
    """A path below a service URL: `/scores` goes before the query that Moodle's URLs have."""
    path, mark, query = url.partition("?")
    return f"{path.rstrip('/')}/{name}{mark}{query}"


def with_query(url: str, **parameters: str) -> str:
    """The address with further parameters; what it says already stays byte for byte."""
    path, hash_mark, fragment = url.partition("#")
    return f"{path}{'&' if '?' in path else '?'}{urlencode(parameters)}{hash_mark}{fragment}"
