"""Marked notebooks for the page: HTML that a learner's own code has had a part in, made harmless."""

import re
from collections.abc import Mapping
from typing import Any

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"
"""What such a page may load: nothing. Scripts do not run in it, and the frame that shows it forbids them once more."""

_DOCTYPE = re.compile(rb"\A\s*<!doctype[^>]*>", re.IGNORECASE)


def make_harmless(html: bytes) -> str:
    """The page with the policy before everything that is in it."""
    found = _DOCTYPE.match(html)
    rest = html[found.end() if found else 0 :].decode("utf-8", "replace")
    return f'<!DOCTYPE html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{POLICY}">{rest}'


def tell_feedback(number: int, files: Mapping[str, bytes]) -> dict[str, Any]:
    """`attempt` and `notebooks`, each with `name` and `html`."""
    pages = [
        {"name": path.removesuffix(".html"), "html": make_harmless(files[path])}
        for path in sorted(files)
        if path.endswith(".html")
    ]
    return {"attempt": number, "notebooks": pages}
