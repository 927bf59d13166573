"""Hostile and broken launches, one case each: a readable 4xx, no session, nothing stored."""

import base64
import json
import time
from typing import Any

import jwt
import pytest

from lti_tool.demo.model import Activity
from lti_tool.demo.testing import CampusServer, make_signing_key
from lti_tool.lti.claims import AGS, DL, LTI, NRPS
from tests.fakes.launching import Launcher
from tests.lti_conformance.refusals import Refusals

MINE = "coursebridge"
LAUNCH = "https://localhost/lti/launch"
ATTACKER = make_signing_key("attacker")
DEEP_SETTINGS = {
    "deep_link_return_url": "http://127.0.0.1/x",
    "accept_types": ["ltiResourceLink"],
    "accept_presentation_document_targets": ["iframe"],
}


def now() -> int:
    return int(time.time())


HEADERS: dict[str, dict[str, Any]] = {
    "alg none": {"header": {"alg": "none"}},
    "alg None": {"header": {"alg": "None"}},
    "RS384": {"header": {"alg": "RS384"}},
    "RS512": {"header": {"alg": "RS512"}},
    "PS256": {"header": {"alg": "PS256"}},
    "alg missing": {"drop_header": ["alg"]},
    "alg a list": {"header": {"alg": ["RS256"]}},
    "kid a number": {"header": {"kid": 7}},
    "kid empty": {"header": {"kid": ""}},
    "kid endless": {"header": {"kid": "k" * 5000}},
    "kid a path": {"header": {"kid": "../../etc/passwd"}},
    "crit": {"header": {"crit": ["exp"], "exp": 1}},
    "crit unknown": {"header": {"crit": ["urn:example:critical"], "urn:example:critical": True}},
    "b64 false": {"header": {"crit": ["b64"], "b64": False}},
    "typ of an access token": {"header": {"typ": "at+jwt"}},
    "own key": {"key": ATTACKER},
    "own key with jku": {"key": ATTACKER, "header": {"jku": "http://127.0.0.1:1/jwks"}},
    "own key with x5u": {"key": ATTACKER, "header": {"x5u": "http://127.0.0.1:1/cert"}},
    "own key in jwk": {"key": ATTACKER, "header": {"jwk": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}}},
}
CLAIMS: dict[str, Any] = {
    "iss of another": {"iss": "https://elsewhere.example"},
    "iss with a slash more": lambda campus: {"iss": campus.issuer + "/"},
    "aud of another": {"aud": "somebody-else"},
    "aud empty list": {"aud": []},
    "aud with a stranger": {"aud": [MINE, "stranger"], "azp": MINE},
    "aud ours in second place, azp of the first": {"aud": ["stranger", MINE], "azp": "stranger"},
    "aud two without azp": {"aud": [MINE, "stranger"]},
    "aud a number": {"aud": 7},
    "azp of another": {"azp": "somebody-else"},
    "azp a list": {"azp": [MINE]},
    "exp past the leeway": lambda campus: {"exp": now() - 62},
    "exp a string": {"exp": "tomorrow"},
    "exp true": {"exp": True},
    "exp endless": {"exp": 1e300},
    "iat in the future": lambda campus: {"iat": now() + 63},
    "iat too old": lambda campus: {"iat": now() - 662},
    "iat null": {"iat": None},
    "nbf in the future": lambda campus: {"nbf": now() + 63},
    "nbf a string": {"nbf": "now"},
    "nonce of another state": {"nonce": "x" * 43},
    "nonce a number": {"nonce": 1},
    "message type of a notice": {LTI + "message_type": "LtiNotice"},
    "message type a list": {LTI + "message_type": ["LtiResourceLinkRequest"]},
    "version a number": {LTI + "version": 1.3},
    "deployment of another tenant": {LTI + "deployment_id": "999"},
    "deployment too long": {LTI + "deployment_id": "9" * 256},
    "deployment a number": {LTI + "deployment_id": 1},
    "deployment null": {LTI + "deployment_id": None},
    "target off host": {LTI + "target_link_uri": "https://evil.example/lti/launch"},
    "target with a user": {LTI + "target_link_uri": "https://localhost@evil.example/lti/launch"},
    "target changed": {LTI + "target_link_uri": LAUNCH + "?item=other"},
    "target javascript": {LTI + "target_link_uri": "javascript:alert(1)"},
    "target a list": {LTI + "target_link_uri": [LAUNCH]},
    "target with a broken port": {LTI + "target_link_uri": "https://localhost:port/lti/launch"},
    "resource link a string": {LTI + "resource_link": "link-1"},
    "resource link a list": {LTI + "resource_link": ["link-1"]},
    "resource link id empty": {LTI + "resource_link": {"id": ""}},
    "resource link id blank": {LTI + "resource_link": {"id": "  "}},
    "resource link id a number": {LTI + "resource_link": {"id": 5}},
    "resource link id too long": {LTI + "resource_link": {"id": "x" * 256}},
    "resource link title an object": {LTI + "resource_link": {"id": "1", "title": {"en": "x"}}},
    "roles a string": {LTI + "roles": "Instructor"},
    "roles an object": {LTI + "roles": {"0": "Instructor"}},
    "roles with null": {LTI + "roles": [None]},
    "roles endless": {LTI + "roles": ["Instructor"] * 500},
    "sub empty": {"sub": ""},
    "sub too long": {"sub": "5" * 256},
    "sub not ASCII": {"sub": "ädä"},
    "sub a number": {"sub": 5},
    "sub with NUL": {"sub": "5\0"},
    "name with NUL": {"name": "Ada\0"},
    "name half a surrogate pair": {"name": "\ud800"},
    "name an object": {"name": {"first": "Ada"}},
    "context a string": {LTI + "context": "2"},
    "context without id": {LTI + "context": {"title": "No id"}},
    "custom a string": {LTI + "custom": "coursebridge_item=x"},
    "custom item a list": {LTI + "custom": {"coursebridge_item": ["courses/demo/quiz-1"]}},
    "launch presentation a list": {LTI + "launch_presentation": ["iframe"]},
    "tool platform a string": {LTI + "tool_platform": "moodle"},
    "AGS a list": {AGS: []},
    "AGS scope a string": {AGS: {"scope": "all"}},
    "AGS on another host": {AGS: {"scope": [], "lineitems": "https://evil.example/lineitems"}},
    "AGS inside the house": {AGS: {"scope": [], "lineitem": "http://169.254.169.254/latest"}},
    "AGS with a user": {AGS: {"scope": [], "lineitem": "http://127.0.0.1:1@evil.example/x"}},
    "NRPS on another host": {NRPS: {"context_memberships_url": "https://evil.example/members"}},
    "NRPS a number": {NRPS: 1},
}
DEEP: dict[str, Any] = {
    "return URL of javascript": {
        DL + "deep_linking_settings": {**DEEP_SETTINGS, "deep_link_return_url": "javascript:alert(1)"}
    },
    "return URL on another host": {
        DL + "deep_linking_settings": {**DEEP_SETTINGS, "deep_link_return_url": "https://evil.example/"}
    },
    "return URL missing": {DL + "deep_linking_settings": {"accept_types": ["ltiResourceLink"]}},
    "return URL with a line break": lambda campus: {
        DL + "deep_linking_settings": {
            **DEEP_SETTINGS,
            "deep_link_return_url": campus.base_url + "/x\r\nSet-Cookie: a=b",
        }
    },
    "settings missing": {DL + "deep_linking_settings": None},
    "settings a string": {DL + "deep_linking_settings": "x"},
    "accept_types a string": {DL + "deep_linking_settings": {**DEEP_SETTINGS, "accept_types": "ltiResourceLink"}},
    "accept_multiple a number": lambda campus: {
        DL + "deep_linking_settings": {**DEEP_SETTINGS, "deep_link_return_url": campus.base_url, "accept_multiple": 1}
    },
    "data an object": lambda campus: {
        DL + "deep_linking_settings": {**DEEP_SETTINGS, "deep_link_return_url": campus.base_url, "data": {"a": 1}}
    },
    "learner picks": {LTI + "roles": ["http://purl.imsglobal.org/vocab/lis/v2/membership#Learner"]},
    "institution teacher picks": {
        LTI + "roles": ["http://purl.imsglobal.org/vocab/lis/v2/institution/person#Instructor"]
    },
}
PAYLOADS: dict[str, bytes] = {
    "not JSON": b"hello",
    "a list": b"[1]",
    "null": b"null",
    "nested without end": b"[" * 60_000,
    "not UTF-8": b"\xff\xfe{}",
    "a number of many digits": b'{"exp": ' + b"9" * 6000 + b"}",
    "empty": b"",
}


