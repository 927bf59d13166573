"""`coursebridge reviews`, as an operator uses it."""

from typing import Any

from click.testing import CliRunner

from lti_tool.kernel.runtime import Runtime
from plugins.reviews import public
from plugins.reviews.commands import reviews
from tests.factories.grading import SLUG
from tests.functional.reviews.conftest import who_of
from tests.functional.reviews.test_ratings import save


def run(runtime: Runtime, *arguments: str) -> str:
    done = CliRunner().invoke(reviews, arguments, obj=runtime, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_an_operator_hides_and_restores_a_review(someone: Any, runtime: Runtime) -> None:
    number = str(save(runtime, who_of(someone()), 2).id)
    assert run(runtime, "queue") == ""
    run(runtime, "hide", SLUG, number, "--reason", "against the law")
    assert run(runtime, "queue").startswith(f"{number}\t{SLUG}\t2 stars\thidden by operator")
    with runtime.db.reading() as tx:
        assert public.rating(tx, runtime, [SLUG])[SLUG].count == 0
    run(runtime, "restore", SLUG, number)
    assert run(runtime, "queue") == ""
