"""Answers that say "not now", and the Retry-After header (RFC 9110, 10.2.3)."""

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


def is_busy(response: httpx.Response) -> bool:
    """Did the platform not get to the request, so that the same may go through later?

    Canvas says 403 "Rate Limit Exceeded" where others say 429.
    """
    status = response.status_code
    said = f"{response.reason_phrase} {response.text[:2000]}".lower() if status == 403 else ""
    return status in (408, 425, 429) or status >= 500 or "rate limit" in said
