"""Deep linking 2.0: from what a teacher picked to the signed answer for the LMS.

https://www.imsglobal.org/spec/lti-dl/v2p0/
"""

import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from pylti1p3.deep_link_resource import DeepLinkResource
from pylti1p3.lineitem import LineItem

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


class ContentItem(DeepLinkResource):
    """An `ltiResourceLink` that says what it is and leaves out what is not set."""

    text: str = ""

    def to_dict(self) -> dict[str, object]:
        """The JSON object of the content item."""
        given = super().to_dict()
        if self.text:
            given["text"] = self.text
        return {name: value for name, value in given.items() if value not in (None, "", {})}


def make_content_item(choice: Choice, launch_url: str, dialect: Dialect, *, with_line_item: bool) -> dict[str, object]:
    """The content item of a choice; with its gradebook column if it is graded and the platform takes one."""
    item = ContentItem()
    item.set_url(launch_url).set_title(choice.title[:ID_LENGTH]).set_custom_params({ITEM_PARAMETER: choice.ref})
    item.text = choice.text
    if with_line_item and choice.max_points is not None and choice.max_points > 0:
        line_item = LineItem().set_score_maximum(link_score_maximum(dialect, choice.max_points))
        item.set_lineitem(line_item.set_label(choice.title[:ID_LENGTH]).set_resource_id(choice.ref).set_tag(TAG))
    return item.to_dict()


def sign_response(
    runtime: Runtime, registration: Registration, selection: dict[str, Any], choices: Sequence[Choice]
) -> str:
    """The JWT for the return URL; no choices means that the teacher cancelled. `selection` is of the session."""
    launch_url = runtime.settings.root_url + LAUNCH_PATH
    with_line_item = selection["accept_lineitem"] is not False
    dialect = dialect_of(registration)
    items = [make_content_item(choice, launch_url, dialect, with_line_item=with_line_item) for choice in choices]
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
    return get_signing_key(runtime).sign(claims)
