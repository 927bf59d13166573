"""Items that are closed to a learner for reasons that progress does not know: the plugin that shows them says so."""

from collections.abc import Callable, Collection

from flask import Flask, current_app

from lti_tool.web.session import SignedIn

EXTENSION = "coursebridge_progress_gates"
Gate = Callable[[SignedIn, str, Collection[str]], frozenset[str]]
"""`(session, course slug, references)` → those of the references that are closed to the learner of the session.

Asked at every save, so it has to answer most of them without a query. Opens its own transaction.
"""


def add_gate(app: Flask, gate: Gate) -> None:
    """Ask this gate too before a save counts."""
    app.extensions.setdefault(EXTENSION, []).append(gate)


def closed_refs(session: SignedIn, course_slug: str, refs: Collection[str]) -> frozenset[str]:
    """The references among these that are closed. Not to be called inside a transaction."""
    gates: list[Gate] = current_app.extensions.get(EXTENSION, [])
    return frozenset(ref for gate in gates for ref in gate(session, course_slug, refs))
