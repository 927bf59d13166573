"""What the upload box (`templates/files/upload.html`) needs, on the page of files or on another part's."""

from typing import Any

from flask import url_for

from lti_tool.kernel.runtime import Runtime


def upload_box(runtime: Runtime, course_slug: str, *, replaces_id: int | None = None) -> dict[str, Any]:
    """The context of one upload box. Within a request of a session."""
    settings = runtime.settings.files
    return {
        "endpoint": url_for("files.create_upload"),
        "action": url_for("files.upload_form", slug=course_slug, replaces=replaces_id),
        "page_url": url_for("files.list_course", slug=course_slug),
        "chunk_bytes": settings.chunk_bytes,
        "max_bytes": settings.max_bytes,
        "max_form_bytes": min(settings.max_form_bytes, runtime.settings.web.max_request_bytes),
        "replaces": replaces_id,
    }
