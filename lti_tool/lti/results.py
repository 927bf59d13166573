"""What the gradebook of an LMS shows: the result service of AGS 2.0.

https://www.imsglobal.org/spec/lti-ags/v2p0/#result-service. Nothing here runs inside a transaction.
"""

import json
from dataclasses import dataclass
from decimal import Decimal

from lti_tool.kernel.errors import ExternalError
from lti_tool.lti.line_items import SCOPE, read_number
from lti_tool.lti.services import PlatformService, under

RESULT_SCOPE = SCOPE + "result.readonly"
RESULTS_TYPE = "application/vnd.ims.lis.v2.resultcontainer+json"


@dataclass(frozen=True)
class Result:
    """What a person has in a column."""

    sub: str
    points: Decimal | None
    """None: nothing."""
    maximum: Decimal
    """Platforms rescale: only the share of the maximum can be compared."""


def list_results(service: PlatformService, line_item: str) -> dict[str, Result]:
    """What everybody has in a column, by the platform's user id. All pages; Moodle breaks if told how many a page.

    Raises: ExternalError.
    """
    found: dict[str, Result] = {}
    for response in service.pages(under(line_item, "results"), RESULTS_TYPE):
        for entry in _entries(response.content):
            sub, maximum = entry.get("userId"), read_number(entry.get("resultMaximum"))
            if isinstance(sub, str):
                whole = maximum if maximum is not None and maximum > 0 else Decimal(1)
                found[sub] = Result(sub, read_number(entry.get("resultScore")), whole)
    return found


def _entries(body: bytes) -> list[dict[str, object]]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list):
        text = "The LMS answered with something else than its results. It is tried again."
        raise ExternalError("results_invalid", text, retryable=True)
    return [entry for entry in found if isinstance(entry, dict)]
