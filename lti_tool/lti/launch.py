"""Checking a launch: the state, the browser, the signature, then every claim (lti.md 4.1 of the launch checklist).

Nothing is written here but the cache of the platform's keys. The single use of state and nonce is recorded by
`sign_in`, in the transaction that makes the session.
"""

import binascii
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from sqlalchemy import select

from lti_tool.kernel import clock
from lti_tool.kernel.errors import Forbidden, Invalid, TooLarge
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.claims import DEEP_LINKING, Claims, parse_claims
from lti_tool.lti.jwks import find_key
from lti_tool.lti.login import check_target
from lti_tool.lti.models import CachedKeys, Registration
from lti_tool.lti.refusals import noting
from lti_tool.lti.registrations import is_platform_url, require_active
from lti_tool.lti.state import AGAIN, LoginState, check_age, check_browser, read_state

TOKEN_BYTES = 100_000
ALGORITHM = "RS256"
_JWS = jwt.PyJWS(algorithms=[ALGORITHM])


@dataclass(frozen=True)
class Launch:
    """A launch that holds."""

    registration: Registration
    claims: Claims
    state: LoginState
    state_token: str
    browser_secret: str | None
    """None: a frame that keeps no cookies."""


def verify_launch(
    runtime: Runtime,
    form: Mapping[str, Iterable[str]],
    browser_secret: str | None,
    headers: Mapping[str, str],
    seen: Callable[[Registration], None],
) -> Launch:
    """Check what the platform had the browser post. `seen` is told the platform before the launch may be refused.

    Raises: Invalid, Forbidden, Gone, TooLarge: with what to do, for people.
    """
    state_token = _single(form, "state")
    state = read_state(runtime, state_token)
    registration, cached = _read_registration(runtime, state.registration_id)
    seen(registration)
    require_active(registration)
    check_age(runtime, state)
    secret = check_browser(state, browser_secret, headers)
    if "error" in form:
        raise _platform_error(form)
    token = _single(form, "id_token")
    if len(token) > TOKEN_BYTES:
        raise TooLarge("token_too_large", "The LMS sent more than a launch may hold. Tell the people who run the LMS.")
    payload = _verified_payload(runtime, registration, cached, token)
    with noting(runtime, registration):
        claims = parse_claims(payload)
        _check_parties(registration, claims)
        _check_times(runtime, claims)
        _check_against_login(runtime, claims, state)
        _check_addresses(runtime, registration, claims)
    return Launch(registration, claims, state, state_token, secret)


def _single(form: Mapping[str, Iterable[str]], name: str) -> str:
    values = list(form.get(name, ()))
    if len(values) != 1 or not values[0]:
        raise Invalid("launch_incomplete", f"A launch begins in your course, not here. {AGAIN}", {"missing": name})
    return values[0]


def _platform_error(form: Mapping[str, Iterable[str]]) -> Invalid:
    """The platform's refusal (OpenID Connect Core 3.1.2.6) in words.

    The state is left to expire: it is bound to this browser, and storing it would let unsigned posts fill the table.
    """
    known = {
        "login_required": "You are not signed in to the LMS, it says. Sign in there and open the activity again.",
        "unauthorized_client": "The LMS does not let this tool sign people in. Tell the people who run the LMS.",
        "launch_no_longer_valid": f"The LMS says that this launch is no longer valid. {AGAIN}",
    }
    code = _single(form, "error")
    return Invalid("platform_refused", known.get(code, f"The LMS did not sign you in. {AGAIN}"), {"error": code[:80]})


def _read_registration(runtime: Runtime, registration_id: int) -> tuple[Registration, CachedKeys | None]:
    query = (
        select(Registration, CachedKeys)
        .outerjoin(CachedKeys, CachedKeys.registration_id == Registration.id)
        .where(Registration.id == registration_id)
    )
    with runtime.db.reading() as tx:
        row = tx.execute(query).one_or_none()
    if row is None:
        raise Forbidden(
            "platform_unknown", "This LMS is no longer registered with this tool. Ask the people who run the tool."
        )
    return row[0], row[1]


