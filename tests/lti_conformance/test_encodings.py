"""Tokens that say the same in another spelling, or two things at once: signed well, and refused all the same."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from lti_tool.demo.minting import segment
from lti_tool.demo.model import Activity
from lti_tool.lti.claims import LTI
from tests.fakes.launching import Launcher
from tests.lti_conformance.refusals import Refusals

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


class Forge:
    """An honest token in its parts, and the platform's own key to sign any others."""

    def __init__(self, launcher: Launcher, quiz: Activity) -> None:
        self.launcher, self.quiz = launcher, quiz
        self.url = launcher.login("ada", quiz)
        token = launcher.campus.mint_launch("ada", quiz, self.url).fields["id_token"]
        self.head, self.body, self.signature = token.split(".")

    def sign(self, head: str, body: str) -> str:
        key = load_pem_private_key(self.launcher.campus.campus.keys.current.as_pem(private=True), None)
        assert isinstance(key, RSAPrivateKey)
        text = f"{head}.{body}"
        return f"{text}.{segment(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    def post(self, token: str) -> Any:
        return self.launcher.launch_changed("ada", self.quiz, auth_url=self.url, form={"id_token": token})

    def read(self, part: str) -> bytes:
        return base64.urlsafe_b64decode(part + "==")


@pytest.fixture
def forge(launcher: Launcher, quiz: Activity) -> Forge:
    return Forge(launcher, quiz)


def test_forge_is_honest(forge: Forge) -> None:
    assert forge.post(forge.sign(forge.head, forge.body)).status_code == 303


def stray(part: str) -> str:
    """The same bytes: the bits that the last character has too many, set."""
    free = {2: 15, 3: 3}[len(part) % 4]
    return part[:-1] + ALPHABET[ALPHABET.index(part[-1]) | free]


SPELLINGS = {
    "padding": lambda part: part + "=" * (-len(part) % 4 or 1),
    "a space": lambda part: part + " ",
    "a line break": lambda part: part[:8] + "\n" + part[8:],
    "a line break at the end": lambda part: part + "\r\n",
    "a NUL": lambda part: part + "\0",
    "a percent sign": lambda part: part + "%3D",
    "a full stop": lambda part: part + ".",
    "a star": lambda part: part[:4] + "*" + part[4:],
    "not ASCII": lambda part: part + "ä",
    "nothing": lambda part: "",
    "one character too many": lambda part: part + "A" * (1 + -len(part) % 4 if len(part) % 4 != 1 else 4),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("part", ["head", "body"])
def test_signed_part_spelled_otherwise(part: str, spelling: str, forge: Forge, refused: Refusals) -> None:
    parts = {"head": forge.head, "body": forge.body}
    parts[part] = SPELLINGS[spelling](parts[part])
    head, body = (piece.encode().decode("latin-1") for piece in (parts["head"], parts["body"]))
    refused(forge.post(forge.sign(head, body)))


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_signature_spelled_otherwise(spelling: str, forge: Forge, refused: Refusals) -> None:
    refused(forge.post(f"{forge.head}.{forge.body}.{SPELLINGS[spelling](forge.signature)}"))


def test_stray_bits_in_the_signature(forge: Forge, refused: Refusals) -> None:
    again = stray(forge.signature)
    assert again != forge.signature and forge.read(again) == forge.read(forge.signature)
    refused(forge.post(f"{forge.head}.{forge.body}.{again}"))


@pytest.mark.parametrize("length", [0, 1, 64, 255, 257, 512])
def test_signature_of_another_length(length: int, forge: Forge, refused: Refusals) -> None:
    refused(forge.post(f"{forge.head}.{forge.body}.{segment(bytes(length))}"))


@pytest.mark.parametrize("byte", [0, 1, 255])
def test_signature_of_one_byte_over_and_over(byte: int, forge: Forge, refused: Refusals) -> None:
    refused(forge.post(f"{forge.head}.{forge.body}.{segment(bytes([byte]) * 256)}"))


TWICE = {
    "exp": b'"exp": 1',
    "nonce": b'"nonce": "another"',
    "sub": b'"sub": "1"',
    "iss": b'"iss": "https://elsewhere.example"',
    "roles": json.dumps({LTI + "roles": ["Instructor"]}).encode()[1:-1],
    "deployment": json.dumps({LTI + "deployment_id": "1"}).encode()[1:-1],
}


@pytest.mark.parametrize("claim", TWICE)
@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
def test_claim_named_twice(claim: str, first: bool, forge: Forge, refused: Refusals) -> None:
    inner = forge.read(forge.body).strip()[1:-1]
    pieces = (TWICE[claim], inner) if first else (inner, TWICE[claim])
    refused(forge.post(forge.sign(forge.head, segment(b"{" + b", ".join(pieces) + b"}"))))


@pytest.mark.parametrize("member", [b'"alg": "none"', b'"alg": "RS256"', b'"kid": "x"'], ids=bytes.decode)
def test_header_member_named_twice(member: bytes, forge: Forge, refused: Refusals) -> None:
    inner = forge.read(forge.head).strip()[1:-1]
    for pieces in ((member, inner), (inner, member)):
        refused(forge.post(forge.sign(segment(b"{" + b", ".join(pieces) + b"}"), forge.body)))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1", "0x10", "01", "1_000", "+1", ".5"])
def test_number_that_is_no_time(number: str, forge: Forge, refused: Refusals) -> None:
    claims = json.loads(forge.read(forge.body))
    del claims["exp"]
    body = f'{{"exp": {number}, {json.dumps(claims)[1:]}'
    refused(forge.post(forge.sign(forge.head, segment(body.encode()))))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "utf-7"])
