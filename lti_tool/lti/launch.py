"""Checking a launch: the state, the browser, the signature, then every claim (lti.md 4.1 of the launch checklist).

Nothing is written here but the cache of the platform's keys. The single use of state and nonce is recorded by
`sign_in`, in the transaction that makes the session.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lti_tool.kernel import clock
from lti_tool.kernel.errors import Forbidden, Invalid, TooLarge
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.claims import RESOURCE_LINK, Claims, parse_claims
from lti_tool.lti.claims_more import Envelope
from lti_tool.lti.jwks import find_key
from lti_tool.lti.jws import BadTokenError, read_signed
from lti_tool.lti.ladder import Browser, Proof, prove_browser
from lti_tool.lti.login import check_target
from lti_tool.lti.models import Registration
from lti_tool.lti.reading import StoredKeys, find_with_keys
from lti_tool.lti.refusals import noting
from lti_tool.lti.registrations import is_platform_url, require_active
from lti_tool.lti.state import AGAIN, LoginState, check_age, read_state

TOKEN_BYTES = 100_000


@dataclass(frozen=True)
class Answer:
    """What the platform had the browser post, for a login that is ours and not too old."""

    form: Mapping[str, Iterable[str]]
    state: LoginState
    registration: Registration
    cached_keys: StoredKeys | None


@dataclass(frozen=True)
class Launch:
    """A launch that holds."""

    registration: Registration
    claims: Claims
    state: LoginState
    proof: Proof
    clock_ahead_s: float
    """How far the token's `iat` was ahead of our clock when it came: negative by the way it took."""


def read_answer(runtime: Runtime, form: Mapping[str, Iterable[str]], seen: Callable[[Registration], None]) -> Answer:
    """Find the login that a post answers. `seen` is told the platform before the launch may be refused.

    Raises: Invalid, Forbidden, Gone: with what to do, for people.
    """
    state = read_state(runtime, _single(form, "state"))
    registration, cached = _read_registration(runtime, state.registration_id)
    seen(registration)
    require_active(registration)
    check_age(runtime, state)
    return Answer(form, state, registration, cached)


def verify_launch(runtime: Runtime, answer: Answer, browser: Browser) -> Launch:
    """Check the browser, then the token.

    Raises: Invalid, Forbidden, TooLarge: with what to do, for people.
    """
    registration, state = answer.registration, answer.state
    proof = prove_browser(state, browser)
    if "error" in answer.form:
        raise _platform_error(answer.form)
    token = _single(answer.form, "id_token")
    if len(token) > TOKEN_BYTES:
        raise TooLarge("token_too_large", "The LMS sent more than a launch may hold. Tell the people who run the LMS.")
    payload = verified_payload(runtime, registration, answer.cached_keys, token)
    with noting(runtime, registration):
        claims = parse_claims(payload)
        check_parties(registration, claims)
        check_times(runtime, claims)
        _check_against_login(runtime, claims, state)
        _check_addresses(runtime, registration, claims)
        _check_person(registration, claims)
    ahead = claims.iat - clock.now().timestamp()
    return Launch(registration, claims, state, proof, ahead)


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


def _read_registration(runtime: Runtime, registration_id: int) -> tuple[Registration, StoredKeys | None]:
    found = find_with_keys(runtime.db, registration_id)
    if found is None:
        raise Forbidden(
            "platform_unknown", "This LMS is no longer registered with this tool. Ask the people who run the tool."
        )
    return found


def verified_payload(runtime: Runtime, registration: Registration, cached: StoredKeys | None, token: str) -> Any:
    """The payload of the token, after its signature was found good. Raises: Invalid."""
    try:
        return read_signed(token, lambda kid: find_key(runtime, registration, cached, kid))
    except BadTokenError as error:
        raise _bad_token(str(error)) from error


def check_parties(registration: Registration, claims: Envelope) -> None:
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


def check_times(runtime: Runtime, claims: Envelope, *, age_s: int | None = None) -> None:
    """Raises: Invalid: the message is not yet or no longer to be taken, by our clock. `age_s`: the oldest `iat`."""
    leeway, moment = runtime.settings.lti.leeway_s, clock.now().timestamp()
    age_s = age_s or runtime.settings.lti.token_age_s
    oldest = moment - age_s - leeway
    ahead = max(claims.iat, claims.nbf or 0) - moment
    if ahead > leeway:
        raise Invalid(
            "clock_ahead", f"The clock of the LMS is {ahead:.0f} s ahead of ours. Tell the people who run the LMS."
        )
    if claims.exp <= moment - leeway or claims.iat < oldest:
        late = moment - min(claims.exp, claims.iat + age_s)
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


def _check_person(registration: Registration, claims: Claims) -> None:
    """A launch without `sub` is anonymous, which the specification allows (5.3.6.1) and its certification does not."""
    if claims.sub:
        return
    if not registration.accepts_anonymous or claims.message_type != RESOURCE_LINK:
        raise Invalid(
            "anonymous_refused",
            "The LMS did not say who you are (sub). Tell the people who run the LMS: the tool's settings there keep "
            "people's identity to themselves.",
        )


def _bad_token(why: str) -> Invalid:
    return Invalid("launch_refused", f"The launch from the LMS {why}. {AGAIN}", {"why": why})
