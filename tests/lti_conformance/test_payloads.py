"""1EdTech's known bad payloads, each for a teacher and a student, and the valid ones."""

import time
from typing import Any

import pytest

from lti_tool.demo.model import Activity
from lti_tool.demo.testing import CampusServer
from lti_tool.lti.claims import LTI
from tests.fakes.launching import Launcher
from tests.lti_conformance.refusals import Refusals

PEOPLE = pytest.mark.parametrize("username", ["tess", "ada"])
NOW = int(time.time())
NAMES = ("name", "given_name", "family_name")

BAD: dict[str, dict[str, Any]] = {
    "no kid": {"drop_header": ["kid"]},
    "incorrect kid": {"header": {"kid": "imstester_66067"}},
    "wrong LTI version": {"claims": {LTI + "version": "11.3"}},
    "no LTI version": {"drop": [LTI + "version"]},
    "not an LTI 1.3 JWT": {"payload": b'{"name":"badltilaunch"}'},
    "missing LTI claims": {"drop": [LTI + name for name in ("message_type", "version", "roles", "resource_link")]},
    "incorrect timestamps": {"claims": {"iat": 11111, "exp": 22222}},
    "message_type missing": {"drop": [LTI + "message_type"]},
    "roles missing": {"drop": [LTI + "roles"]},
    "deployment_id missing": {"drop": [LTI + "deployment_id"]},
    "resource_link id missing": {"claims": {LTI + "resource_link": {"title": "Introduction"}}},
    "sub missing": {"drop": ["sub"]},
}
SHORT = {"tess": "Instructor", "ada": "Learner"}
FULL = {name: f"http://purl.imsglobal.org/vocab/lis/v2/membership#{role}" for name, role in SHORT.items()}
STUDENT = "http://purl.imsglobal.org/vocab/lis/v2/institution/person#Student"

VALID: dict[str, Any] = {
    "plain": lambda who: {},
    "multiple roles": lambda who: {"claims": {LTI + "roles": [FULL[who], STUDENT]}},
    "short role": lambda who: {"claims": {LTI + "roles": [SHORT[who]]}},
    "unknown role": lambda who: {"claims": {LTI + "roles": ["http://example.org/roles#Wizard"]}},
    "no role": lambda who: {"claims": {LTI + "roles": []}},
    "only email": lambda who: {"drop": NAMES, "claims": {"email": "somebody@example.org"}},
    "only names": lambda who: {"drop": ["email"]},
    "no personal data": lambda who: {"drop": [*NAMES, "email"]},
    "email without context": lambda who: {"drop": [*NAMES, LTI + "context"]},
}
ROLES = {
    "unknown role": {"tess": "observer", "ada": "observer"},
    "no role": {"tess": "observer", "ada": "observer"},
}


@PEOPLE
@pytest.mark.parametrize("case", BAD)
def test_bad_payload_is_refused(
    case: str, username: str, launcher: Launcher, quiz: Activity, refused: Refusals
) -> None:
    refused(launcher.launch_changed(username, quiz, **BAD[case]))


@PEOPLE
@pytest.mark.parametrize("case", VALID)
def test_valid_payload_is_taken(case: str, username: str, launcher: Launcher, quiz: Activity) -> None:
    answer = launcher.launch_changed(username, quiz, **VALID[case](username))
    assert answer.status_code == 303, answer.text
    page = launcher.client.get(answer.headers["Location"])
    role = ROLES.get(case, {"tess": "teacher", "ada": "learner"})[username]
    assert page.status_code == 200
    assert page.text.splitlines()[2] == role
    assert page.text.splitlines()[1], "somebody without a name is called something"


@pytest.mark.parametrize(
    ("username", "campus", "role"),
    [
        ("amir", "canvas", "assistant"),
        ("olga", "canvas", "observer"),
        ("test", "canvas", "test_student"),
        ("root", "canvas", "observer"),
        ("root", "moodle", "teacher"),
    ],
    indirect=["campus"],
)
def test_role_comes_from_the_membership(
    username: str, role: str, launcher: Launcher, quiz: Activity, campus: CampusServer
) -> None:
    assert launcher.client.get(launcher.open(username, quiz)).text.splitlines()[2] == role
