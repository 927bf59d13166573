"""Asking a platform for its notices: one PUT for each type, once for each deployment.

https://www.imsglobal.org/spec/lti-pns/v1p0/#platform-notification-service
"""

import json

from sqlalchemy import select

from lti_tool.kernel import clock, jobs
from lti_tool.kernel.audit import OPERATOR, Actor, record
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import ExternalError
from lti_tool.kernel.jobs import JobRun
from lti_tool.kernel.runtime import Runtime
from lti_tool.kernel.upsert import upsert
from lti_tool.lti.claims_more import NoticesClaim
from lti_tool.lti.messages import AskForNotices
from lti_tool.lti.models import Deployment, Registration
from lti_tool.lti.models_services import NoticeHandler
from lti_tool.lti.notices import HANDLED
from lti_tool.lti.registrations import get_registration, is_platform_url, target_of
from lti_tool.lti.retry_after import retry_after_s
from lti_tool.lti.services import PlatformService

SCOPE = "https://purl.imsglobal.org/spec/lti/scope/noticehandlers"
HANDLER_PATH = "/lti/notices"


def learn_notices(
    tx: Tx, runtime: Runtime, registration: Registration, deployment: Deployment, claim: NoticesClaim
) -> None:
    """Have a job ask for the notices that a launch offers, unless they were asked for already."""
    allow_http = runtime.settings.lti.allow_private_hosts
    if SCOPE not in claim.scopes or not is_platform_url(registration, claim.url, allow_http=allow_http):
        return
    facts = {"service_url": claim.url, "handler_url": runtime.settings.root_url + HANDLER_PATH}
    rows = select(NoticeHandler).where(NoticeHandler.deployment_row_id == deployment.id)
    known = {row.notice_type: row for row in tx.scalars(rows)}
    missing = [
        kind
        for kind in HANDLED
        if kind in claim.types
        and not (kind in known and all(getattr(known[kind], name) == value for name, value in facts.items()))
    ]
    for kind in missing:
        key = {"deployment_row_id": deployment.id, "notice_type": kind}
        upsert(tx, NoticeHandler, key, {**facts, "registered_at": None, "problem": None})
    if missing:
        jobs.enqueue(tx, AskForNotices(deployment.id))


def ask_again(tx: Tx, registration_id: int, by: Actor = OPERATOR) -> int:
    """Ask a platform for every type once more, as an operator wishes; returns of how many deployments.

    Raises: NotFound.
    """
    platform = get_registration(tx, registration_id)
    query = (
        select(NoticeHandler)
        .join(Deployment, Deployment.id == NoticeHandler.deployment_row_id)
        .where(Deployment.registration_id == registration_id)
    )
    rows = tx.scalars(query).all()
    for row in rows:
        row.registered_at = row.problem = None
    asked = sorted({row.deployment_row_id for row in rows})
    for deployment_row_id in asked:
        jobs.enqueue(tx, AskForNotices(deployment_row_id))
    record(tx, by, "platform.ask_notices", target_of(platform), after={"deployments": len(asked)})
    return len(asked)


def list_handlers(tx: Tx, deployment_row_id: int) -> list[NoticeHandler]:
    """What was asked for in a deployment."""
    query = select(NoticeHandler).where(NoticeHandler.deployment_row_id == deployment_row_id)
    return list(tx.scalars(query.order_by(NoticeHandler.notice_type)))


def ask_for_notices(run: JobRun, message: AskForNotices) -> None:
    """Handle `AskForNotices`."""
    runtime = run.runtime
    with runtime.db.reading() as tx:
        deployment = tx.get(Deployment, message.deployment_row_id)
        registration = tx.get(Registration, deployment.registration_id) if deployment else None
        waiting = [row for row in list_handlers(tx, message.deployment_row_id) if row.registered_at is None]
    if registration is None:
        return
    service = PlatformService(runtime, registration, [SCOPE])
    for row in waiting:
        try:
            _put(service, registration, row)
        except ExternalError as error:
            with runtime.db.transaction() as tx:
                _record(tx, row, error.message)
            raise
        with runtime.db.transaction() as tx:
            _record(tx, row, None)


def _put(service: PlatformService, registration: Registration, row: NoticeHandler) -> None:
    wanted = json.dumps({"notice_type": row.notice_type, "handler": row.handler_url})
    response = service.request("PUT", row.service_url, content=wanted, content_type="application/json")
    if not response.is_success:
        status = response.status_code
        busy = status in (408, 425, 429) or status >= 500
        text = f"{registration.name} does not send {row.notice_type} here ({status})."
        wait = retry_after_s(response) if busy else None
        raise ExternalError("notices_refused", text, {"status": status}, retryable=busy, retry_after_s=wait)


def _record(tx: Tx, asked: NoticeHandler, problem: str | None) -> None:
    row = tx.get(NoticeHandler, (asked.deployment_row_id, asked.notice_type))
    if row is not None and row.service_url == asked.service_url and row.handler_url == asked.handler_url:
        row.problem, row.registered_at = problem, None if problem else clock.now()
