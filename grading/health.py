"""Is JupyterHub there?"""

from collections.abc import Iterator
from functools import cache

import httpx

from lti_tool.contract import Finding, Level
from lti_tool.kernel.errors import ExternalError
from lti_tool.kernel.http import OutboundHttp
from lti_tool.kernel.runtime import Runtime

PATIENCE_S = 1.0
"""For one step; the whole call may take twice as long."""
ADVICE = "Start it (python -m jupyter_ext.hub) and check hub.url. Courses and uploads work meanwhile."


def check_hub(runtime: Runtime) -> Iterator[Finding]:
    """Ask the Hub for its version, which it tells everybody."""
    try:
        answer = _http().request("GET", runtime.settings.hub.api_url.rstrip("/") + "/", max_bytes=100_000)
    except ExternalError as error:
        yield Finding("JupyterHub", Level.BAD, error.message, ADVICE)
        return
    if answer.status_code != 200:
        yield Finding("JupyterHub", Level.BAD, f"It answered {answer.status_code}.", ADVICE)
    else:
        yield Finding("JupyterHub", Level.GOOD, "It answers.")


def is_hub_away(runtime: Runtime) -> bool:
    """Whether nobody answers where the Hub should be, or what stands before it says that it is not there.

    Takes two seconds at the most. A Hub that took the call and is slow to answer is busy, not away: it has a page for
    those who wait. Asks the Hub: never inside a transaction.
    """
    try:
        answer = _http().request("GET", runtime.settings.hub.api_url.rstrip("/") + "/", max_bytes=100_000)
    except ExternalError as error:
        return not isinstance(error.__cause__, httpx.ReadTimeout)
    return answer.status_code in (502, 503, 504)


@cache
def _http() -> OutboundHttp:
    # The operator names the Hub, and it stands on loopback or a private network as a rule.
    return OutboundHttp(allow_private=True, timeout_s=PATIENCE_S)
