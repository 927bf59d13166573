"""The least that a page or a save costs: Flask, a template or JSON, a query by key, and nothing of ours."""

import os
from datetime import UTC, datetime
from typing import Any

from flask import Flask, request
from sqlalchemy import bindparam, create_engine, select, update

from lti_tool.web.session import SessionRow, digest_of
from plugins.courses.models import Course
from plugins.progress.models import ItemRow

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Courses</title></head><body>
{% for course in courses %}<article><h2><a href="/courses/{{ course.slug }}/">{{ course.title }}</a></h2>
<p>{{ course.summary }}</p><p>{{ course.level }} · {{ course.language }} · {{ course.minutes }}</p></article>
{% endfor %}</body></html>"""
CARDS = 12


def create() -> Flask:
    """A list of a dozen courses at any address, and a save that reads its session and writes one row."""
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

    whose = select(SessionRow.user_id, SessionRow.placement_id).where(SessionRow.digest == bindparam("digest"))
    keys = [column == bindparam(f"of_{column.name}") for column in ItemRow.__table__.primary_key]
    note = update(ItemRow).where(*keys)

    @app.post("/s/<token>/progress/saves")
    def save(token: str) -> dict[str, Any]:
        said = request.get_json()["saves"][0]
        at = datetime.fromtimestamp(said["at"] / 1000, UTC)
        with engine.begin() as connection:
            user_id, placement_id = connection.execute(whose, {"digest": digest_of(token)}).one()
            of = {"of_placement_id": placement_id, "of_user_id": user_id, "of_ref": said["ref"]}
            connection.execute(note, {**of, "resume_s": said["position"], "resume_at": at, "last_at": at})
        return {"saved": [said["id"]]}

    return app