@pytest.mark.parametrize("part", ["head", "body"])
def test_json_in_another_encoding(part: str, encoding: str, forge: Forge, refused: Refusals) -> None:
    parts = {"head": forge.head, "body": forge.body}
    text = forge.read(parts[part]).decode().replace("a", "\u00e4" if encoding == "utf-7" else "a")
    parts[part] = segment(text.encode(encoding))
    refused(forge.post(forge.sign(parts["head"], parts["body"])))


AROUND = {
    "text after": b"%s x",
    "two objects": b"%s%s",
    "a list around": b"[%s]",
    "a comment": b"/* */%s",
    "text": b'"%s"',
}


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("part", ["head", "body"])
def test_more_than_one_object(part: str, around: str, forge: Forge, refused: Refusals) -> None:
    parts = {"head": forge.head, "body": forge.body}
    parts[part] = segment(AROUND[around].replace(b"%s", forge.read(parts[part])))
    refused(forge.post(forge.sign(parts["head"], parts["body"])))


HEADERS: dict[str, Any] = {
    "alg in small letters": {"alg": "rs256"},
    "alg with a space": {"alg": "RS256 "},
    "alg null": {"alg": None},
    "alg an object": {"alg": {"RS256": 1}},
    "alg of another key": {"alg": "ES256"},
    "alg HS512": {"alg": "HS512"},
    "alg EdDSA": {"alg": "EdDSA"},
    "kid null": {"kid": None},
    "kid a list": {"kid": ["1"]},
    "kid an object": {"kid": {"1": 1}},
    "kid true": {"kid": True},
    "kid with NUL": {"kid": "1\0"},
    "kid half a surrogate pair": {"kid": "\ud800"},
    "kid SQL": {"kid": "' OR 1=1 --"},
    "kid a URL": {"kid": "http://169.254.169.254/"},
    "crit empty": {"crit": []},
    "crit null": {"crit": None},
    "crit a string": {"crit": "exp"},
    "b64 true": {"b64": True},
    "typ of a logout": {"typ": "logout+jwt"},
    "typ of a client": {"typ": "client-authentication+jwt"},
    "typ a number": {"typ": 1},
    "typ an object": {"typ": {}},
}


@pytest.mark.parametrize("case", HEADERS)
def test_header_under_the_platforms_own_key(case: str, forge: Forge, refused: Refusals) -> None:
    head = {**json.loads(forge.read(forge.head)), **HEADERS[case]}
    refused(forge.post(forge.sign(segment(head), forge.body)))
