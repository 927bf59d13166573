"""How the platforms are: what the last launches and fetches tell, without asking anybody."""

from collections.abc import Iterator
from datetime import timedelta

from lti_tool.contract import Finding, Level
from lti_tool.kernel import clock
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.models import Approval, CachedKeys
from lti_tool.lti.platforms import PlatformState, list_states

OLD = timedelta(hours=2)
"""Keys are fetched hourly while there are launches; older ones with newer tries mean that fetching fails."""


def check_platforms(runtime: Runtime) -> Iterator[Finding]:
    """One line for each platform that is switched on, and one for what waits for approval."""
    with runtime.db.reading() as tx:
        states = list_states(tx)
    waiting = sum(each.waiting + (each.row.state is Approval.PENDING) for each in states)
    if waiting:
        advice = "See who they are on the page Platforms, then approve or disable them."
        text = f"{waiting} {'waits' if waiting == 1 else 'wait'}: an LMS, or an installation of the tool in one."
        yield Finding("Waiting for approval", Level.WARN, text, advice)
    if not states:
        advice = "Make an invitation on the page Registration, and open it in your LMS."
        yield Finding("Platforms", Level.WARN, "No LMS is registered yet.", advice)
    for each in states:
        if each.row.state is Approval.ACTIVE:
            yield _finding(each)


def is_failing(keys: CachedKeys | None) -> bool:
    """Have the last fetches of a platform's keys failed?"""
    if keys is None or keys.is_fetching:
        return False
    if keys.fetched_at is None:
        return True
    return keys.fetched_at < clock.now() - OLD and keys.tried_at > keys.fetched_at + timedelta(seconds=60)


def _finding(state: PlatformState) -> Finding:
    row, reach, last = state.row, state.reach, state.last_launch
    seen = f"Last launch {last:%Y-%m-%d %H:%M} UTC." if last else "No launch within a week."
    if is_failing(state.keys):
        advice = "Test the connection on its page. After 24 hours without keys nobody can come in from there."
        return Finding(row.name, Level.BAD, f"Its keys cannot be read. {seen}", advice)
    if not reach.is_reachable:
        advice = "Grades for it wait and nothing is lost: it is tried again by itself"
        advice += f", next at {reach.next_try_at:%H:%M} UTC." if reach.next_try_at else "."
        since = f" since {reach.since:%Y-%m-%d %H:%M} UTC" if reach.since else ""
        text = f"It has not answered as it should{since}: {reach.text} {seen}"
        return Finding(row.name, Level.WARN, text, f"{advice} If it lasts, test the connection on its page.")
    return Finding(row.name, Level.GOOD, seen)
