"""A notebook lesson in JupyterHub: the notebook with the data files that it names."""

import posixpath
from collections.abc import Mapping
from urllib.parse import quote

from flask import Flask
from flask.blueprints import BlueprintSetupState
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from grading import public as grading
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Forbidden, NotFound
from lti_tool.kernel.permissions import Role
from lti_tool.lti import public as lti
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import open_course
from plugins.courses.blueprint import blueprint
from plugins.courses.models import Item, ItemKind, Media
from plugins.courses.reading import Reader, read_course
from plugins.courses.service import get_media, read_media


@blueprint.post("/<slug>/<item_slug>/open")
def open_in_hub(slug: str, item_slug: str) -> AnyResponse:
    """To JupyterHub, signed in, on one's own copy of the notebook."""
    session = open_course(slug)
    if session.role is Role.OBSERVER or session.placement_id is None:
        raise Forbidden("role_refused", "Only learners and teachers work in JupyterHub.")
    with current_runtime().db.reading() as tx:
        _get_open_notebook(tx, slug, item_slug, session)
        placement = lti.find_placement(tx, session.placement_id)
    if placement is None:
        raise NotFound("course_not_found", "This course is no longer here. Open the activity again from your LMS.")
    return grading.go_to_hub(grading.Ticket(session.hub_name, grading.reading_path(placement.key, item_slug)))


def load_files(slug: str, item_slug: str, who: Reader) -> Mapping[str, bytes]:
    """The notebook and the files beside it that it names. Raises: NotFound, Forbidden: closed to this person."""
    with current_runtime().db.reading() as tx:
        item = _get_open_notebook(tx, slug, item_slug, who)
        media = get_media(tx, slug, item.file.removeprefix("media/"))
        notebook = read_media(tx, media)
        folder = posixpath.dirname(media.path)
        found = {posixpath.basename(media.path): notebook}
        for other in tx.scalars(select(Media).where(Media.course_id == media.course_id, Media.id != media.id)):
            name = other.path.removeprefix(f"{folder}/") if folder else other.path
            is_beside = not folder or name != other.path
            if is_beside and any(word.encode() in notebook for word in {name, quote(name)}):
                found[name] = read_media(tx, other)
    return found


def _get_open_notebook(tx: Tx, slug: str, item_slug: str, who: Reader) -> Item:
    reading = read_course(tx, who, slug)
    item = reading.outline.find_item(item_slug)
    if item is None or item.kind is not ItemKind.NOTEBOOK or not item.file:
        raise NotFound("reading_not_found", "There is no such notebook in this course.")
    if item_slug in reading.locks or reading.is_dropped:
        raise Forbidden("reading_closed", "This notebook is not open to you now. Its page in your course says why.")
    return item


@blueprint.record_once
def _give_readings(state: BlueprintSetupState) -> None:
    assert isinstance(state.app, Flask)
    grading.set_readings(state.app, load_files)
