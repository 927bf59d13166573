"""Columns of a strict LMS's gradebook: made, found, changed and deleted by the line item service."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest

from lti_tool.demo.model import Activity, Tool
from lti_tool.demo.testing import CampusServer
from lti_tool.kernel.errors import ExternalError
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.line_items import LINE_ITEM_READ_SCOPE, LINE_ITEM_SCOPE, LineItem, LineItems, read_number
from lti_tool.lti.models import Link, Registration
from lti_tool.lti.scores import ScoreRefused
from lti_tool.lti.services import PlatformService
from tests.fakes.launching import Launcher

both = pytest.mark.parametrize("campus", ["moodle", "canvas"], indirect=True)
moodle = pytest.mark.parametrize("campus", ["moodle"], indirect=True)
canvas = pytest.mark.parametrize("campus", ["canvas"], indirect=True)


@pytest.fixture
def service(runtime: Runtime, registration_id: int) -> PlatformService:
    with runtime.db.reading() as tx:
        return PlatformService(runtime, tx.get_one(Registration, registration_id), [LINE_ITEM_SCOPE])


@pytest.fixture
def items(service: PlatformService, campus: CampusServer, tool: Tool) -> LineItems:
    return LineItems(service, campus.campus.line_items_url(tool))


def extra(number: int, **more: Any) -> LineItem:
    """A column of no activity."""
    return LineItem(**{"label": f"Extra {number}", "maximum": Decimal(5), "tag": "extra", **more})


def labels(found: Any) -> list[str]:
    return [item.label for item in found]


@both
def test_column_lives_a_full_life(items: LineItems, campus: CampusServer) -> None:
    made = items.create(extra(1, maximum=Decimal("7.5"), resource_id="courses/demo/x"))
    assert made.url.startswith(campus.base_url)
    assert (made.label, made.maximum, made.tag, made.resource_id) == (
        "Extra 1",
        Decimal("7.5"),
        "extra",
        "courses/demo/x",
    )
    assert items.find(made.url) == made
    assert labels(items.list()) == ["Extra 1"]

    changed = items.change(made, label="Renamed", maximum=Decimal(8))
    assert changed == replace(made, label="Renamed", maximum=Decimal(8)), "nothing else is lost"
    assert items.find(made.url) == changed

    items.delete(made.url)
    assert items.find(made.url) is None
    assert list(items.list()) == []
    items.delete(made.url)  # gone already: no error
    with pytest.raises(ScoreRefused) as caught:
        items.change(changed, label="Too late")
    assert caught.value.code == "line_item_gone" and not caught.value.retryable


@both
def test_change_keeps_the_column_with_its_activity(items: LineItems, campus: CampusServer, quiz: Activity) -> None:
    (before,) = items.list()
    assert before.resource_link_id == quiz.resource_link_id
    items.change(before, maximum=Decimal(20))
    (column,) = campus.line_items(quiz)
    assert (column.score_maximum, column.activity_id) == (20, quiz.id)


@canvas
def test_what_the_platform_says_beyond_goes_back_as_it_came(items: LineItems, campus: CampusServer) -> None:
    dates = {"endDateTime": "2030-01-01T00:00:00Z", "https://canvas.example/x": {"a": [1, None]}}
    made = items.create(extra(1, extra=dates))
    items.change(made, label="Renamed")
    (column,) = campus.line_items()
    assert column.extra == dates


@both
def test_filters_find_what_was_asked_for(items: LineItems, campus: CampusServer, quiz: Activity) -> None:
    other = campus.add_activity("Other", points=3)
    for number in (1, 2):
        items.create(extra(number, resource_id=f"r{number}", tag=f"t{number % 2}"))
    assert labels(items.list(resource_link_id=quiz.resource_link_id)) == ["First quiz"]
    assert labels(items.list(resource_link_id=other.resource_link_id)) == ["Other"]
    assert labels(items.list(resource_id="r2")) == ["Extra 2"]
    assert labels(items.list(tag="t1")) == ["Extra 1"]
    assert labels(items.list(tag="t1", resource_id="r2")) == []
    assert labels(items.list()) == ["First quiz", "Other", "Extra 1", "Extra 2"]


@both
def test_filters_hold_where_the_platform_knows_none(
    items: LineItems, campus: CampusServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        items.create(extra(number, resource_id=f"r{number}"))
    ask = PlatformService.request

    def forgetful(self: PlatformService, method: str, url: str, **more: Any) -> httpx.Response:
        return ask(self, method, url.replace("resource_id=", "unknown="), **more)

    monkeypatch.setattr(PlatformService, "request", forgetful)
    assert labels(items.list(resource_id="r2")) == ["Extra 2"]


@both
def test_long_list_is_read_page_by_page(items: LineItems, campus: CampusServer) -> None:
    for number in range(25):
        items.create(extra(number, tag="even" if number % 2 == 0 else "odd"))
    before = campus.hits("lineitems")
    assert labels(items.list(limit=4)) == [f"Extra {number}" for number in range(25)]
    assert campus.hits("lineitems") == before + 7
    assert labels(items.list(tag="odd", limit=5)) == [f"Extra {number}" for number in range(1, 25, 2)]


@both
def test_list_that_goes_on_at_another_address_is_not_followed(
    items: LineItems, campus: CampusServer, quiz: Activity
) -> None:
    before = campus.hits("lineitems")
    campus.set_fault("lineitems", "foreign_next", times=1)
    with pytest.raises(ExternalError) as caught:
        list(items.list())
    assert (caught.value.code, caught.value.retryable) == ("page_foreign", False)
    assert campus.hits("lineitems") == before + 1


@both
def test_list_is_read_no_further_than_it_is_looked_at(items: LineItems, campus: CampusServer) -> None:
    for number in range(6):
        items.create(extra(number))
    before = campus.hits("lineitems")
    assert next(items.list(limit=2)).label == "Extra 0"
    assert campus.hits("lineitems") == before + 1


@pytest.mark.parametrize("status", [404, 410, 412])
def test_column_that_is_gone(items: LineItems, campus: CampusServer, quiz: Activity, status: int) -> None:
    (column,) = items.list()
    campus.set_fault("lineitems", "status", value=status)
    assert items.find(column.url) is None
    items.delete(column.url)
    with pytest.raises(ScoreRefused) as caught:
        items.change(column, label="New")
    assert (caught.value.code, caught.value.retryable) == ("line_item_gone", False)


@both
@pytest.mark.parametrize(("status", "code", "retryable"), [(403, "not_allowed", False), (503, "lms_busy", True)])
def test_refusal_says_why(
    items: LineItems, campus: CampusServer, quiz: Activity, status: int, code: str, retryable: bool
) -> None:
    (column,) = items.list()
    campus.set_fault("lineitems", "status", value=status, times=3)
    calls = (lambda: items.find(column.url), lambda: items.create(extra(1)), lambda: items.delete(column.url))
    for call in calls:
        with pytest.raises(ScoreRefused) as caught:
            call()
        assert (caught.value.code, caught.value.retryable) == (code, retryable)
        assert caught.value.message.startswith("Campus: ")


@canvas
def test_column_of_an_assignment_stays_where_the_platform_wants_it(
    items: LineItems, campus: CampusServer, quiz: Activity
) -> None:
    (column,) = items.list()
    with pytest.raises(ScoreRefused) as caught:
        items.delete(column.url)
    assert caught.value.code == "not_allowed"
    assert len(campus.line_items(quiz)) == 1


@both
def test_reading_needs_no_more_than_the_right_to_read(
    runtime: Runtime, registration_id: int, items: LineItems, campus: CampusServer, tool: Tool
) -> None:
    made = items.create(extra(1))
    with runtime.db.reading() as tx:
        reader = PlatformService(runtime, tx.get_one(Registration, registration_id), [LINE_ITEM_READ_SCOPE])
    reading = LineItems(reader, campus.campus.line_items_url(tool))
    assert labels(reading.list()) == ["Extra 1"]
    assert reading.find(made.url) == made
    with pytest.raises(ScoreRefused):
        reading.change(made, label="No")
    assert labels(items.list()) == ["Extra 1"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/lineitems", "https://evil.example/lineitems", "ftp://x/", ""])
def test_foreign_address_is_not_called(service: PlatformService, campus: CampusServer, url: str) -> None:
    with pytest.raises(ExternalError) as caught:
        LineItems(service, url).create(extra(1))
    assert caught.value.code == "foreign_address"
    assert campus.hits("token") == 0


def test_web_page_instead_of_columns_is_tried_again(items: LineItems, campus: CampusServer, quiz: Activity) -> None:
    (column,) = items.list()
    campus.set_fault("lineitems", "html")
    for call in (lambda: list(items.list()), lambda: items.find(column.url), lambda: items.create(extra(1))):
        with pytest.raises(ScoreRefused) as caught:
            call()
        assert (caught.value.code, caught.value.retryable) == ("lms_answer", True)


@pytest.mark.parametrize("value", [None, "5", True, [], float("nan"), float("inf")])
def test_maximum_that_is_no_number_is_none(value: Any) -> None:
    assert read_number(value) is None


@both
def test_deleted_column_is_forgotten_when_the_activity_is_opened(
    launcher: Launcher, items: LineItems, campus: CampusServer, quiz: Activity, runtime: Runtime
) -> None:
    """What a launch says of columns is believed, whatever was known before."""
    launcher.open("ada", quiz)
    campus.campus.store.delete_line_item(campus.line_items(quiz)[0].id)
    launcher.open("ada", quiz)
    with runtime.db.reading() as tx:
        assert tx.get_one(Link, 1).lineitem_url is None
