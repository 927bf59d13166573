"""Assignment and Grade Services 2.0: line items and scores.

https://www.imsglobal.org/spec/lti-ags/v2p0/. Nothing here runs inside a transaction of the caller.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from pylti1p3.lineitem import LineItem
from sqlalchemy import select, update

from lti_tool.kernel.errors import NotFound
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.deep_linking import TAG
from lti_tool.lti.login import add_query
from lti_tool.lti.models import Link, Registration, User
from lti_tool.lti.registrations import dialect_of
from lti_tool.lti.scores import Score, ScoreRefused, Sent, reason_to_skip, refusal, score_body, score_timestamp
from lti_tool.lti.services import PlatformService, under

SCOPE = "https://purl.imsglobal.org/spec/lti-ags/scope/"
LINE_ITEM_SCOPE = SCOPE + "lineitem"
LINE_ITEM_READ_SCOPE = SCOPE + "lineitem.readonly"
SCORE_SCOPE = SCOPE + "score"
LINE_ITEM_TYPE = "application/vnd.ims.lis.v2.lineitem+json"
LINE_ITEMS_TYPE = "application/vnd.ims.lis.v2.lineitemcontainer+json"
SCORE_TYPE = "application/vnd.ims.lis.v1.score+json"


@dataclass(frozen=True)
class _Target:
    registration: Registration
    link: Link
    user: User


def send_score(runtime: Runtime, link_id: int, user_id: int, score: Score, *, after: datetime | None) -> Sent:
    """Tell the LMS; makes the activity's line item first if it has none.

    `after` is the timestamp last sent for this line item and person. Raises: ScoreRefused, ExternalError, NotFound.
    """
    target = _read_target(runtime, link_id, user_id)
    dialect = dialect_of(target.registration)
    skipped = reason_to_skip(dialect, score)
    if skipped:
        return Sent(None, skipped)
    if SCORE_SCOPE not in target.link.scopes:
        raise _no_grades(target)
    url = under(_line_item_url(runtime, target, score.maximum), "scores")
    service = PlatformService(runtime, target.registration, [SCORE_SCOPE])
    timestamp = score_timestamp(after)
    body = score_body(dialect, target.user.sub, score, timestamp)
    response = service.request("POST", url, content=body, content_type=SCORE_TYPE)
    if response.status_code == 409:  # somebody wrote within the same second
        timestamp = score_timestamp(timestamp + timedelta(seconds=1))
        body = score_body(dialect, target.user.sub, score, timestamp)
        response = service.request("POST", url, content=body, content_type=SCORE_TYPE)
    if not response.is_success:
        raise refusal(target.registration.name, response)
    if response.content.lstrip().startswith(b"<"):
        text = f"{target.registration.name}: a web page came instead of an answer. The score is sent again by itself."
        raise ScoreRefused("lms_answer", text, retryable=True)
    return Sent(timestamp)


def _read_target(runtime: Runtime, link_id: int, user_id: int) -> _Target:
    query = (
        select(Registration, Link, User)
        .join(Link, Link.registration_id == Registration.id)
        .join(User, User.registration_id == Registration.id)
        .where(Link.id == link_id, User.id == user_id)
    )
    with runtime.db.reading() as tx:
        row = tx.execute(query).one_or_none()
    if row is None:
        raise NotFound("grade_target_not_found", "This person and this activity do not belong to one platform.")
    return _Target(row[0], row[1], row[2])


def _line_item_url(runtime: Runtime, target: _Target, maximum: Decimal) -> str:
    """Of the launch, of an earlier search, or of the platform's list; made if there is none."""
    link = target.link
    if link.lineitem_url:
        return link.lineitem_url
    if not link.lineitems_url:
        raise _no_grades(target)
    url = _find_line_item(runtime, target) or _make_line_item(runtime, target, maximum)
    with runtime.db.transaction() as tx:
        known = update(Link).where(Link.id == link.id, Link.lineitem_url.is_(None))
        tx.execute(known.values(lineitem_url=url))
    return url


def _find_line_item(runtime: Runtime, target: _Target) -> str | None:
    readable = next((scope for scope in (LINE_ITEM_SCOPE, LINE_ITEM_READ_SCOPE) if scope in target.link.scopes), None)
    if readable is None:
        return None
    url = add_query(target.link.lineitems_url or "", {"resource_link_id": target.link.resource_link_id})
    service = PlatformService(runtime, target.registration, [readable])
    for item in list_line_items(service, url):
        if item.get_resource_link_id() == target.link.resource_link_id and item.get_id():
            return item.get_id()
    return None


def list_line_items(service: PlatformService, url: str) -> Iterator[LineItem]:
    """Line items, page by page. Raises: ExternalError."""
    for response in service.pages(url, LINE_ITEMS_TYPE):
        for found in _json_list(response.content):
            yield LineItem({"id": _text(found, "id"), "resourceLinkId": _text(found, "resourceLinkId")})


def _make_line_item(runtime: Runtime, target: _Target, maximum: Decimal) -> str:
    link = target.link
    if LINE_ITEM_SCOPE not in link.scopes:
        raise _no_grades(target)
    item = LineItem().set_label(link.title or link.item_ref or "Coursebridge").set_score_maximum(float(maximum))
    item.set_resource_link_id(link.resource_link_id).set_resource_id(link.item_ref or "").set_tag(TAG)
    service = PlatformService(runtime, target.registration, [LINE_ITEM_SCOPE])
    response = service.request(
        "POST", link.lineitems_url or "", content=item.get_value(), content_type=LINE_ITEM_TYPE, accept=LINE_ITEM_TYPE
    )
    if not response.is_success:
        raise refusal(target.registration.name, response)
    url = _json_object(response.content).get("id")
    if not isinstance(url, str) or not urlsplit(url).scheme:
        raise _no_grades(target)
    return url


def _json_list(body: bytes) -> list[dict[str, Any]]:
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, list):
        raise ScoreRefused(
            "lms_answer",
            "The LMS answered with something else than its list of columns. It is tried again.",
            retryable=True,
        )
    return [entry for entry in found if isinstance(entry, dict)]


def _text(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    return value if isinstance(value, str) else ""


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _no_grades(target: _Target) -> ScoreRefused:
    return ScoreRefused(
        "no_line_item",
        f"{target.registration.name}: the activity has no column in the gradebook, and the tool may not make one. "
        "Allow grades in the activity's settings there, open it once, then send again.",
        retryable=False,
    )