def _verified_payload(runtime: Runtime, registration: Registration, cached: CachedKeys | None, token: str) -> Any:
    """The payload of the token, after its signature was found good.

    The algorithm is ours, not the header's; the key is one of the registered key URL, found by `kid` alone
    (RFC 8725, 3.1 and 3.10): `jku`, `jwk`, `x5u` and `x5c` play no part, and `crit` names nothing that we know.
    """
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise _bad_token("is not a signed token") from error
    kid = header.get("kid")
    if header.get("alg") != ALGORITHM:
        raise _bad_token(f"is not signed with {ALGORITHM}")
    if "crit" in header or "b64" in header:
        raise _bad_token("asks for an extension that is not known here")
    if str(header.get("typ", "JWT")).upper() not in ("JWT", "NONE"):
        raise _bad_token("is a token for another purpose")
    if not isinstance(kid, str) or not 0 < len(kid) <= 255:
        raise _bad_token("does not name its key")
    key = find_key(runtime, registration, cached, kid)
    try:
        body = _JWS.decode_complete(token, key, algorithms=[ALGORITHM])["payload"]
        return json.loads(body)
    except (jwt.PyJWTError, binascii.Error, ValueError, RecursionError) as error:
        raise _bad_token("has a signature that does not hold") from error


def _check_parties(registration: Registration, claims: Claims) -> None:
    """OpenID Connect Core 3.1.3.7: who issued the token, and for whom."""
    if claims.issuer != registration.issuer:
        raise _bad_token("comes from another platform than the login")
    others = set(claims.audiences) - {registration.client_id}
    if registration.client_id not in claims.audiences or others:
        raise _bad_token("is for another tool")
    if claims.azp is not None and claims.azp != registration.client_id:
        raise _bad_token("is for another tool (azp)")
    if len(claims.audiences) > 1 and claims.azp is None:
        raise _bad_token("has several audiences and does not say which party it is for (azp)")


def _check_times(runtime: Runtime, claims: Claims) -> None:
    leeway, moment = runtime.settings.lti.leeway_s, clock.now().timestamp()
    oldest = moment - runtime.settings.lti.token_age_s - leeway
    ahead = max(claims.iat, claims.nbf or 0) - moment
    if ahead > leeway:
        raise Invalid(
            "clock_ahead", f"The clock of the LMS is {ahead:.0f} s ahead of ours. Tell the people who run the LMS."
        )
    if claims.exp <= moment - leeway or claims.iat < oldest:
        late = moment - min(claims.exp, claims.iat + runtime.settings.lti.token_age_s)
        raise Invalid("launch_expired", f"This launch is over since {late:.0f} s, by our clock. {AGAIN}")


def _check_against_login(runtime: Runtime, claims: Claims, state: LoginState) -> None:
    if claims.nonce != state.nonce:
        raise _bad_token("does not answer this login (nonce)")
    if state.deployment_id is not None and claims.deployment_id != state.deployment_id:
        raise _bad_token("comes from another deployment than the login")
    if claims.target_link_uri is not None:
        check_target(runtime, claims.target_link_uri)
        if claims.target_link_uri != state.target_link_uri:
            raise _bad_token("is for another address than the login (target_link_uri)")


def _check_addresses(runtime: Runtime, registration: Registration, claims: Claims) -> None:
    """Only the platform's own addresses are used; of those that merely help, a foreign one is dropped later."""
    allow_http = runtime.settings.lti.allow_private_hosts
    wanted = [claims.ags.lineitem, claims.ags.lineitems] if claims.ags else []
    wanted += [claims.memberships_url, claims.deep_linking.return_url if claims.deep_linking else None]
    for url in wanted:
        if url and not is_platform_url(registration, url, allow_http=allow_http):
            raise Invalid(
                "foreign_address",
                "The LMS named an address that is not its own. The people who run the tool can add it to the platform "
                "(`coursebridge platform trust-host`).",
            )
    if (
        claims.message_type == DEEP_LINKING
        and claims.deep_linking
        and "ltiResourceLink" not in claims.deep_linking.accept_types
    ):
        raise Invalid(
            "accept_types",
            "The LMS takes no activities of this tool here, only other content. Add an external tool activity instead.",
        )


def _bad_token(why: str) -> Invalid:
    return Invalid("launch_refused", f"The launch from the LMS {why}. {AGAIN}", {"why": why})
