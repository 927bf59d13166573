"""Calling a platform's services: URLs with queries, paging, timestamps, what refusals mean."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest

from lti_tool.kernel import clock
from lti_tool.kernel.errors import ExternalError
from lti_tool.lti.dialects import CANVAS, GENERIC, MOODLE, Dialect, detect_dialect, link_score_maximum
from lti_tool.lti.models import Registration
from lti_tool.lti.registrations import is_platform_url, origin_of
from lti_tool.lti.retry_after import retry_after_s
from lti_tool.lti.scores import Score, reason_to_skip, refusal, score_timestamp
from lti_tool.lti.services import next_page, under

HERE = "https://lms.example/mod/lti/services.php/2/lineitems?type_id=1&Page=A%2fb"


def page(*links: str) -> httpx.Response:
    return httpx.Response(200, headers=[("Link", link) for link in links])


class TestNextPage:
    def test_is_followed_byte_for_byte(self) -> None:
        url = "https://lms.example/List?Cursor=AbC%2fd%2F&x=1,2"
        assert next_page(page(f'<{url}>; rel="next"'), HERE) == url

    def test_among_others(self) -> None:
        found = next_page(page('<https://lms.example/1>; rel="first", <https://lms.example/2>; rel=next'), HERE)
        assert found == "https://lms.example/2"
        assert (
            next_page(page('<https://lms.example/1>; rel="first"', '</3>; rel="next"'), HERE) == "https://lms.example/3"
        )

    def test_curly_quotes_of_moodle(self) -> None:
        broken = "<https://lms.example/l?type_id=1&amp;from=2>; rel=“next”".encode()
        response = httpx.Response(200, headers=[(b"Link", broken)])
        assert next_page(response, HERE) == "https://lms.example/l?type_id=1&from=2"

    def test_none(self) -> None:
        assert next_page(page(), HERE) is None
        assert next_page(page('<https://lms.example/1>; rel="prev"'), HERE) is None
        assert next_page(page('<https://lms.example/1>; rel="nextish"; title="next"'), HERE) is None

    @pytest.mark.parametrize("url", ["https://evil.example/2", "http://lms.example/2", "https://lms.example:444/2"])
    def test_of_another_origin(self, url: str) -> None:
        with pytest.raises(ExternalError) as caught:
            next_page(page(f'<{url}>; rel="next"'), HERE)
        assert not caught.value.retryable


def test_scores_go_before_the_query() -> None:
    assert under("https://x.example/item?type_id=1", "scores") == "https://x.example/item/scores?type_id=1"
    assert under("https://x.example/item/", "scores") == "https://x.example/item/scores"


class TestPlatformUrl:
    moodle = Registration(
        issuer="https://lms.example", auth_url="https://lms.example/auth", token_url="https://lms.example:8443/t",
        jwks_url="https://keys.example/jwks", service_hosts=["vanity.example"], dialect="moodle",
    )  # fmt: skip
    canvas = Registration(
        issuer="https://canvas.instructure.com", auth_url="https://sso.canvaslms.com/a", token_url="https://sso.canvaslms.com/t",
        jwks_url="https://sso.canvaslms.com/j", service_hosts=[], dialect="canvas",
    )  # fmt: skip

    @pytest.mark.parametrize(
        ("url", "own"),
        [
            ("https://lms.example/x", True),
            ("https://LMS.example/x", True),
            ("https://lms.example:443/x", True),
            ("https://lms.example:8443/x", True),
            ("https://vanity.example/x", True),
            ("http://lms.example/x", False),
            ("https://lms.example:9/x", False),
            ("https://lms.example@evil.example/", False),
            ("https://evil.example/?https://lms.example", False),
            ("https://lms.example.evil.example/", False),
            ("https://lms.example\\.evil.example/", False),
            ("https://lms.example/x\r\ny", False),
            ("javascript:alert(1)", False),
            ("//lms.example/x", False),
            ("https://lms.example:port/", False),
            ("https://school.instructure.com/x", False),
            ("", False),
            (None, False),
        ],
    )
    def test_of_a_platform(self, url: str | None, own: bool) -> None:
        assert is_platform_url(self.moodle, url, allow_http=False) is own

    def test_of_hosted_canvas(self) -> None:
        assert is_platform_url(self.canvas, "https://school.instructure.com/api/lti", allow_http=False)
        assert not is_platform_url(self.canvas, "https://evilinstructure.com/", allow_http=False)
        assert not is_platform_url(self.canvas, "https://canvas.school.example/", allow_http=False)


def test_origin_is_safe_in_a_header() -> None:
    for url in ("https://a b.example", "https://a.example;script-src", "https://*.example", "https://ä.example"):
        assert origin_of(url) == ""


class TestTimestamps:
    def test_are_whole_seconds_and_increase(self) -> None:
        with clock.frozen(datetime(2026, 1, 1, 12, 0, 0, 900_000, tzinfo=UTC)):
            first = score_timestamp(None)
            second = score_timestamp(first)
            third = score_timestamp(second)
        assert first == datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
        assert (second - first, third - second) == (timedelta(seconds=1),) * 2

    def test_later_clock_wins(self) -> None:
        with clock.frozen(datetime(2026, 1, 1, 12, 0, tzinfo=UTC)):
            assert score_timestamp(datetime(2025, 1, 1, tzinfo=UTC)) == datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "text", "code", "retryable"),
    [
        (422, "User not found in course or is not a student", "learner_left", False),
        (400, "Incorrect score received", "learner_left", False),
        (
            422,
            "The maximum number of allowed attempts has been reached for this submission",
            "attempts_exhausted",
            False,
        ),
        (422, "The course is not published", "course_unpublished", False),
        (404, "", "line_item_gone", False),
        (412, "", "line_item_gone", False),
        (409, "Refusing score with an earlier timestamp", "newer_score", True),
        (400, "Provided timestamp of … before last updated timestamp of …, cannot update score", "newer_score", True),
        (400, "Provided submittedAt is in the future", "newer_score", True),
        (400, "scoreGiven must be a number", "score_refused", False),
        (403, "403 Forbidden (Rate Limit Exceeded)", "lms_busy", True),
        (403, "", "not_allowed", False),
        (401, "", "not_allowed", False),
        (429, "", "lms_busy", True),
        (502, "", "lms_busy", True),
        (418, "", "score_refused", False),
    ],
)
def test_refusal(status: int, text: str, code: str, retryable: bool) -> None:
    error = refusal("Campus", httpx.Response(status, text=text))
    assert (error.code, error.retryable) == (code, retryable)
    assert error.message.startswith("Campus: ")


def test_retry_after() -> None:
    with clock.frozen(datetime(2026, 1, 1, 12, 0, tzinfo=UTC)):
        assert retry_after_s(httpx.Response(429, headers={"Retry-After": "120"})) == 120
        assert retry_after_s(httpx.Response(503, headers={"Retry-After": "Thu, 01 Jan 2026 12:01:00 GMT"})) == 60
        assert retry_after_s(httpx.Response(503, headers={"Retry-After": "99999999"})) == 3600
        for value in ("", "soon", "-5", "²"):
            assert retry_after_s(httpx.Response(503, headers={"Retry-After": value.encode()})) is None


class TestDialects:
    def test_detection(self) -> None:
        assert detect_dialect("https://canvas.instructure.com") is CANVAS
        assert detect_dialect("https://evilinstructure.com") is GENERIC
        assert detect_dialect("https://lms.example", "moodle") is MOODLE

    @pytest.mark.parametrize(("points", "moodle", "canvas"), [("12.5", 13, 13), ("1000", 100, 1000), ("0.2", 1, 1)])
    def test_maximum_of_a_link(self, points: str, moodle: int, canvas: int) -> None:
        assert link_score_maximum(MOODLE, Decimal(points)) == moodle
        assert link_score_maximum(CANVAS, Decimal(points)) == canvas

    @pytest.mark.parametrize(
        ("dialect", "given", "progress", "skipped"),
        [
            (MOODLE, "5", "FullyGraded", False),
            (MOODLE, "5", "PendingManual", True),
            (MOODLE, None, "FullyGraded", True),
            (CANVAS, None, "PendingManual", False),
            (GENERIC, None, "PendingManual", True),
            (GENERIC, "5", "PendingManual", False),
        ],
    )
    def test_what_would_erase_a_grade(self, dialect: Dialect, given: str | None, progress: str, skipped: bool) -> None:
        score = Score(Decimal(given) if given else None, Decimal(10), "Completed", progress, None, "", True)
        assert (reason_to_skip(dialect, score) is not None) is skipped
