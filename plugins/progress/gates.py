"""Items that are closed to a learner for reasons that progress does not know: the plugin that shows them says so."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from flask import Flask, current_app

from lti_tool.kernel.runtime import Runtime
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import SignedIn
from plugins.progress.outline import course_of

EXTENSION = "coursebridge_progress_gates"


@dataclass(frozen=True)
class Gate:
    """What one plugin knows. Both open their own transactions."""

    list_limited: Callable[[Runtime, Collection[str]], frozenset[str]]
    """`(runtime, course slugs)` → references of what is closed to somebody at some time.

    Asked at every commit of saves, outside of any request, so it has to answer from memory or with one query.
    """
    list_closed: Callable[[SignedIn, str, Collection[str]], frozenset[str]]
    """`(session, course slug, references)` → those of the references that are closed to the learner of the session."""


def add_gate(app: Flask, gate: Gate) -> None:
    """Ask this gate too before a save counts."""
    list_gates(app).append(gate)


def list_gates(app: Flask) -> list[Gate]:
    """The gates of an app, now and later."""
    gates: list[Gate] = app.extensions.setdefault(EXTENSION, [])
    return gates


def list_limited(gates: Iterable[Gate], runtime: Runtime, refs: Collection[str]) -> frozenset[str]:
    """Those of the references that are closed to somebody: it has to be asked whether they are to this learner."""
    slugs = {slug for ref in refs if (slug := course_of(ref))}
    return frozenset(ref for gate in gates for ref in gate.list_limited(runtime, slugs).intersection(refs))


def closed_refs(session: SignedIn, course_slug: str, refs: Collection[str]) -> frozenset[str]:
    """The references among these that are closed. Not to be called inside a transaction."""
    gates = list_gates(current_app)
    if not list_limited(gates, current_runtime(), refs):
        return frozenset()
    return frozenset(ref for gate in gates for ref in gate.list_closed(session, course_slug, refs))
