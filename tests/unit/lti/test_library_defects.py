"""Known defects of PyLTI1p3 2.0.0: what the library does, and what this tool does instead.

docs/adr/0004 lists every row with its test; those that need a whole launch are in tests/lti_conformance.
"""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import jwt
import pytest
from pylti1p3.deep_link_resource import DeepLinkResource
from pylti1p3.grade import Grade
from pylti1p3.registration import Registration as LibraryRegistration
from pylti1p3.roles import TeacherRole
from pylti1p3.service_connector import ServiceConnector
from pylti1p3.tool_config.dict import ToolConfDict

from lti_tool.contract import Choice
from lti_tool.kernel import clock
from lti_tool.kernel.errors import Conflict, ExternalError, Forbidden, Invalid
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.browser import keep_browser_secret, new_browser_secret
from lti_tool.lti.deep_linking import make_content_item
from lti_tool.lti.dialects import GENERIC, MOODLE
from lti_tool.lti.jwks import find_key
from lti_tool.lti.keys import get_signing_key
from lti_tool.lti.ladder import Browser, prove_browser
from lti_tool.lti.login import add_query, parse_login
from lti_tool.lti.models import Registration
from lti_tool.lti.registrations import PlatformFacts, add_registration, get_registration_for_login
from lti_tool.lti.roles import role_of
from lti_tool.lti.scores import Score, score_body
from lti_tool.lti.services import MOST_PAGES, PlatformService
from lti_tool.lti.state import LoginState, digest
from lti_tool.lti.tokens import get_token
from lti_tool.lti.views import see_other
from tests.fakes.answering import Answer, AnsweringServer

MEMBERSHIP = "http://purl.imsglobal.org/vocab/lis/v2/membership"


@pytest.fixture
def platform() -> Iterator[AnsweringServer]:
    with AnsweringServer() as server:
        yield server


def register(runtime: Runtime, platform: AnsweringServer, client_id: str = "a") -> Registration:
    base = platform.url
    facts = PlatformFacts("L", base, client_id, base + "/auth", base + "/token", base + "/jwks")
    with runtime.db.transaction() as tx:
        return add_registration(tx, facts, allow_http=True)


@pytest.fixture
def registration(runtime: Runtime, platform: AnsweringServer) -> Registration:
    return register(runtime, platform)


def token(value: str = "t", **extra: Any) -> Answer:
    return Answer(json.dumps({"access_token": value, "token_type": "Bearer", **extra}).encode())


class TestKeys:
    """`MessageLaunch.fetch_public_key`: at each launch, or with a cache never again; status and size unchecked."""

    def test_unknown_keys_cost_one_fetch(
        self, runtime: Runtime, registration: Registration, platform: AnsweringServer
    ) -> None:
        platform.answers["/jwks"] = [Answer(b'{"keys": []}')]
        for _ in range(3):
            with pytest.raises(Invalid):
                find_key(runtime, registration, None, "unknown")
        assert platform.count("/jwks") == 1

    @pytest.mark.parametrize(
        "answer",
        [
            Answer(b""),
            Answer(b"<html>"),
            Answer(b"[]"),
            Answer(b'{"keys": 7}'),
            Answer(b'{"keys": {"a": 1}}'),
            Answer(b"[" * 100_000),
            Answer(b'{"keys": []}' + b" " * 300_000),
            Answer(b'{"keys": []}', status=404),
            Answer(status=302, headers={"Location": "/elsewhere"}),
        ],
        ids=lambda answer: f"{answer.status} {answer.body[:12]!r}",
    )
    def test_answer_that_is_no_key_set(
        self, answer: Answer, runtime: Runtime, registration: Registration, platform: AnsweringServer
    ) -> None:
        platform.answers["/jwks"] = [answer]
        with pytest.raises(Invalid):
            find_key(runtime, registration, None, "k")
        assert platform.count("/elsewhere") == 0

    def test_short_key_is_refused(
        self, runtime: Runtime, registration: Registration, platform: AnsweringServer
    ) -> None:
        weak = {"kty": "RSA", "kid": "k", "n": "x" * 100, "e": "AQAB"}
        platform.answers["/jwks"] = [Answer(json.dumps({"keys": [weak]}).encode())]
        with pytest.raises(Invalid):
            find_key(runtime, registration, None, "k")


