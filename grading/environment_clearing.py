"""Environments that no quiz asks for any more are deleted, some weeks later: a teacher who goes back finds theirs."""

import logging
import re
import shutil
from datetime import timedelta
from pathlib import Path

from sqlalchemy import delete, exists, update

from grading.engine.files import locked
from grading.environment_build import lock_of
from grading.environments import folder_of, is_environment_of
from grading.models import AssignmentRow, EnvironmentRow
from lti_tool.kernel import clock
from lti_tool.kernel.crashpoints import reach
from lti_tool.kernel.runtime import Runtime

log = logging.getLogger(__name__)

EVERY_S = 6 * 3600.0
KEPT = timedelta(days=30)
"""How long an environment stays that nobody asks for. One that is wanted after all is built again."""
DIGEST = re.compile(r"[0-9a-f]{64}")


def clear_environments(runtime: Runtime) -> None:
    """Note what is not asked for, forget what has not been for long, and delete the folders of what is forgotten.

    Killed at any point, it is done again; a folder is not deleted while it is being built.
    """
    now = clock.now()
    is_asked_for = exists().where(AssignmentRow.requirements != "", is_environment_of())
    with runtime.db.transaction() as tx:
        tx.execute(update(EnvironmentRow).where(is_asked_for).values(unused_since=None))
        unused = update(EnvironmentRow).where(~is_asked_for, EnvironmentRow.unused_since.is_(None))
        tx.execute(unused.values(unused_since=now))
        tx.execute(delete(EnvironmentRow).where(~is_asked_for, EnvironmentRow.unused_since < now - KEPT))
    reach("environments.forgotten")
    for folder in _folders(runtime):
        with locked(folder.parent, lock_of(folder)):
            if not _is_known(runtime, folder.name):  # asked again: whoever wants it built waits for the lock
                shutil.rmtree(folder)
                log.info("environment_deleted", extra={"digest": folder.name})


def _folders(runtime: Runtime) -> list[Path]:
    place = folder_of(runtime.settings, "")
    found = sorted(place.iterdir()) if place.is_dir() else []
    return [folder for folder in found if DIGEST.fullmatch(folder.name) and not _is_known(runtime, folder.name)]


def _is_known(runtime: Runtime, digest: str) -> bool:
    with runtime.db.reading() as tx:
        return tx.get(EnvironmentRow, digest) is not None
