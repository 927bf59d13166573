"""The least that a page costs: Flask, one template, one query by key in SQLAlchemy, and nothing of ours."""

import os

from flask import Flask
from sqlalchemy import bindparam, create_engine, select

from plugins.courses.models import Course

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{{ courses[0].title }}</title></head><body>
{% for course in courses %}<article><h2><a href="/courses/{{ course.slug }}/">{{ course.title }}</a></h2>
<p>{{ course.summary }}</p><p>{{ course.level }} · {{ course.language }} · {{ course.minutes }}</p></article>
{% endfor %}</body></html>"""
CARDS = 12


def create() -> Flask:
    """A list of a dozen courses at any address."""
    app, engine = Flask(__name__), create_engine(os.environ["COURSEBRIDGE_DATABASE__URL"], pool_size=10)
    columns = (Course.slug, Course.title, Course.summary, Course.level, Course.language, Course.minutes)
    query = select(*columns).where(Course.id >= bindparam("first")).order_by(Course.id).limit(CARDS)

    template = app.jinja_env.from_string(PAGE)

    @app.get("/")
    @app.get("/<path:anything>")
    def show(anything: str = "") -> str:
        with engine.connect() as connection:
            rows = connection.execute(query, {"first": 1 + len(anything) % 10}).all()
        return template.render(courses=rows)

    return app
