"""Key sets that a platform should not publish: a launch is refused in words, whatever comes."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from lti_tool.kernel.errors import Invalid
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.jwks import MAX_BYTES, MAX_KEYS, find_key
from lti_tool.lti.models import Registration
from lti_tool.lti.registrations import PlatformFacts, add_registration
from tests.fakes.answering import Answer, AnsweringServer


@pytest.fixture
def platform() -> Iterator[AnsweringServer]:
    with AnsweringServer() as server:
        yield server


@pytest.fixture
def registration(runtime: Runtime, platform: AnsweringServer) -> Registration:
    base = platform.url
    facts = PlatformFacts("L", base, "keys", base + "/auth", base + "/token", base + "/jwks")
    with runtime.db.transaction() as tx:
        return add_registration(tx, facts, allow_http=True)


def jwk(kid: str = "k", bits: int = 2048, **changes: Any) -> dict[str, Any]:
    public = rsa.generate_private_key(public_exponent=65537, key_size=bits).public_key()
    return {**RSAAlgorithm.to_jwk(public, as_dict=True), "kid": kid, "alg": "RS256", "use": "sig", **changes}


GOOD = jwk()
BAD: dict[str, bytes] = {
    "empty": b"",
    "a page": b"<html>Log in</html>",
    "a list": b"[]",
    "no keys": b"{}",
    "keys an object": b'{"keys": {"k": 1}}',
    "keys a text": b'{"keys": "k"}',
    "nested without end": b'{"keys": ' + b"[" * 60_000,
    "not UTF-8": b"\xff\xfe",
    "more than anybody needs": json.dumps({"keys": [GOOD], "x": "x" * MAX_BYTES}).encode(),
    "keys that are no objects": b'{"keys": [null, 1, "k", [], true]}',
    "no key id": json.dumps({"keys": [{**GOOD, "kid": ""}, {**GOOD, "kid": 7}]}).encode(),
    "for encryption": json.dumps({"keys": [{**GOOD, "use": "enc"}]}).encode(),
    "another algorithm": json.dumps({"keys": [{**GOOD, "alg": "RS512"}]}).encode(),
    "a shared secret": json.dumps({"keys": [{"kty": "oct", "kid": "k", "k": "c2VjcmV0"}]}).encode(),
    "an elliptic curve": json.dumps({"keys": [{"kty": "EC", "kid": "k", "crv": "P-256", "x": "x", "y": "y"}]}).encode(),
    "too short a key": json.dumps({"keys": [jwk(bits=1024)]}).encode(),
    "numbers that are none": json.dumps({"keys": [{**GOOD, "n": "!", "e": "AQAB"}]}).encode(),
    "an exponent of one": json.dumps({"keys": [{**GOOD, "e": "AQ"}]}).encode(),
    "after too many others": json.dumps(
        {"keys": [{**GOOD, "kid": f"other-{n}"} for n in range(MAX_KEYS)] + [GOOD]}
    ).encode(),
}


@pytest.mark.parametrize("case", BAD)
def test_key_set_of_no_use(case: str, runtime: Runtime, registration: Registration, platform: AnsweringServer) -> None:
    platform.answers["/jwks"] = [Answer(BAD[case])]
    with pytest.raises(Invalid) as caught:
        find_key(runtime, registration, None, "k")
    assert caught.value.code in ("keys_unavailable", "key_unknown", "key_invalid")


def test_good_key_is_found_among_others(
    runtime: Runtime, registration: Registration, platform: AnsweringServer
) -> None:
    others = [None, {"kty": "oct", "kid": "k"}, {**GOOD, "use": "enc"}, jwk("other")]
    platform.answers["/jwks"] = [Answer(json.dumps({"keys": [*others, GOOD]}).encode())]
    key = find_key(runtime, registration, None, "k")
    assert RSAAlgorithm.to_jwk(key, as_dict=True)["n"] == GOOD["n"]


def test_redirect_of_a_key_url_is_not_followed(
    runtime: Runtime, registration: Registration, platform: AnsweringServer
) -> None:
    platform.answers["/jwks"] = [Answer(status=302, headers={"Location": f"{platform.url}/elsewhere"})]
    platform.answers["/elsewhere"] = [Answer(json.dumps({"keys": [GOOD]}).encode())]
    with pytest.raises(Invalid):
        find_key(runtime, registration, None, "k")
    assert platform.count("/elsewhere") == 0
