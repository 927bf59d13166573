"""Assignment and Grade Services 2.0: a score on its way, and the column that it goes to.

https://www.imsglobal.org/spec/lti-ags/v2p0/. Nothing here runs inside a transaction of the caller.
"""

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import select, update

from lti_tool.kernel import clock
from lti_tool.kernel.errors import NotFound
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.deep_linking import TAG, review_offer
from lti_tool.lti.line_items import GONE, LINE_ITEM_READ_SCOPE, LINE_ITEM_SCOPE, SCOPE, LineItem, LineItems
from lti_tool.lti.models import Link, Registration, User
from lti_tool.lti.registrations import dialect_of
from lti_tool.lti.scores import (
    COLUMN_GONE,
    Score,
    ScoreRefused,
    Sent,
    is_outdated,
    reason_to_skip,
    refusal,
    score_body,
    score_timestamp,
)
from lti_tool.lti.services import PlatformService, under

SCORE_SCOPE = SCOPE + "score"
SCORE_TYPE = "application/vnd.ims.lis.v1.score+json"
_making = threading.Lock()
"""One platform is sent to by one process, but by several threads: they make one column for an activity, not two."""


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
    skipped = reason_to_skip(dialect_of(target.registration), score)
    if skipped:
        return Sent(None, skipped)
    if SCORE_SCOPE not in target.link.scopes:
        raise _no_grades(target)
    url = _line_item_url(runtime, target, score.maximum)
    try:
        return _post(runtime, target, url, score, after)
    except ScoreRefused as error:
        other = _moved_to(runtime, target, url) if error.details.get("status") in GONE else None
        if other is None:
            raise
        return _post(runtime, target, other, score, None)


def _post(runtime: Runtime, target: _Target, line_item: str, score: Score, after: datetime | None) -> Sent:
    url, dialect = under(line_item, "scores"), dialect_of(target.registration)
    service = PlatformService(runtime, target.registration, [SCORE_SCOPE])
    timestamp = score_timestamp(after)
    body = score_body(dialect, target.user.sub, score, timestamp)
    response = service.request("POST", url, content=body, content_type=SCORE_TYPE)
    if is_outdated(response):  # somebody wrote within the same second, or by a clock that is ahead
        timestamp = score_timestamp(timestamp + timedelta(seconds=1))
        body = score_body(dialect, target.user.sub, score, timestamp)
        response = service.request("POST", url, content=body, content_type=SCORE_TYPE)
    if not response.is_success:
        raise refusal(target.registration.name, response)
    if response.content.lstrip().startswith(b"<"):
        text = f"{target.registration.name}: a web page came instead of an answer. The score is sent again by itself."
        raise ScoreRefused("lms_answer", text, retryable=True)
    return Sent(timestamp, column_url=line_item)


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
    if target.link.lineitem_gone_at is not None:
        raise _gone(target)
    if target.link.lineitem_url:
        return target.link.lineitem_url
    if not target.link.lineitems_url:
        raise _no_grades(target)
    with _making:
        with runtime.db.reading() as tx:
            known = tx.scalar(select(Link.lineitem_url).where(Link.id == target.link.id))
        if known:
            return known
        url = _find_line_item(runtime, target) or _make_line_item(runtime, target, maximum)
        return _keep(runtime, target, None, url)


def _moved_to(runtime: Runtime, target: _Target, url: str) -> str | None:
    """Where the column is that was at this address. None: it was deleted, which is written down."""
    with _making:
        found = _find_line_item(runtime, target)
        if found is not None and found != url:
            return _keep(runtime, target, url, found)
        with runtime.db.transaction() as tx:
            same = update(Link).where(Link.id == target.link.id, Link.lineitem_url == url)
            tx.execute(same.values(lineitem_url=None, lineitem_gone_at=clock.now()))
        return None


def _keep(runtime: Runtime, target: _Target, before: str | None, url: str) -> str:
    """Remember the address for the link, unless a launch has brought another one meanwhile."""
    same = Link.lineitem_url.is_(None) if before is None else Link.lineitem_url == before
    with runtime.db.transaction() as tx:
        tx.execute(update(Link).where(Link.id == target.link.id, same).values(lineitem_url=url))
    return url


def _find_line_item(runtime: Runtime, target: _Target) -> str | None:
    readable = next((scope for scope in (LINE_ITEM_SCOPE, LINE_ITEM_READ_SCOPE) if scope in target.link.scopes), None)
    if readable is None or not target.link.lineitems_url:
        return None
    items = LineItems(PlatformService(runtime, target.registration, [readable]), target.link.lineitems_url)
    return next((item.url for item in items.list(resource_link_id=target.link.resource_link_id)), None)


def _make_line_item(runtime: Runtime, target: _Target, maximum: Decimal) -> str:
    link = target.link
    if LINE_ITEM_SCOPE not in link.scopes:
        raise _no_grades(target)
    item = LineItem(
        label=link.title or link.item_ref or "Coursebridge",
        maximum=maximum,
        resource_link_id=link.resource_link_id,
        resource_id=link.item_ref or "",
        tag=TAG,
        extra=review_offer(dialect_of(target.registration)),
    )
    items = LineItems(PlatformService(runtime, target.registration, [LINE_ITEM_SCOPE]), link.lineitems_url or "")
    return items.create(item).url


def _no_grades(target: _Target) -> ScoreRefused:
    return ScoreRefused(
        "no_line_item",
        f"{target.registration.name}: the activity has no column in the gradebook, and the tool may not make one. "
        "Allow grades in the activity's settings there, open it once, then send again.",
        retryable=False,
    )


def _gone(target: _Target) -> ScoreRefused:
    return ScoreRefused("line_item_gone", f"{target.registration.name}: {COLUMN_GONE}", retryable=False)
