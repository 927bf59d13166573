"""Pages that are the same for many people are rendered once in each process (docs/adr/0029).

A page is rendered for nobody: its session says only what is in the key that it is kept by, so it can hold nothing of
the person for whom it was made. What is a person's own are holes, filled at each request: their name, the address of
their session, and passes that are signed for it.
"""

import secrets
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from flask import Response, current_app, g, render_template, request
from markupsafe import escape

from lti_tool.web.session import HOLES_KEY, SignedIn, current_session, take_for_current
from lti_tool.web.texts import current_language

PAGES_KEY = "coursebridge_kept_pages"
MOST_PAGES = 500
"""That a process keeps, of 6 to 10 kB each; then it begins anew."""
MARK = f"hole-{secrets.token_hex(12)}-"
"""Nobody can write it into a text of a page: it is another one in each process."""

Fill = Callable[[], str]


@dataclass(frozen=True)
class KeptPage:
    """A page with holes."""

    texts: tuple[str, ...]
    holes: tuple[int, ...]
    """What stands between the texts, each a number of `fills`."""
    fills: tuple[Fill, ...]
    """Asked within a request, once each."""

    def fill(self) -> str:
        """The page for the session of this request."""
        own = [fill() for fill in self.fills]
        parts = [self.texts[0]]
        for hole, text in zip(self.holes, self.texts[1:], strict=True):
            parts += (own[hole], text)
        return "".join(parts)


def kept_page(template: str, of: Hashable, make_context: Callable[[], dict[str, Any]]) -> Response:
    """A page that is the same for all sessions alike. Its address has no query, and its session picks no content.

    `of`: everything that the context depends on and that is not of the session; `make_context` is asked where the page
    is not kept, and may ask nothing that is not in `of`.
    """
    session = current_session()
    about = (session.course_slug, session.role, session.course_title, session.platform_name, session.locale)
    where = (request.environ.get("coursebridge.root"), request.path, current_language())
    key = (template, where, of, about, session.brand, session.administers, session.granted)
    pages: dict[Hashable, KeptPage] = current_app.extensions.setdefault(PAGES_KEY, {})
    found = pages.get(key)
    if found is None:
        found = _render(template, session, make_context)
        if len(pages) >= MOST_PAGES:
            pages.clear()
        pages[key] = found
    return Response(found.fill(), headers={"Cache-Control": "no-store"}, content_type="text/html; charset=utf-8")


def _render(template: str, session: SignedIn, make_context: Callable[[], dict[str, Any]]) -> KeptPage:
    """Render for nobody, and cut the holes."""
    fills: list[Fill] = [_name, _script_root]

    def dig(fill: Fill) -> str:
        fills.append(fill)
        return f"{MARK}{len(fills) - 1}-"

    take_for_current(_nobody(session, f"{MARK}0-"))
    setattr(g, HOLES_KEY, dig)
    try:
        html = render_template(template, **make_context())
    finally:
        take_for_current(session)
        g.pop(HOLES_KEY)
    texts, holes = [], []
    for number, part in enumerate(html.replace(request.script_root, f"{MARK}1-").split(MARK)):
        hole, _dash, text = part.partition("-") if number else ("", "", part)
        if number:
            holes.append(int(hole))
        texts.append(text)
    return KeptPage(tuple(texts), tuple(holes), tuple(fills))


def _nobody(session: SignedIn, name: str) -> SignedIn:
    """A session of which everything is in the key."""
    return SignedIn(
        user_id=0,
        registration_id=0,
        context_id=None,
        link_id=None,
        course_slug=session.course_slug,
        role=session.role,
        display_name=name,
        hub_name="",
        course_title=session.course_title,
        platform_name=session.platform_name,
        frame_origin="",
        return_url="",
        locale=session.locale,
        brand=session.brand,
        administers=session.administers,
        granted=session.granted,
    )


def _name() -> str:
    return str(escape(current_session().display_name))


def _script_root() -> str:
    return request.script_root
