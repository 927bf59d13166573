"""Packing a course for nbgrader, on the page Submissions."""

from typing import Any

from flask import redirect, send_file, url_for
from werkzeug.wrappers import Response as AnyResponse

from grading.access import get_placement, placement_of
from grading.blueprint import blueprint
from grading.pack_models import PackRow
from grading.packs import ask_for_pack, find_pack, get_packed
from lti_tool.kernel.audit import Actor, Via
from lti_tool.kernel.permissions import Right
from lti_tool.web.render import page
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import open_course, right_required


@blueprint.post("/<slug>/pack")
@right_required(Right.MARK)
def pack_course(slug: str) -> AnyResponse:
    """Have it packed."""
    session = open_course(slug)
    by = Actor(f"{session.display_name} ({session.platform_name})", Via.COURSE, session.user_id)
    with current_runtime().db.transaction() as tx:
        ask_for_pack(tx, get_placement(tx, session), by)
    return redirect(url_for("grading.list_course", slug=slug, _anchor="pack"), 303)


@blueprint.get("/<slug>/pack")
@right_required(Right.MARK)
def show_pack(slug: str) -> AnyResponse:
    """How far it is, for the page to ask again and again."""
    session = open_course(slug)
    with current_runtime().db.reading() as tx:
        row = find_pack(tx, placement_of(session))
    return page("grading/_pack.html", pack=pack_context(slug, row))


@blueprint.get("/<slug>/pack.zip")
@right_required(Right.MARK)
def fetch_pack(slug: str) -> AnyResponse:
    """The file."""
    session, runtime = open_course(slug), current_runtime()
    with runtime.db.reading() as tx:
        path = get_packed(tx, runtime.settings, placement_of(session))
        name = f"{get_placement(tx, session).key}.zip"
    response = send_file(path, mimetype="application/zip", as_attachment=True, download_name=name, max_age=0)
    response.headers["Cache-Control"] = "no-store"
    return response


def pack_context(slug: str, row: PackRow | None) -> dict[str, Any]:
    """`pack` of the templates."""
    return {
        "state": row.state.value if row else None,
        "asked_at": row.asked_at if row else None,
        "expires_at": row.expires_at if row else None,
        "size": row.size if row else 0,
        "problem": row.problem if row else "",
        "url": url_for("grading.fetch_pack", slug=slug),
        "pack_url": url_for("grading.pack_course", slug=slug),
        "status_url": url_for("grading.show_pack", slug=slug),
        "here_url": url_for("grading.list_course", slug=slug),
    }
