"""From a page of ours into JupyterHub."""

from urllib.parse import urlsplit

from flask import redirect, request
from werkzeug.wrappers import Response as AnyResponse

from grading.health import is_hub_away
from grading.hub_tickets import Ticket, hub_door, make_ticket, ticket_url
from lti_tool.web.render import page
from lti_tool.web.runtime import current_runtime
from lti_tool.web.security import is_own_origin
from lti_tool.web.session import window_pass


def go_to_hub(ticket: Ticket) -> AnyResponse:
    """Hand the browser a ticket and send it to the Hub.

    A ticket signs in whoever brings it, so the Hub wants to know that it was asked for in this browser and not sent by
    somebody else. A page of ours posts it, and the browser's `Origin` header says so; nobody else can make a browser
    say that. The page is only for a form that our own page has sent, else it would speak for anybody. All others get
    a link, and the Hub asks them whether they mean to go in under that name (docs/adr/0008).

    While the Hub cannot be reached the page says so, what works meanwhile, and how to try again.
    """
    runtime = current_runtime()
    if not is_own_origin(request.headers.get("Origin")):
        return redirect(ticket_url(runtime, ticket), 303)
    if is_hub_away(runtime):
        again = urlsplit(request.url).path
        return page("grading/hub_away.html", status=503, again_url=again, again_pass=window_pass(again))
    door = hub_door(runtime)
    response = page("grading/to_hub.html", door=door, ticket=make_ticket(runtime, ticket), automatic=True)
    # `same-origin`, which all other pages have, would make the browser write `Origin: null`; the path stays unsaid
    response.headers["Referrer-Policy"] = "strict-origin"
    return response
