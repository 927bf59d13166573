"""One platform against another: tokens, client ids, a platform that is switched off."""

from dataclasses import replace

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

from grading.hub_tickets import Ticket, ticket_url, work_path
from lti_tool.kernel.errors import Conflict
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.commands import platform
from lti_tool.lti.registrations import PlatformFacts, add_registration, origin_of
from tests.factories.grading import KEY, NAME, SLUG, Place, Someone
from tests.fakes.hub import FakeHub
from tests.functional.grading.test_api import API, HUB

SCHOOL = PlatformFacts(
    name="School",
    issuer="https://lms.school.example",
    client_id="tool-at-school",
    auth_url="https://lms.school.example/auth",
    token_url="https://lms.school.example/token",
    jwks_url="https://lms.school.example/jwks",
)
EVIL = replace(
    SCHOOL,
    name="Evil",
    issuer="https://evil.example",
    auth_url="https://evil.example/auth",
    token_url="https://evil.example/token",
    jwks_url="https://evil.example/jwks",
)


class TestMixUp:
    """Every platform gets assertions signed with the same key of ours: none may be good at another's token service."""

    @pytest.mark.parametrize(
        "evil",
        [
            replace(EVIL, token_url=SCHOOL.token_url),
            replace(EVIL, token_audience=SCHOOL.token_url),
            replace(EVIL, token_audience="https://LMS.school.example:443/token"),
            replace(EVIL, token_audience=SCHOOL.issuer),
        ],
        ids=["token service", "audience", "audience, otherwise written", "issuer as audience"],
    )
    def test_client_of_another_platform_is_not_registered(self, runtime: Runtime, evil: PlatformFacts) -> None:
        with runtime.db.transaction() as tx:
            add_registration(tx, SCHOOL)
        with pytest.raises(Conflict) as caught, runtime.db.transaction() as tx:
            add_registration(tx, evil)
        assert caught.value.code == "client_taken"

    def test_nor_when_it_comes_first(self, runtime: Runtime) -> None:
        with runtime.db.transaction() as tx:
            add_registration(tx, replace(EVIL, token_audience="urn:school"))
        with pytest.raises(Conflict), runtime.db.transaction() as tx:
            add_registration(tx, replace(SCHOOL, token_audience="urn:school"))

    def test_two_platforms_may_happen_to_give_the_same_client_id(self, runtime: Runtime) -> None:
        with runtime.db.transaction() as tx:
            one, other = add_registration(tx, SCHOOL), add_registration(tx, EVIL)
            assert one.client_id == other.client_id
            assert one.id != other.id

    def test_whoever_approves_sees_where_tokens_are_asked_for(self, runtime: Runtime) -> None:
        with runtime.db.transaction() as tx:
            add_registration(tx, replace(EVIL, token_audience="https://elsewhere.example/token"))
        shown = CliRunner().invoke(platform, ["list"], obj=runtime, catch_exceptions=False).output
        for address in (EVIL.auth_url, EVIL.token_url, EVIL.jwks_url, "https://elsewhere.example/token"):
            assert address in shown


class TestSwitchedOff:
    """`platform disable` is for the day a platform has been broken into."""

    def off(self, runtime: Runtime, place: Place) -> None:
        words = ["disable", str(place.registration_id)]
        assert CliRunner().invoke(platform, words, obj=runtime, catch_exceptions=False).exit_code == 0

    def test_sessions_end(self, runtime: Runtime, browse: object, learner: Someone) -> None:
        browser = browse(learner)  # type: ignore[operator]  # the fixture is a function
        assert browser.get(f"/grading/{SLUG}/{NAME}").status_code == 200
        self.off(runtime, learner.place)
        assert browser.get(f"/grading/{SLUG}/{NAME}").status_code == 401

    def test_token_of_a_notebook_server_opens_nothing(
        self, runtime: Runtime, client: FlaskClient, hub: FakeHub, learner: Someone
    ) -> None:
        token = {"Authorization": f"Bearer {hub.token_of(learner.hub_name)}"}
        assert client.get(f"{API}/courses", headers=token).status_code == 200
        self.off(runtime, learner.place)
        assert client.get(f"{API}/courses", headers=token).status_code == 403

    def test_hub_lets_nobody_in(self, runtime: Runtime, client: FlaskClient, teacher: Someone) -> None:
        url = ticket_url(runtime, Ticket(teacher.hub_name, work_path(KEY, NAME)))
        self.off(runtime, teacher.place)
        ticket = url.partition("ticket=")[2]
        assert client.post(f"{API}/hub/tickets/redeem", json={"ticket": ticket}, headers=HUB).status_code == 410
        assert client.get(f"{API}/hub/users/{teacher.hub_name}/courses", headers=HUB).status_code == 404


@pytest.mark.parametrize(
    "url", ["https://a\x01b.example", "https://evil.example%2f.instructure.com", "https://a\x7f.example"]
)
def test_host_with_anything_unusual_is_no_origin(url: str) -> None:
    assert origin_of(url) == ""
