"""A little app that shows every page with sample contexts, and the demo course's lessons below /lessons/.

Run it with `python -m tests.browser.preview [port]`.
"""

import sys

from flask import Flask, Response, render_template, send_from_directory
from flask_babel import Babel
from jinja2 import StrictUndefined
from markupsafe import Markup

from lti_tool.kernel.permissions import Role
from lti_tool.web.assets import asset, install_assets
from lti_tool.web.brand import install_brand
from plugins.courses.lesson_html import render_lesson
from plugins.courses.links import Place
from tests.factories.answers import COURSE
from tests.factories.pages import PAGES, Samples, lesson, nav, signed_in


def make_preview() -> Flask:
    """Pages at `/<name>`, a list of them at `/`."""
    app = Flask("lti_tool.web", static_folder=None)
    install_assets(app)
    install_brand(app)
    app.config["TEMPLATES_AUTO_RELOAD"] = True
    Babel(app)
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True

    @app.get("/")
    def index() -> str:
        return "".join(f'<p><a href="/{name}">{name}</a>' for name in PAGES)

    @app.get("/<name>")
    def show(name: str) -> str:
        return render_sample(name)

    @app.get("/lessons/<name>")
    def show_lesson(name: str) -> str:
        text = (COURSE / "lessons" / f"{name}.md").read_text(encoding="utf-8")
        place = Place.of(f"lessons/{name}.md", [])
        html = render_lesson(text, place, item_url="#", media_url="/media", words=("Table", "(new window)"))
        facts = lesson("")["lesson"] | {"title": text.partition("\n")[0].removeprefix("# "), "html": Markup(html)}
        return render_sample(
            "lesson",
            {"lesson": ("courses/lesson.html", Role.LEARNER, lesson("", lesson=facts))},
        )

    @app.get("/media/<path:name>")
    def show_media(name: str) -> Response:
        return send_from_directory(COURSE / "media", name)

    return app


def render_sample(name: str, samples: Samples = PAGES) -> str:
    """One sample as a page; inside an app context."""
    template, role, context = samples[name]
    shared = {
        "session": signed_in(role) if role else None,
        "nav": nav(role, "Course") if role and "pick" not in name else [],
        "asset": asset,
        "open_url": "#" if role else None,
        "window_of": lambda url: url,
        "url_for": lambda endpoint, **values: "#",
    }
    return render_template(template, **shared | context)


if __name__ == "__main__":
    make_preview().run(port=int(sys.argv[1]) if len(sys.argv) > 1 else 8499)
