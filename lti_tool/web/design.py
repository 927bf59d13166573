"""The living page: every token and component at /design, for those who make pages."""

from flask import Flask, Response, request

from lti_tool.kernel import clock
from lti_tool.web.render import is_fragment_request, page

PREVIEW = "<h2>Rows and columns</h2><p>What the server makes of the text stands here.</p>"


def install_design(app: Flask) -> None:
    """Serve the page. In the demo and where `web.design_page` is on."""
    app.add_url_rule("/design", "design", show_design, methods=["GET", "POST"])


def show_design() -> Response:
    """The page of components, with made-up contents. Its forms keep nothing and lead back to it."""
    if is_fragment_request():
        return Response(PREVIEW)
    return page("design.html", sample_time=clock.now(), action=request.path, page_url=lambda number: f"#page-{number}")
