"""Hostile launches: each malformation is really in the message."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from joserfc import jwt
from joserfc.errors import BadSignatureError
from joserfc.jwk import OctKey, RSAKey

from lti_tool.demo import claims
from lti_tool.demo.keys import decode_segment
from lti_tool.demo.testing import make_signing_key
from tests.functional.demo.conftest import Installed


def platform_key(site: Installed) -> RSAKey:
    return site.campus.campus.keys.current


def test_unchanged_message_is_sound(either: Installed) -> None:
    token = either.campus.mint_id_token("ada", either.activity, nonce="n")
    body = jwt.decode(token, platform_key(either), algorithms=["RS256"]).claims
    assert body["nonce"] == "n"
    assert decode_segment(token, 0)["kid"] == platform_key(either).kid


def test_claims_are_replaced_and_dropped(either: Installed) -> None:
    changes = {claims.VERSION: "1.1", "aud": ["a", "b"]}
    token = either.campus.mint_id_token("ada", either.activity, nonce="n", claims=changes, drop=["exp", claims.ROLES])
    body = decode_segment(token, 1)
    assert (body[claims.VERSION], body["aud"]) == ("1.1", ["a", "b"])
    assert not {"exp", claims.ROLES} & set(body)


@pytest.mark.parametrize("alg", ["RS384", "RS512", "PS256"])
def test_other_algorithms_are_really_signed(either: Installed, alg: str) -> None:
    token = either.campus.mint_id_token("ada", either.activity, nonce="n", header={"alg": alg})
    assert jwt.decode(token, platform_key(either), algorithms=[alg]).header["alg"] == alg


def test_unsigned_and_confused_messages(either: Installed) -> None:
    token = either.campus.mint_id_token("ada", either.activity, nonce="n", header={"alg": "none"})
    assert token.endswith(".")
    public = make_signing_key().__class__(platform_key(either).as_pem(private=False), "public")
    token = either.campus.mint_id_token("ada", either.activity, nonce="n", header={"alg": "HS256"}, key=public)
    secret = OctKey.import_key("x" * 32)
    with pytest.raises(BadSignatureError):
        jwt.decode(token, secret, algorithms=["HS256"])
    assert decode_segment(token, 0) == {"alg": "HS256", "typ": "JWT", "kid": "public"}


def test_foreign_key_and_missing_kid(either: Installed) -> None:
    token = either.campus.mint_id_token(
        "ada", either.activity, nonce="n", key=make_signing_key("evil"), drop_header=["kid"]
    )
    assert "kid" not in decode_segment(token, 0)
    with pytest.raises(BadSignatureError):
        jwt.decode(token, platform_key(either), algorithms=["RS256"])


def test_raw_payload(either: Installed) -> None:
    token = either.campus.mint_id_token("ada", either.activity, nonce="n", payload=b"[1]")
    assert token.split(".")[1] == "WzFd"


def test_launch_form_answers_the_authentication_request(either: Installed) -> None:
    query = urlencode({"nonce": "n5", "state": "s5", "redirect_uri": "http://localhost:1/lti/launch"})
    form = either.campus.mint_launch("ada", either.activity, f"{either.campus.auth_url}?{query}")
    assert form.url == "http://localhost:1/lti/launch"
    assert form.fields["state"] == "s5"
    assert decode_segment(form.fields["id_token"], 1)["nonce"] == "n5"


def test_minted_deep_linking_names_a_live_return_url(either: Installed) -> None:
    body = decode_segment(either.campus.mint_id_token("tess", nonce="n"), 1)
    assert body[claims.MESSAGE_TYPE] == claims.DEEP_LAUNCH
    url = body[claims.DEEP_LINKING_SETTINGS]["deep_link_return_url"]
    assert "finished before" not in either.http.post(url, data={"JWT": "a.b.c"}).text
