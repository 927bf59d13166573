"""Deep linking 2.0: from what a teacher picked to the signed answer for the LMS.

https://www.imsglobal.org/spec/lti-dl/v2p0/
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from pylti1p3.deep_link_resource import DeepLinkResource

from lti_tool.contract import Choice
from lti_tool.kernel import clock
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.claims import DL, ITEM_PARAMETER, LTI, VERSION
from lti_tool.lti.dialects import Dialect, link_score_maximum
from lti_tool.lti.keys import get_signing_key
from lti_tool.lti.login import LAUNCH_PATH
from lti_tool.lti.models import ID_LENGTH, Registration
from lti_tool.lti.registrations import dialect_of

LIFE = timedelta(minutes=5)
BEHIND = timedelta(seconds=10)
"""Moodle refuses an `iat` that its own clock has not reached."""
TAG = "coursebridge"
REVIEWABLE = ("InProgress", "Submitted", "Completed")
FRAME = {"width": 885, "height": 650}
"""CSS pixels that pages are made for (docs/design.md)."""


@dataclass(frozen=True)
class Problem:
    """Why nothing could be chosen."""

    code: str
    """For the logs of the LMS."""
    text: str
    """For the teacher, whom the LMS shows it."""


class ContentItem(DeepLinkResource):
    """An `ltiResourceLink` that says what it is and leaves out what is not set."""

    text: str = ""
    more: Mapping[str, object] = {}
    """Further members: dates, and how it can be shown."""

    def to_dict(self) -> dict[str, object]:
        """The JSON object of the content item."""
        given = super().to_dict()
        if self.text:
            given["text"] = self.text
        given |= self.more
        return {name: value for name, value in given.items() if value not in (None, "", {})}


def make_content_item(
    choice: Choice, launch_url: str, dialect: Dialect, *, with_line_item: bool, targets: Sequence[str] = ()
) -> dict[str, object]:
    """The content item of a choice; with its gradebook column if it is graded and the platform takes one."""
    item = ContentItem()
    item.set_url(launch_url).set_title(choice.title[:ID_LENGTH]).set_custom_params({ITEM_PARAMETER: choice.ref})
    item.text = choice.text
    item.more = {**_dates(choice), **_place(targets)}
    found = item.to_dict()
    if with_line_item and choice.max_points is not None and choice.max_points > 0:
        found["lineItem"] = _line_item(choice, dialect)
    return found


def iso(moment: datetime) -> str:
    """As content items and line items write it."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _line_item(choice: Choice, dialect: Dialect) -> dict[str, object]:
    line_item: dict[str, object] = {
        "scoreMaximum": link_score_maximum(dialect, choice.max_points or Decimal(1)),
        "label": choice.title[:ID_LENGTH],
        "resourceId": choice.ref,
        "tag": TAG,
        "gradesReleased": True,  # a learner sees marks here as soon as they are there
    }
    return line_item | review_offer(dialect)


def review_offer(dialect: Dialect) -> dict[str, object]:
    """What a line item says so that the platform's gradebook opens work here (Submission Review 1.0, 3.2)."""
    return {"submissionReview": {"reviewableStatus": list(REVIEWABLE)}} if dialect.opens_reviews else {}


def _dates(choice: Choice) -> dict[str, object]:
    """`available` and `submission` of the specification, 3.1.6; what is late is still taken, so nothing ends."""
    opens = {"startDateTime": iso(choice.opens_at)} if choice.opens_at else {}
    closes = {"endDateTime": iso(choice.due_at)} if choice.due_at else {}
    found: dict[str, object] = {"available": opens} if opens else {}
    return {**found, "submission": {**opens, **closes}} if closes else found


def _place(targets: Sequence[str]) -> dict[str, object]:
    """A frame as large as the pages are made for, or a window where the platform has no frames."""
    if "iframe" in targets:
        return {"iframe": dict(FRAME)}
    return {"window": {"targetName": "_blank"}} if "window" in targets else {}


def sign_response(
    runtime: Runtime,
    registration: Registration,
    selection: dict[str, Any],
    choices: Sequence[Choice],
    *,
    message: str = "",
    problem: Problem | None = None,
) -> str:
    """The JWT for the return URL; no choices mean that the teacher cancelled, or why there are none (`problem`).

    `selection` is of the session, `message` for the teacher, in the LMS.
    """
    launch_url = runtime.settings.root_url + LAUNCH_PATH
    with_line_item = selection["accept_lineitem"] is not False
    dialect = dialect_of(registration)
    targets = selection.get("targets", ())
    items = [
        make_content_item(choice, launch_url, dialect, with_line_item=with_line_item, targets=targets)
        for choice in choices
    ]
    moment = clock.now()
    claims: dict[str, Any] = {
        "iss": registration.client_id,
        "aud": registration.issuer,
        "iat": int((moment - BEHIND).timestamp()),
        "exp": int((moment + LIFE).timestamp()),
        "nonce": secrets.token_urlsafe(32),
        LTI + "deployment_id": selection["deployment_id"],
        LTI + "message_type": "LtiDeepLinkingResponse",
        LTI + "version": VERSION,
        DL + "content_items": items,
    }
    if selection["data"] is not None:
        claims[DL + "data"] = selection["data"]
    if problem:
        claims |= {DL + "errormsg": problem.text, DL + "errorlog": f"{problem.code}: {problem.text}"}
    else:
        claims[DL + "log"] = f"{len(items)} items: {', '.join(_refs(choices))}"[:1000]
        claims |= {DL + "msg": message} if message else {}
    return get_signing_key(runtime).sign(claims)


def _refs(choices: Sequence[Choice]) -> list[str]:
    return [choice.ref for choice in choices]