class TestLogin:
    """`OIDCLogin`: an unknown issuer is a bare Exception (500), "?" is appended blindly, the deployment is ignored."""

    def test_unknown_issuer_is_a_4xx(self, runtime: Runtime) -> None:
        with pytest.raises(Invalid) as caught:
            get_registration_for_login(runtime.db, "https://unknown.example", None)
        assert caught.value.status == 400

    def test_query_of_the_authentication_url_survives(self) -> None:
        assert add_query("https://l.example/a?t=1&x=%26", {"state": "s"}) == "https://l.example/a?t=1&x=%26&state=s"

    def test_deployment_is_kept(self) -> None:
        given = {"iss": ["i"], "login_hint": ["h"], "target_link_uri": ["t"], "lti_deployment_id": ["7"]}
        assert parse_login(given).deployment_id == "7"

    def test_state_holds_for_one_browser(self) -> None:
        """`check_state_is_valid`: a replay in another browser works without a cookie."""
        made = LoginState(1, "n", "t", "h", None, digest("mine"), "", "", "cookie", issued_at=0)
        assert prove_browser(made, Browser("mine", None)).browser_secret == "mine"
        for secret in ("other", None):
            with pytest.raises(Forbidden):
                prove_browser(made, Browser(secret, None))

    def test_two_clients_of_one_issuer(self, runtime: Runtime, platform: AnsweringServer) -> None:
        """`ToolConfAbstract.issuers_relation_types`: one dict of the class for all instances."""
        assert ToolConfDict({}).issuers_relation_types is ToolConfDict({}).issuers_relation_types
        register(runtime, platform, "first")
        register(runtime, platform, "second")
        with pytest.raises(Conflict):
            register(runtime, platform, "second")
        assert get_registration_for_login(runtime.db, platform.url, "second").client_id == "second"
        with pytest.raises(Invalid, match="client_id"):
            get_registration_for_login(runtime.db, platform.url, None)


class TestTokens:
    """`ServiceConnector.get_access_token`: a dict per instance; `expires_in` is not looked at."""

    def test_library_asks_again_for_each_instance(self) -> None:
        first, second = (ServiceConnector(LibraryRegistration()) for _ in range(2))
        assert first._access_tokens is not second._access_tokens

    def test_are_shared_and_renewed_before_they_end(
        self, runtime: Runtime, registration: Registration, platform: AnsweringServer
    ) -> None:
        platform.answers["/token"] = [token(expires_in=100)]
        with clock.frozen(clock.now()):
            for scopes in (["b", "a"], ["a", "b"], ["a", "b", "a"]):
                assert get_token(runtime, registration, scopes) == "t"
            assert platform.count("/token") == 1
            clock.advance(91)
            get_token(runtime, registration, ["a", "b"])
        assert platform.count("/token") == 2

    def test_are_asked_for_with_an_assertion_that_is_used_once_and_never_early(
        self, runtime: Runtime, registration: Registration, platform: AnsweringServer
    ) -> None:
        """Moodle refuses an `iat` that its clock has not reached, and a strict platform a `jti` that it has seen."""
        platform.answers["/token"] = [token(expires_in=100)]
        with clock.frozen(clock.now()):
            moment, public = clock.now().timestamp(), get_signing_key(runtime).private.public_key()
            for scopes in (["a"], ["b"]):
                get_token(runtime, registration, scopes)
        forms = [dict(parse_qsl(asked.body.decode())) for asked in platform.asked]
        said = [
            jwt.decode(form["client_assertion"], public, algorithms=["RS256"], audience=platform.url + "/token")
            for form in forms
        ]
        assert [(each["iss"], each["sub"]) for each in said] == [("a", "a")] * 2
        assert len({each["jti"] for each in said}) == 2
        assert all(each["iat"] <= moment - 20 and moment < each["exp"] <= moment + 600 for each in said)

    def test_of_one_client_are_not_given_to_another(self, runtime: Runtime, platform: AnsweringServer) -> None:
        platform.answers["/token"] = [token("one"), token("two")]
        first, second = register(runtime, platform, "first"), register(runtime, platform, "second")
        assert get_token(runtime, first, ["a"]) == "one"
        assert get_token(runtime, second, ["a"]) == "two"

    def test_are_used_once_more_after_a_401_and_no_more(
        self, runtime: Runtime, registration: Registration, platform: AnsweringServer
    ) -> None:
        platform.answers = {"/token": [token("one"), token("two")], "/x": [Answer(status=401)]}
        answer = PlatformService(runtime, registration, ["a"]).request("GET", platform.url + "/x")
        assert answer.status_code == 401
        assert [asked.headers["Authorization"] for asked in platform.asked if asked.path == "/x"] == [
            "Bearer one",
            "Bearer two",
        ]

    @pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"access_token": 7}', b'{"access_token": ""}', b"<html>"])
    def test_answer_without_a_token(
        self, body: bytes, runtime: Runtime, registration: Registration, platform: AnsweringServer
    ) -> None:
        platform.answers["/token"] = [Answer(body)]
        with pytest.raises(ExternalError, match="gave no access token"):
            get_token(runtime, registration, ["a"])

    @pytest.mark.parametrize("life", [None, "soon", -1, 0, True])
    def test_life_that_is_not_said(
        self, life: Any, runtime: Runtime, registration: Registration, platform: AnsweringServer
    ) -> None:
        platform.answers["/token"] = [token(expires_in=life)]
        get_token(runtime, registration, ["a"])
        get_token(runtime, registration, ["a"])
        assert platform.count("/token") == 1


