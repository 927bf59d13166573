"""What the pages of files show."""

from typing import Any

from flask import url_for
from flask_babel import gettext as _

from lti_tool.kernel.db import Tx
from lti_tool.kernel.runtime import Runtime
from lti_tool.web.session import SignedIn
from plugins.files import quota
from plugins.files.boxes import upload_box
from plugins.files.models import FileRow, FileState, UploadRow
from plugins.files.public import file_url
from plugins.files.refusals import say_refusal
from plugins.files.service import StoredFile, find_newer, list_files, list_newer, list_uses
from plugins.files.serving import is_shown
from plugins.files.uploads import list_open


def list_context(tx: Tx, runtime: Runtime, session: SignedIn, slug: str) -> dict[str, Any]:
    """The page of all files: five queries, whatever their number."""
    files = list_files(tx, slug)
    uses = list_uses(tx, [file.id for file in files])
    newer = {row.replaces_id: row for row in list_newer(tx, slug)}
    used, limit = quota.used_bytes(tx, slug), runtime.settings.files.quota_bytes
    rows = [_row(slug, file, len(uses.get(file.id, [])), newer.get(file.id)) for file in files]
    busy = any(row["state"] == "scanning" or row["newer"] == "scanning" for row in rows)
    return {
        "box": upload_box(runtime, slug),
        "rows": rows,
        "unfinished": [_unfinished(slug, upload) for upload in list_open(tx, slug, session.user_id)],
        "quota": {"used": used, "limit": limit, "percent": min(100, round(100 * used / limit)) if limit else 100},
        "list_url": url_for("files.list_course", slug=slug),
        "busy": busy,
    }


def file_context(tx: Tx, runtime: Runtime, slug: str, file: StoredFile) -> dict[str, Any]:
    """The page of one file."""
    is_ready = file.state is FileState.READY
    uses = list_uses(tx, [file.id]).get(file.id, [])
    place: dict[str, Any] = {"slug": slug, "file_id": file.id}
    return {
        "trail": [(_("Files"), url_for("files.list_course", slug=slug))],
        "file": _row(slug, file, len(uses), find_newer(tx, file.id)) | {"sha256": file.sha256},
        "uses": uses,
        "download_url": file_url(runtime, file) if is_ready else None,
        "image_url": _image_url(runtime, file) if is_ready else None,
        "box": None if file.state is FileState.SCANNING else upload_box(runtime, slug, replaces_id=file.id),
        "delete_url": None if uses else url_for("files.delete", **place),
    }


def say_kind(content_type: str) -> str:
    """What people call a file of a type."""
    kinds = {
        "application/pdf": _("PDF"),
        "application/zip": _("Archive"),
        "application/x-ipynb+json": _("Notebook"),
        "text/csv": _("Table"),
        "text/vtt": _("Captions"),
    }
    families = {"image": _("Image"), "video": _("Video"), "audio": _("Audio"), "text": _("Text")}
    said: str = kinds.get(content_type) or families.get(content_type.partition("/")[0]) or _("Document")
    return said


def _row(slug: str, file: StoredFile, uses: int, newer: FileRow | None) -> dict[str, Any]:
    return {
        "name": file.name,
        "slug": file.slug,
        "url": url_for("files.show_file", slug=slug, file_id=file.id),
        "kind": say_kind(file.content_type) if file.content_type else None,
        "size": file.size,
        "pixels": f"{file.width} × {file.height}" if file.width else None,
        "created_at": file.created_at,
        "state": file.state.value,
        "refusal": say_refusal(file.refusal) if file.refusal else None,
        "uses": uses,
        "newer": newer.state.value if newer else None,
        "newer_refusal": say_refusal(newer.refusal) if newer and newer.refusal else None,
    }


def _unfinished(slug: str, upload: UploadRow) -> dict[str, Any]:
    return {
        "name": upload.name,
        "size": upload.length,
        "position": upload.position,
        "percent": 100 * upload.position // upload.length,
        "fingerprint": upload.fingerprint,
        "replaces": upload.replaces_id,
        "expires_at": upload.expires_at,
        "url": url_for("files.upload", upload_id=upload.id),
        "discard_url": url_for("files.discard", slug=slug, upload_id=upload.id),
    }


def _image_url(runtime: Runtime, file: StoredFile) -> str | None:
    if not file.content_type.startswith("image/"):
        return None
    return file_url(runtime, file, inline=is_shown(file.content_type))