def changes(case: Any, campus: CampusServer) -> dict[str, Any]:
    found: dict[str, Any] = case(campus) if callable(case) else case
    return found


@pytest.mark.parametrize("case", HEADERS)
def test_header(case: str, launcher: Launcher, quiz: Activity, refused: Refusals) -> None:
    refused(launcher.launch_changed("ada", quiz, **HEADERS[case]))


@pytest.mark.parametrize("case", CLAIMS)
def test_claim(case: str, launcher: Launcher, quiz: Activity, campus: CampusServer, refused: Refusals) -> None:
    refused(launcher.launch_changed("ada", quiz, claims=changes(CLAIMS[case], campus)))


@pytest.mark.parametrize("missing", ["iss", "aud", "exp", "iat", "nonce", LTI + "target_link_uri"])
def test_missing_claim(missing: str, launcher: Launcher, quiz: Activity, refused: Refusals) -> None:
    refused(launcher.launch_changed("ada", quiz, drop=[missing]))


@pytest.mark.parametrize("case", DEEP)
def test_deep_linking(case: str, launcher: Launcher, campus: CampusServer, refused: Refusals) -> None:
    refused(launcher.launch_changed("tess", None, claims=changes(DEEP[case], campus)))


@pytest.mark.parametrize("case", PAYLOADS)
def test_payload(case: str, launcher: Launcher, quiz: Activity, refused: Refusals) -> None:
    refused(launcher.launch_changed("ada", quiz, payload=PAYLOADS[case]))


