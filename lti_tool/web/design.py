"""The living page: every token and component at /design, for those who make pages."""

from flask import Flask, Response

from lti_tool.kernel import clock
from lti_tool.web.render import page


def install_design(app: Flask) -> None:
    """Serve the page; its forms lead nowhere. In the demo and where `web.design_page` is on."""
    app.add_url_rule("/design", "design", show_design)


def show_design() -> Response:
    """The page of components, with made-up contents."""
    return page("design.html", sample_time=clock.now(), action="#main", page_url=lambda number: f"#page-{number}")
