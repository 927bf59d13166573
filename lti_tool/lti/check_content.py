"""The page `/lti/check` as something that a teacher places in the LMS: opened there, it tells of the frame there."""

from collections.abc import Collection

from flask_babel import gettext as _

from lti_tool.contract import Choice
from lti_tool.kernel.db import Tx
from lti_tool.kernel.permissions import Role

CHECK_REF = "lti/check"
CHECK_PATH = "/lti/check"


class CheckContents:
    """Answers `lti_tool.contract.Contents`, with one choice that belongs to no course."""

    def list_choices(self, tx: Tx, registration_id: int) -> list[Choice]:
        """The page."""
        return [_choice()]

    def find_choice(self, tx: Tx, registration_id: int, ref: str) -> Choice | None:
        """The page, if it is asked for. No query: every launch asks."""
        return _choice() if ref == CHECK_REF else None

    def list_titles(self, tx: Tx, refs: Collection[str]) -> dict[str, str]:
        """The page, if it is among them."""
        return {CHECK_REF: _choice().title} if CHECK_REF in refs else {}

    def begin_path(self, role: Role) -> str | None:
        """Nothing is written here."""
        return None

    def review_path_of(self, tx: Tx, ref: str, user_id: int) -> str:
        """Nobody's work: the page itself."""
        return CHECK_PATH


def _choice() -> Choice:
    return Choice(
        ref=CHECK_REF,
        course_slug="",
        course_title="",
        title=_("Check this browser"),
        kind="check",
        group=_("To try things out"),
        path=CHECK_PATH,
        text=_("Says how the browser was recognised, and what the LMS lets this tool do."),
    )
