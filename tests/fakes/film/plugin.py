"""`/film/<course>/<video>`: the player with the learner's progress."""

from flask import Blueprint, Response, make_response, render_template_string

from lti_tool.contract import Plugin
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import open_course
from plugins.progress import public as progress
from plugins.video import public as video

PAGE = """{% extends "base.html" %}{% import "video/player.html" as parts %}
{% block title %}Film{% endblock %}
{% block head %}{{ parts.script(asset) }}{% endblock %}
{% block main %}<h1>Trees</h1><p><input aria-label="Elsewhere"></p>{{ parts.player(player) }}
{% with tracker = progress_tracker(ref) %}{% include "progress/_tracker.html" %}{% endwith %}{% endblock %}"""

blueprint = Blueprint("film", __name__, url_prefix="/film")


def ref_of(slug: str) -> str:
    """The item that shows the video."""
    return f"courses/{slug}/film"


@blueprint.get("/<slug>/<int:video_id>")
def show(slug: str, video_id: int) -> Response:
    """The page."""
    session, runtime = open_course(slug), current_runtime()
    with runtime.db.reading() as tx:
        found = video.get_video(tx, slug, video_id)
        assert session.placement_id is not None
        learner = progress.Learner(session.placement_id, session.user_id)
        resume_s = progress.read_course(tx, learner, slug).items[ref_of(slug)].resume_s
        player = video.make_player(
            tx, runtime, found, user_id=session.user_id, item_ref=ref_of(slug), resume_s=resume_s
        )
        return make_response(render_template_string(PAGE, player=player, ref=ref_of(slug)))


PLUGIN = Plugin(name="film", summary="Shows a video.", requires=("video",), blueprints=(blueprint,))
