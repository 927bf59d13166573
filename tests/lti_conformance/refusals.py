"""What every refused launch has in common."""

from sqlalchemy import func, select
from werkzeug.test import TestResponse

from lti_tool.kernel.once import UsedOnce
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.models import Context, Deployment, Link, User, Visit
from lti_tool.web.session import SessionRow

TABLES = (SessionRow, UsedOnce, User, Deployment, Context, Link, Visit)


class Refusals:
    """Knows what was stored when it was made, and checks that a refused launch added nothing."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.before = self.count()

    def count(self) -> dict[str, int]:
        with self.runtime.db.reading() as tx:
            rows = {model.__name__: tx.scalar(select(func.count()).select_from(model)) for model in TABLES}
        return {name: number or 0 for name, number in rows.items()}

    def __call__(self, answer: TestResponse) -> None:
        """A page of 4xx that a person can read; no session, nobody learned, no state or nonce spent."""
        assert 400 <= answer.status_code < 500, (answer.status_code, answer.text[:300])
        assert "<h1>" in answer.text and "Traceback" not in answer.text
        assert self.count() == self.before
