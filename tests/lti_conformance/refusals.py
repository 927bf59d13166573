"""What every refused launch has in common."""

from sqlalchemy import func, inspect, literal, select, table, union_all
from werkzeug.test import TestResponse

from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.models import CachedKeys, Refusal
from lti_tool.lti.score_models import PlatformLine

BESIDE = {model.__tablename__ for model in (CachedKeys, Refusal, PlatformLine)}
"""What is known of a platform: its public keys, whether it answers, and why launches that it signed were refused."""


class Refusals:
    """Knows what was stored when it was made, and checks that a refused launch added nothing."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.tables = sorted(set(inspect(runtime.db.engine).get_table_names()) - BESIDE)
        self.before = self.count()

    def count(self) -> dict[str, int]:
        """How many rows each table has."""
        parts = [select(literal(name), func.count()).select_from(table(name)) for name in self.tables]
        with self.runtime.db.reading() as tx:
            return dict(tx.execute(union_all(*parts)).all())

    def __call__(self, answer: TestResponse) -> None:
        """A page of 4xx that a person can read; no session, nobody learned, no state or nonce spent, nothing at all."""
        assert 400 <= answer.status_code < 500, (answer.status_code, answer.text[:300])
        assert "<h1>" in answer.text and "Traceback" not in answer.text
        assert self.count() == self.before
