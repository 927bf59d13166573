"""What is made once per process and passed down: settings, database, signer, outbound HTTP."""

from dataclasses import dataclass

from config.settings import Settings
from lti_tool.kernel.db import Database
from lti_tool.kernel.http import OutboundHttp
from lti_tool.kernel.signing import Signer


@dataclass(frozen=True)
class Runtime:
    """Handed to views (as `current_runtime()`), handlers (`job_run.runtime`) and commands."""

    settings: Settings
    db: Database
    signer: Signer
    http: OutboundHttp


def make_runtime(settings: Settings) -> Runtime:
    """Build the runtime of a process from its settings."""
    return Runtime(
        settings=settings,
        db=Database(
            settings.database.url,
            pool_size=settings.database.pool_size,
            busy_timeout_s=settings.database.busy_timeout_s,
        ),
        signer=Signer(settings.secret_key.get_secret_value()),
        http=OutboundHttp(allow_private=settings.lti.allow_private_hosts),
    )
