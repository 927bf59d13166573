"""From a launch that holds to a session: one transaction that spends the state and the nonce and records the rest."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import timedelta

from lti_tool.contract import Choice, Contents
from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Forbidden, Invalid, NotFound
from lti_tool.kernel.once import use_once
from lti_tool.kernel.permissions import Right, Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.claims import NO_HISTORY, Claims
from lti_tool.lti.copies import inherit_item, learn_copy
from lti_tool.lti.dialects import GENERIC, detect_dialect
from lti_tool.lti.familiar import Stored, note_launch
from lti_tool.lti.granting import find_assistant_rights
from lti_tool.lti.ladder import Browser
from lti_tool.lti.launch import Answer, Launch, verify_launch
from lti_tool.lti.legacy import learn_legacy
from lti_tool.lti.models import Approval, Deployment, Link, Registration
from lti_tool.lti.models_services import CopyState
from lti_tool.lti.notice_service import learn_notices
from lti_tool.lti.observing import record_observed
from lti_tool.lti.people import (
    Known,
    learn_deployment,
    record_context,
    record_link,
    record_placement,
    record_user,
    record_visit,
)
from lti_tool.lti.refusals import noting
from lti_tool.lti.registrations import first_platform_origin, is_platform_url
from lti_tool.lti.reviewing import Viewer, Wanted, get_reviewed, read_wanted
from lti_tool.lti.roles import is_administrator, may_place_content, role_of
from lti_tool.lti.state import AGAIN
from lti_tool.web.brand import read_brand
from lti_tool.web.session import SignedIn, session_path, start_session

PICK_PATH = "/lti/pick"
EMPTY_PATH = "/lti/empty"
GONE_PATH = "/lti/gone"
COPIED_PATH = "/lti/copied"


def enter(runtime: Runtime, contents: Sequence[Contents], answer: Answer, browser: Browser) -> str:
    """Check a launch and sign the person in; returns the path where it goes on.

    Raises: AppError: with what to do, for people.
    """
    found = verify_launch(runtime, answer, browser)
    with noting(runtime, found.registration):
        return sign_in(runtime, contents, found)


def sign_in(runtime: Runtime, contents: Sequence[Contents], launch: Launch) -> str:
    """Make the session of a launch; returns the path where it goes on.

    Raises: Invalid: this launch was used before. Forbidden: the deployment or the person may not.
    """
    claims, registration = launch.claims, launch.registration
    if claims.deep_linking and not may_place_content(claims.roles):
        raise Forbidden("role_refused", "Only teachers choose content for a course. Ask a teacher of this course.")
    with runtime.db.transaction() as tx:
        _spend(tx, runtime, launch)
        role = role_of(claims.roles) if claims.sub else Role.OBSERVER
        stored = note_launch(tx, registration, claims, role)
        deployment = (
            stored.deployment(registration)
            if stored
            else learn_deployment(
                tx, registration, claims.deployment_id, approve=runtime.settings.lti.approve_deployments
            )
        )
        _learn_dialect(tx, registration, claims)
        active = deployment is not None and deployment.state is Approval.ACTIVE
        path = ""
        if deployment is not None and active:
            path = _enter(tx, runtime, contents, launch, deployment, role, stored)
    if active:
        return path
    if deployment is not None and deployment.state is Approval.PENDING:
        raise Forbidden(
            "deployment_pending",
            "This installation of the tool in the LMS waits for approval by the people who run the tool.",
        )
    raise Forbidden(
        "deployment_unknown",
        "This installation of the tool in the LMS is not known here. Ask the people who run the tool.",
    )


def find_choice(
    tx: Tx, contents: Sequence[Contents], registration_id: int, ref: str | None
) -> tuple[Contents, Choice] | None:
    """The item behind a reference and the plugin it belongs to, None if nobody knows it."""
    if ref:
        for source in contents:
            choice = source.find_choice(tx, registration_id, ref)
            if choice is not None:
                return source, choice
    return None


def _spend(tx: Tx, runtime: Runtime, launch: Launch) -> None:
    """State and nonce work once: no two states share a nonce. The unique row decides between two simultaneous posts."""
    until = clock.now() + timedelta(seconds=runtime.settings.lti.state_s + runtime.settings.lti.leeway_s)
    if not use_once(tx, "lti-nonce", f"{launch.registration.id}:{launch.state.nonce}", until):
        raise Invalid("launch_used", f"This launch was used before. {AGAIN}")


def _learn_dialect(tx: Tx, registration: Registration, claims: Claims) -> None:
    if registration.dialect == GENERIC.name and claims.platform_family:
        found = detect_dialect(registration.issuer, claims.platform_family).name
        if found != registration.dialect:
            tx.get_one(Registration, registration.id).dialect = found


def _enter(
    tx: Tx,
    runtime: Runtime,
    contents: Sequence[Contents],
    launch: Launch,
    deployment: Deployment,
    role: Role,
    stored: Stored | None,
) -> str:
    claims = launch.claims
    known = record_user(tx, runtime.signer, launch.registration, claims, role, stored)
    if claims.sub:
        learn_legacy(tx, runtime, launch.registration, claims, known.user_id)
    context_id = record_context(tx, deployment, claims, known.user_id, role, stored)
    if wanted := read_wanted(claims):
        viewer = Viewer(known, role, context_id, find_assistant_rights(tx, context_id, role))
        return _enter_review(tx, runtime, contents, launch, deployment, wanted, viewer)
    if context_id is not None and role is Role.OBSERVER and claims.sub:
        record_observed(tx, known.user_id, context_id, claims.observed)
    may_be_copy = context_id is not None and (claims.history != NO_HISTORY or claims.notices is not None)
    copy = learn_copy(tx, context_id, claims.history) if may_be_copy and context_id is not None else None
    link = record_link(tx, deployment, claims, context_id, stored)
    if link and copy:
        inherit_item(tx, link, copy, claims.history)
    if claims.notices:
        learn_notices(tx, runtime, launch.registration, deployment, claims.notices)
    found = find_choice(tx, contents, launch.registration.id, link.item_ref) if link else None
    choice = found[1] if found else None
    slug = choice.course_slug if choice else ""
    placement_id = record_placement(tx, context_id, slug, stored) if slug and context_id else None
    if link:
        record_visit(tx, known.user_id, link, role, placement_id, stored)
    session = _signed_in(runtime, launch, known, role, context_id, link, choice)
    session = replace(session, placement_id=placement_id, granted=find_assistant_rights(tx, context_id, role))
    token = start_session(tx, session, launch.proof.browser_secret)
    may_choose = Right.EDIT_COURSE in session.rights
    if copy and copy.state is CopyState.OFFERED and link and may_choose:
        return session_path(token, COPIED_PATH)
    if link and not found and (claims.item_ref or (link.item_ref and not may_choose)):
        return session_path(token, GONE_PATH)
    first = choice.path if choice else PICK_PATH if session.deep_linking or may_choose else EMPTY_PATH
    return session_path(token, first)


def _enter_review(
    tx: Tx,
    runtime: Runtime,
    contents: Sequence[Contents],
    launch: Launch,
    deployment: Deployment,
    wanted: Wanted,
    viewer: Viewer,
) -> str:
    """To one learner's work; the activity and its line item stay as they are known."""
    reviewed = get_reviewed(tx, deployment, launch.claims, wanted, viewer)
    found = find_choice(tx, contents, launch.registration.id, reviewed.link.item_ref)
    if found is None or not found[1].course_slug or viewer.context_id is None:
        raise NotFound("review_not_found", "What this activity showed was removed, so its work has no page any more.")
    source, choice = found
    session = _signed_in(runtime, launch, viewer.known, viewer.role, viewer.context_id, reviewed.link, choice)
    placement_id = record_placement(tx, viewer.context_id, choice.course_slug)
    session = replace(session, placement_id=placement_id, granted=viewer.granted)
    token = start_session(tx, session, launch.proof.browser_secret)
    if viewer.may_mark:
        return session_path(token, source.review_path_of(tx, choice.ref, reviewed.user_id))
    return session_path(token, choice.path)


