"""How platforms differ, as data. Everything else in LTI is written once, for the specification."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Dialect:
    """What one kind of platform does its own way."""

    name: str
    families: tuple[str, ...] = ()
    """Values of `product_family_code` that mean this platform."""
    issuer_suffix: str = ""
    """Hosted issuers end like this …"""
    host_suffixes: tuple[str, ...] = ()
    """… and then every host that ends like these is the platform's own."""
    link_maximum: int | None = None
    """Largest `scoreMaximum` in a deep linking response."""
    keeps_grade_when_pending: bool = False
    """A score that is not FullyGraded can be sent without erasing the grade (with the submission extension)."""
    submission_extension: str | None = None
    """Key of the extension of a score that says more about the submission."""
    opens_reviews: bool = True
    """Does its gradebook open work by the Submission Review message? Canvas launches an address instead."""
    scores_at_once: int = 1
    """How many scores may be on their way at once. Canvas asks tools to send one after another."""
    custom: Mapping[str, str] = field(default_factory=dict)
    """Custom parameters that the platform is asked for at registration; it fills the variables in at each launch."""


HISTORY = {"coursebridge_history": "$Context.id.history"}
GENERIC = Dialect("generic", custom={**HISTORY, "coursebridge_link_history": "$ResourceLink.id.history"})
MOODLE = Dialect("moodle", families=("moodle",), link_maximum=100, custom=HISTORY, scores_at_once=4)
CANVAS = Dialect(
    "canvas",
    families=("canvas",),
    issuer_suffix=".instructure.com",
    host_suffixes=(".instructure.com", ".canvaslms.com"),
    keeps_grade_when_pending=True,
    submission_extension="https://canvas.instructure.com/lti/submission",
    opens_reviews=False,
    custom={
        **HISTORY,
        "coursebridge_brand": "$com.instructure.brandConfigJSON",
        "coursebridge_course": "$Canvas.course.id",
        "coursebridge_previous": "$Canvas.course.previousCourseIds",
        "coursebridge_observees": "$com.instructure.User.observees",
    },
)
DIALECTS = {dialect.name: dialect for dialect in (GENERIC, MOODLE, CANVAS)}


def get_dialect(name: str) -> Dialect:
    """By its name; one that this release does not know is generic."""
    return DIALECTS.get(name, GENERIC)


def detect_dialect(issuer: str, family: str = "") -> Dialect:
    """From what the platform says of itself, else from a hosted issuer."""
    host = urlsplit(issuer).hostname or ""
    for dialect in DIALECTS.values():
        if family in dialect.families or (dialect.issuer_suffix and host.endswith(dialect.issuer_suffix)):
            return dialect
    return GENERIC


def link_score_maximum(dialect: Dialect, points: Decimal) -> int:
    """`scoreMaximum` for a deep linking response: a whole number, at least 1.

    Moodle refuses fractions and more than 100 here. Scores carry their own maximum and platforms rescale: nothing is
    lost.
    """
    whole = max(1, int(points.to_integral_value(ROUND_CEILING)))
    return min(whole, dialect.link_maximum) if dialect.link_maximum else whole
