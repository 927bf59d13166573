"""What runs out is deleted, again and again."""

from lti_tool.kernel import jobs
from lti_tool.kernel.once import forget_expired
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.invites import forget_old_invites
from lti_tool.lti.notices import forget_old_notices
from lti_tool.lti.refusals import forget_old_refusals
from lti_tool.lti.tokens import forget_expired_tokens
from lti_tool.web.session import forget_expired_sessions

EVERY_S = 600.0


def clean(runtime: Runtime) -> None:
    """Used states and nonces, sessions, tokens, notices and invites that are over, and jobs that were done long ago."""
    with runtime.db.transaction() as tx:
        forget_expired(tx)
    with runtime.db.transaction() as tx:
        forget_expired_sessions(tx)
        forget_old_invites(tx)
        forget_old_notices(tx)
        forget_old_refusals(tx)
    forget_expired_tokens(runtime)
    jobs.forget_done(runtime)