def _signed_in(
    runtime: Runtime,
    launch: Launch,
    known: Known,
    role: Role,
    context_id: int | None,
    link: Link | None,
    choice: Choice | None,
) -> SignedIn:
    claims, allow_http = launch.claims, runtime.settings.lti.allow_private_hosts
    selection = claims.deep_linking
    addresses = [selection.return_url if selection else None, claims.return_url]
    addresses += [claims.ags.lineitem, claims.ags.lineitems] if claims.ags else []
    own_return = (
        claims.return_url if is_platform_url(launch.registration, claims.return_url, allow_http=allow_http) else None
    )
    return SignedIn(
        user_id=known.user_id,
        registration_id=launch.registration.id,
        context_id=context_id,
        link_id=link.id if link else None,
        course_slug=(choice.course_slug or None) if choice else None,
        role=role,
        display_name=known.display_name,
        hub_name=known.hub_name,
        course_title=(choice.course_title if choice else "") or (claims.context.title if claims.context else ""),
        platform_name=claims.platform_name or launch.registration.name,
        frame_origin=first_platform_origin(launch.registration, addresses, allow_http=allow_http),
        return_url=own_return or "",
        locale=claims.locale,
        brand=read_brand(claims.brand),
        administers=launch.registration.trusts_administrators and is_administrator(claims.roles),
        deep_linking={**asdict(selection), "deployment_id": claims.deployment_id} if selection else None,
        launched={"rung": launch.proof.rung.value, "step": launch.state.step, "clock_ahead_s": launch.clock_ahead_s},
    )
