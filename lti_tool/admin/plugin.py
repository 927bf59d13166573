"""What this part offers."""

from typing import Any

from sqlalchemy import select

from lti_tool.admin import (
    guard,
    views_deliveries,
    views_entry,
    views_overview,
    views_platforms,
    views_registration,
    views_work,
)
from lti_tool.admin.blueprint import BLUEPRINT
from lti_tool.admin.commands import admin
from lti_tool.admin.models import MODELS, AdminSession
from lti_tool.admin.sessions import end_admin_sessions_of, forget_expired
from lti_tool.contract import Plugin, Recurring
from lti_tool.kernel.db import Tx
from lti_tool.kernel.runtime import Runtime

WITH_PAGES = (guard, views_deliveries, views_entry, views_overview, views_platforms, views_registration, views_work)
"""Importing them hangs their pages on the blueprint."""
EVERY_S = 600.0


def _clean(runtime: Runtime) -> None:
    with runtime.db.transaction() as tx:
        forget_expired(tx)


def _export(tx: Tx, user_id: int) -> dict[str, Any]:
    rows = tx.scalars(select(AdminSession).where(AdminSession.user_id == user_id))
    return {"console_sessions": [row.created_at.isoformat() for row in rows]}


PLUGIN = Plugin(
    name="admin",
    summary="The console of those who run the installation.",
    requires=("lti",),
    models=MODELS,
    blueprints=(BLUEPRINT,),
    commands=(admin,),
    recurring=(Recurring("admin.clean", EVERY_S, _clean),),
    export_personal_data=_export,
    erase_personal_data=end_admin_sessions_of,
)
