"""What files keeps about a person: to be handed out, and to be removed."""

from typing import Any

from sqlalchemy import exists, select, update

from lti_tool.kernel.db import Tx, affect
from plugins.files.models import FileRow, UploadRow
from plugins.files.service import remove_upload


def export_personal_data(tx: Tx, user_id: int) -> dict[str, Any]:
    """The files that a person uploaded and the uploads under way; hashes stand for the content."""
    files = [
        {
            "id": row.id,
            "course": row.course_slug,
            "name": row.name,
            "content_type": row.content_type,
            "size": row.size,
            "sha256": row.sha256,
            "state": row.state.value,
            "uploaded_at": row.created_at.isoformat(),
        }
        for row in tx.scalars(select(FileRow).where(FileRow.owner_id == user_id).order_by(FileRow.id))
    ]
    uploads = [
        {"course": row.course_slug, "name": row.name, "size": row.length, "received": row.position}
        for row in tx.scalars(select(UploadRow).where(UploadRow.owner_id == user_id).order_by(UploadRow.created_at))
    ]
    return {"files": files, "uploads": uploads}


def erase_personal_data(tx: Tx, user_id: int) -> None:
    """Forget who uploaded what, and give up what is under way. The files are the course's, and stay."""
    is_whole = exists().where(FileRow.upload_id == UploadRow.id)
    mine = UploadRow.owner_id == user_id
    for upload in tx.scalars(select(UploadRow).where(mine, ~is_whole)).all():
        remove_upload(tx, upload)
    affect(tx, update(UploadRow).where(mine).values(owner_id=0))
    affect(tx, update(FileRow).where(FileRow.owner_id == user_id).values(owner_id=None))
