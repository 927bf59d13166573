"""The columns of an LMS's gradebook: the line item service of AGS 2.0.

https://www.imsglobal.org/spec/lti-ags/v2p0/#line-item-service. Nothing here runs inside a transaction.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

import httpx

from lti_tool.kernel.errors import ExternalError
from lti_tool.lti.login import add_query
from lti_tool.lti.scores import ScoreRefused, refusal
from lti_tool.lti.services import PlatformService

SCOPE = "https://purl.imsglobal.org/spec/lti-ags/scope/"
LINE_ITEM_SCOPE = SCOPE + "lineitem"
LINE_ITEM_READ_SCOPE = SCOPE + "lineitem.readonly"
LINE_ITEM_TYPE = "application/vnd.ims.lis.v2.lineitem+json"
LINE_ITEMS_TYPE = "application/vnd.ims.lis.v2.lineitemcontainer+json"
GONE = (404, 410, 412)
_OWN = ("id", "label", "scoreMaximum", "resourceLinkId", "resourceId", "tag")


@dataclass(frozen=True)
class LineItem:
    """A column of the gradebook."""

    label: str
    maximum: Decimal
    url: str = ""
    """Its id; empty until the platform has made it."""
    resource_link_id: str = ""
    resource_id: str = ""
    tag: str = ""
    extra: dict[str, Any] = field(default_factory=dict)
    """What else the platform says of it: dates, extensions. It goes back as it came."""

    def as_json(self) -> str:
        """The whole object: what a PUT leaves out is cleared."""
        values: dict[str, Any] = {**self.extra, "label": self.label, "scoreMaximum": float(self.maximum)}
        texts = {"id": self.url, "resourceLinkId": self.resource_link_id}
        values |= {name: text for name, text in texts.items() if text}
        return json.dumps(values | {"resourceId": self.resource_id, "tag": self.tag})


class LineItems:
    """The line items that one tool has in one LMS course."""

    def __init__(self, service: PlatformService, url: str) -> None:
        """`url` is the claim's `lineitems`; the service must have the scope of what is called."""
        self._service = service
        self._url = url

    def list(
        self, *, resource_link_id: str = "", resource_id: str = "", tag: str = "", limit: int = 0
    ) -> Iterator[LineItem]:
        """Those that match, page by page; `limit` is how many a page. Raises: ExternalError."""
        wanted = {"resource_link_id": resource_link_id, "resource_id": resource_id, "tag": tag}
        query = {name: value for name, value in wanted.items() if value} | ({"limit": str(limit)} if limit else {})
        for response in self._service.pages(add_query(self._url, query), LINE_ITEMS_TYPE):
            for found in _json_list(response.content):
                item = _read(found)
                # a platform that knows no filters answers with everything
                if item.url and all(not value or getattr(item, name) == value for name, value in wanted.items()):
                    yield item

    def find(self, url: str) -> LineItem | None:
        """By its id; None: it is gone. Raises: ScoreRefused."""
        response = self._service.request("GET", url, accept=LINE_ITEM_TYPE)
        return None if response.status_code in GONE else self._item(response)

    def create(self, item: LineItem) -> LineItem:
        """Make a column. Raises: ScoreRefused."""
        return self._write("POST", self._url, item)

    def change(self, item: LineItem, **changes: Any) -> LineItem:
        """Replace a column by itself with these fields changed. Raises: ScoreRefused."""
        return self._write("PUT", item.url, replace(item, **changes))

    def delete(self, url: str) -> None:
        """Remove a column with its grades; one that is gone already is no error. Raises: ScoreRefused."""
        response = self._service.request("DELETE", url)
        if not response.is_success and response.status_code not in GONE:
            raise refusal(self._service.platform, response)

    def _write(self, method: str, url: str, item: LineItem) -> LineItem:
        response = self._service.request(
            method, url, content=item.as_json(), content_type=LINE_ITEM_TYPE, accept=LINE_ITEM_TYPE
        )
        return self._item(response)

    def _item(self, response: httpx.Response) -> LineItem:
        if not response.is_success:
            raise refusal(self._service.platform, response)
        item = _read(_json_object(response.content))
        if not urlsplit(item.url).scheme:
            raise _nonsense()
        return item


def _read(found: dict[str, Any]) -> LineItem:
    return LineItem(
        label=_text(found, "label"),
        maximum=read_number(found.get("scoreMaximum")) or Decimal(0),
        url=_text(found, "id"),
        resource_link_id=_text(found, "resourceLinkId"),
        resource_id=_text(found, "resourceId"),
        tag=_text(found, "tag"),
        extra={name: value for name, value in found.items() if name not in _OWN},
    )


def read_number(value: Any) -> Decimal | None:
    """A finite JSON number, exactly as written; None: it is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _json_list(body: bytes) -> list[dict[str, Any]]:
    found = _json(body)
    if not isinstance(found, list):
        raise _nonsense()
    return [entry for entry in found if isinstance(entry, dict)]


def _json_object(body: bytes) -> dict[str, Any]:
    found = _json(body)
    if not isinstance(found, dict):
        raise _nonsense()
    return found


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _nonsense() -> ExternalError:
    text = "The LMS answered with something else than its columns. It is tried again."
    return ScoreRefused("lms_answer", text, retryable=True)


def _text(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    return value if isinstance(value, str) else ""
