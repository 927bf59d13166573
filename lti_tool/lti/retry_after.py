"""The Retry-After header (RFC 9110, 10.2.3)."""

from datetime import UTC
from email.utils import parsedate_to_datetime

import httpx

from lti_tool.kernel import clock

LONGEST_S = 3600.0


def retry_after_s(response: httpx.Response) -> float | None:
    """Seconds that the platform asks to wait, at most an hour; None if it does not say."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), LONGEST_S)
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max((aware - clock.now()).total_seconds(), 0.0), LONGEST_S)