def test_hmac_under_the_public_key(launcher: Launcher, quiz: Activity, campus: CampusServer, refused: Refusals) -> None:
    from lti_tool.demo.minting import SigningKey

    current = campus.campus.keys.current
    key = SigningKey(current.as_pem(private=False), str(current.kid))
    refused(launcher.launch_changed("ada", quiz, key=key, header={"alg": "HS256"}))


def test_leeway_is_59_seconds_at_least(launcher: Launcher, quiz: Activity) -> None:
    late = {"exp": now() - 55, "iat": now() - 100}
    early = {"iat": now() + 55, "nbf": now() + 55, "exp": now() + 200}
    for claims in (late, early):
        assert launcher.launch_changed("ada", quiz, claims=claims).status_code == 303


def test_second_audience_is_refused_but_a_list_of_one_is_taken(launcher: Launcher, quiz: Activity) -> None:
    assert launcher.launch_changed("ada", quiz, claims={"aud": [MINE]}).status_code == 303


def test_right_to_left_name_and_html_are_shown_as_text(
    launcher: Launcher, campus: CampusServer, quiz: Activity
) -> None:
    empty = campus.add_activity("<b>Title</b>")
    name = "عائشة <img src=x onerror=alert(1)>"
    answer = launcher.launch_changed("ada", empty, claims={"name": name})
    page = launcher.client.get(answer.headers["Location"]).text
    assert "<img" not in page
    assert "عائشة &lt;img src=x" in page


@pytest.mark.parametrize("part", [0, 1, 2])
def test_tampered_part(part: int, launcher: Launcher, quiz: Activity, campus: CampusServer, refused: Refusals) -> None:
    url = launcher.login("ada", quiz)
    fields = dict(campus.mint_launch("ada", quiz, url).fields)
    pieces = fields["id_token"].split(".")
    decoded = bytearray(base64.urlsafe_b64decode(pieces[part] + "=="))
    decoded[len(decoded) // 2] ^= 1
    pieces[part] = base64.urlsafe_b64encode(bytes(decoded)).rstrip(b"=").decode()
    answer = launcher.launch_changed("ada", quiz, auth_url=url, form={"id_token": ".".join(pieces)})
    refused(answer)


def test_other_payload_under_the_signature(
    launcher: Launcher, quiz: Activity, campus: CampusServer, refused: Refusals
) -> None:
    url = launcher.login("ada", quiz)
    token = campus.mint_launch("ada", quiz, url).fields["id_token"]
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    claims[LTI + "roles"] = ["http://purl.imsglobal.org/vocab/lis/v2/membership#Instructor"]
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    answer = launcher.launch_changed("ada", quiz, auth_url=url, form={"id_token": f"{head}.{forged}.{signature}"})
    refused(answer)


@pytest.mark.parametrize(
    "token",
    ["", "x", "a.b", "a.b.c.d", "....", "e30.e30.", "ä.ö.ü", "null.null.null", "W10.W10.W10", "x" * 300_000],
    ids=lambda token: token[:10] + ("…" if len(token) > 10 else ""),
)
def test_what_is_no_token(token: str, launcher: Launcher, quiz: Activity, refused: Refusals) -> None:
    refused(launcher.launch_changed("ada", quiz, form={"id_token": token}))


def test_json_serialisation_with_two_signatures(launcher: Launcher, quiz: Activity, refused: Refusals) -> None:
    both = json.dumps({"payload": "e30", "signatures": [{"protected": "e30", "signature": "x"}] * 2})
    refused(launcher.launch_changed("ada", quiz, form={"id_token": both}))


def test_token_and_state_missing(launcher: Launcher, quiz: Activity, refused: Refusals) -> None:
    for form in ({"id_token": None}, {"state": None}, {"id_token": None, "state": None}):
        refused(launcher.launch_changed("ada", quiz, form=form))


def test_two_tokens_in_one_form(launcher: Launcher, quiz: Activity, campus: CampusServer, refused: Refusals) -> None:
    fields = campus.mint_launch("ada", quiz, launcher.login("ada", quiz)).fields
    form = {"id_token": [fields["id_token"], fields["id_token"]], "state": fields["state"]}
    refused(launcher.client.post("/lti/launch", data=form))


def test_access_token_of_ours_is_no_launch(launcher: Launcher, quiz: Activity, refused: Refusals) -> None:
    token = jwt.encode({"iss": "x"}, "k" * 40, algorithm="HS256", headers={"kid": "1"})
    refused(launcher.launch_changed("ada", quiz, form={"id_token": token}))