class TestServices:
    """`make_service_request`: bearer to any URL, the Link header lower-cased, no paging in AGS."""

    def test_next_page_keeps_its_case(
        self, runtime: Runtime, registration: Registration, platform: AnsweringServer
    ) -> None:
        link = f'<{platform.url}/List?Cursor=AbC%2f>; rel="next"'
        platform.answers = {
            "/token": [token()],
            "/first": [Answer(b"[]", headers={"Link": link})],
            "/List": [Answer(b"[]")],
        }
        list(PlatformService(runtime, registration, ["a"]).pages(platform.url + "/first", "x/y"))
        assert platform.asked[-1].path == "/List?Cursor=AbC%2f"

    def test_token_goes_to_the_platform_alone(
        self, runtime: Runtime, registration: Registration, platform: AnsweringServer
    ) -> None:
        with AnsweringServer() as elsewhere:
            with pytest.raises(ExternalError, match="not its own"):
                PlatformService(runtime, registration, ["a"]).request("GET", elsewhere.url + "/x")
            assert elsewhere.asked == []
        assert platform.asked == []

    def test_pages_in_a_circle_end(
        self, runtime: Runtime, registration: Registration, platform: AnsweringServer
    ) -> None:
        again = Answer(b"[]", headers={"Link": f'<{platform.url}/l>; rel="next"'})
        platform.answers = {"/token": [token()], "/l": [again]}
        with pytest.raises(ExternalError, match="does not end"):
            list(PlatformService(runtime, registration, ["a"]).pages(platform.url + "/l", "x/y"))

    def test_list_of_ever_new_pages_ends(
        self, runtime: Runtime, registration: Registration, platform: AnsweringServer
    ) -> None:
        pages = [Answer(b"[]", headers={"Link": f'<{platform.url}/l?page={n}>; rel="next"'}) for n in range(MOST_PAGES)]
        platform.answers = {"/token": [token()], "/l": [*pages, Answer(b"[]")]}
        with pytest.raises(ExternalError, match="does not end"):
            list(PlatformService(runtime, registration, ["a"]).pages(platform.url + "/l", "x/y"))
        assert platform.count("/l") == MOST_PAGES


class TestValues:
    """`Grade`, `LineItem`, `DeepLinkResource`: kept, with their seams used for what they lack."""

    def test_score_has_timestamp_and_submission(self) -> None:
        assert json.loads(Grade().get_value()) == {}
        moment = clock.now().replace(microsecond=0)
        score = Score(Decimal("7.5"), Decimal(10), "Completed", "FullyGraded", moment, "Well done", True)
        body = json.loads(score_body(MOODLE, "5", score, moment))
        assert body["submission"]["submittedAt"] == body["timestamp"]
        assert (body["scoreGiven"], body["scoreMaximum"], body["userId"]) == (7.5, 10, "5")

    def test_zero_is_a_score(self) -> None:
        score = Score(Decimal(0), Decimal(10), "Completed", "FullyGraded", None, "", True)
        assert json.loads(score_body(GENERIC, "5", score, clock.now()))["scoreGiven"] == 0

    def test_content_item_leaves_out_what_is_not_set(self) -> None:
        assert DeepLinkResource().to_dict()["title"] is None
        choice = Choice("courses/a/b", "a", "A", "B", "lesson", "M", "/courses/a/b")
        assert make_content_item(choice, "https://t.example", GENERIC, with_line_item=True) == {
            "type": "ltiResourceLink",
            "title": "B",
            "url": "https://t.example",
            "custom": {"coursebridge_item": "courses/a/b"},
        }

    def test_assistant_is_no_teacher(self) -> None:
        names = [f"{MEMBERSHIP}#Instructor", f"{MEMBERSHIP}/Instructor#TeachingAssistant"]
        data: Any = {"https://purl.imsglobal.org/spec/lti/claim/roles": names}
        assert TeacherRole(data).check()
        assert role_of(names) is Role.ASSISTANT

    def test_cookie_is_partitioned_and_holds_no_token(self) -> None:
        response = see_other("/x")
        keep_browser_secret(response, new_browser_secret())
        cookie = response.headers["Set-Cookie"]
        assert "Partitioned" in cookie and len(cookie) < 200


def test_signing_key_is_kept_encrypted(runtime: Runtime) -> None:
    """`Registration.set_tool_private_key`: plain PEM, one key, no rotation."""
    from sqlalchemy import select

    from lti_tool.lti.models import ToolKey

    get_signing_key(runtime)
    with runtime.db.reading() as tx:
        (cipher,) = tx.scalars(select(ToolKey.private_cipher)).all()
    assert "PRIVATE" not in cipher
