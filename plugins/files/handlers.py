"""What files does about messages, and again and again."""

import shutil
from datetime import timedelta
from pathlib import Path

from sqlalchemy import exists, select

from lti_tool.contract import Recurring
from lti_tool.kernel import clock
from lti_tool.kernel.jobs import JobRun
from lti_tool.kernel.messages import Handler
from lti_tool.kernel.runtime import Runtime
from plugins.files.checking import check_received, give_up_checking
from plugins.files.messages import CheckFile, DropContent
from plugins.files.models import FileRow, FileState, UploadRow
from plugins.files.service import remove_row, remove_upload
from plugins.files.stores import storage_of

TIDY_S = 600.0
REFUSED_KEPT = timedelta(days=7)
LEFT_BEHIND = timedelta(days=2)
BATCH = 200


def drop_unnamed_content(run: JobRun, message: DropContent) -> None:
    """Delete content that no row names any more."""
    storage_of(run.runtime).delete_all(message.prefix)


def tidy(runtime: Runtime) -> None:
    """Give up uploads that nobody continues, forget refused files after a week, remove what killed processes left."""
    moment = clock.now()
    with runtime.db.transaction() as tx:
        is_whole = exists().where(FileRow.upload_id == UploadRow.id)
        late = select(UploadRow).where(UploadRow.expires_at < moment, ~is_whole).limit(BATCH)
        for upload in tx.scalars(late.with_for_update(of=UploadRow)).all():
            remove_upload(tx, upload)
        old = select(FileRow).where(FileRow.state == FileState.REFUSED, FileRow.created_at < moment - REFUSED_KEPT)
        for row in tx.scalars(old.limit(BATCH)).all():
            remove_row(tx, row)
    _remove_old_folders(runtime.settings.data_dir / "files" / "tmp", (moment - LEFT_BEHIND).timestamp())


def _remove_old_folders(parent: Path, before: float) -> None:
    for left in parent.iterdir() if parent.is_dir() else ():
        if left.stat().st_mtime < before:
            shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)


HANDLERS = (
    Handler("files.check_received", CheckFile, check_received, on_dead=give_up_checking),
    Handler("files.drop_unnamed_content", DropContent, drop_unnamed_content),
)
RECURRING = (Recurring("files.tidy", TIDY_S, tidy),)
