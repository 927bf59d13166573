"""What a launch says: the claims of an id_token, per profile."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from lti_tool.demo.campus import Campus
from lti_tool.demo.model import Activity, Person, Tool
from lti_tool.demo.profiles import (
    GROUPS_SCOPE,
    LINE_ITEM_SCOPE,
    MEMBERS_SCOPE,
    NOTICE_TYPES,
    NOTICES_SCOPE,
    RESULT_SCOPE,
    SCORE_SCOPE,
    Role,
)

_LTI = "https://purl.imsglobal.org/spec/lti/claim"
_DEEP = "https://purl.imsglobal.org/spec/lti-dl/claim"
MESSAGE_TYPE = f"{_LTI}/message_type"
VERSION = f"{_LTI}/version"
DEPLOYMENT_ID = f"{_LTI}/deployment_id"
TARGET_LINK_URI = f"{_LTI}/target_link_uri"
RESOURCE_LINK = f"{_LTI}/resource_link"
ROLES = f"{_LTI}/roles"
CONTEXT = f"{_LTI}/context"
CUSTOM = f"{_LTI}/custom"
TOOL_PLATFORM = f"{_LTI}/tool_platform"
LAUNCH_PRESENTATION = f"{_LTI}/launch_presentation"
LIS = f"{_LTI}/lis"
ROLE_SCOPE_MENTOR = f"{_LTI}/role_scope_mentor"
AGS_ENDPOINT = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
NAMES_AND_ROLES = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
GROUPS = "https://purl.imsglobal.org/spec/lti-gs/claim/groupsservice"
NOTICES = f"{_LTI}/platformnotificationservice"
FOR_USER = f"{_LTI}/for_user"
REVIEW_LAUNCH = "LtiSubmissionReviewRequest"
DEEP_LINKING_SETTINGS = f"{_DEEP}/deep_linking_settings"
CONTENT_ITEMS = f"{_DEEP}/content_items"
DATA = f"{_DEEP}/data"
RESOURCE_LAUNCH = "LtiResourceLinkRequest"
DEEP_LAUNCH = "LtiDeepLinkingRequest"
DEEP_RESPONSE = "LtiDeepLinkingResponse"
AGS_SCOPES = (LINE_ITEM_SCOPE, RESULT_SCOPE, SCORE_SCOPE)


def launch_claims(campus: Campus, tool: Tool, person: Person, activity: Activity | None, nonce: str) -> dict[str, Any]:
    """Return the claims of a launch of ``activity``; without the deep linking settings when that is None."""
    now = int(campus.clock.now())
    profile = campus.profile
    course = campus.store.course
    claims: dict[str, Any] = {
        "iss": campus.issuer,
        "aud": tool.client_id,
        "sub": person.sub,
        "iat": now,
        "exp": now + profile.id_token_life_s,
        "nonce": nonce,
        MESSAGE_TYPE: RESOURCE_LAUNCH if activity else DEEP_LAUNCH,
        VERSION: "1.3.0",
        DEPLOYMENT_ID: tool.deployment_id,
        TARGET_LINK_URI: target_link_uri(tool, activity),
        ROLES: list(profile.launch_roles[person.role]),
        CONTEXT: {"id": course.id, "label": course.label, "title": course.title, "type": [profile.context_type]},
        TOOL_PLATFORM: platform_claim(campus),
        LAUNCH_PRESENTATION: {"locale": "en", "document_target": "iframe", "return_url": campus.url("/course")},
        CUSTOM: custom_claim(campus, tool, person, activity),
    }
    if profile.sends_azp:
        claims["azp"] = tool.client_id
    if profile.sends_lis:
        claims[LIS] = {"person_sourcedid": "", "course_section_sourcedid": ""}
    if activity:
        link = {"id": activity.resource_link_id, "title": activity.title, "description": activity.text}
        claims[RESOURCE_LINK] = {key: value for key, value in link.items() if value}
    if person.observes and person.role in profile.mentors and (child := campus.store.find_person(person.observes)):
        claims[ROLE_SCOPE_MENTOR] = [child.sub]
    return {**claims, **_identity(tool, person), **service_claims(campus, tool, activity)}


def target_link_uri(tool: Tool, activity: Activity | None) -> str:
    """Return the URL that a launch is for."""
    return (activity.url or tool.target_link_uri) if activity else (tool.deep_link_url or tool.target_link_uri)


def platform_claim(campus: Campus) -> dict[str, str]:
    """Return the tool_platform claim."""
    return {
        "guid": f"campus-{campus.profile.name}",
        "name": "Campus",
        "description": f"Campus, as {campus.profile.title}",
        "product_family_code": campus.profile.name,
        "version": campus.profile.version,
    }


def _identity(tool: Tool, person: Person) -> dict[str, str]:
    shown: dict[str, str] = {}
    if tool.shares_name:
        shown |= {"name": person.name, "given_name": person.given_name, "family_name": person.family_name}
    if tool.shares_email:
        shown |= {"email": person.email}
    return shown


def service_claims(campus: Campus, tool: Tool, activity: Activity | None) -> dict[str, Any]:
    """Return the AGS and NRPS claims that the tool's scopes allow."""
    claims: dict[str, Any] = {}
    scopes = [scope for scope in tool.scopes if "/lti-ags/" in scope]
    if scopes:
        endpoint: dict[str, Any] = {"scope": scopes, "lineitems": campus.line_items_url(tool)}
        items = [i for i in campus.store.list_line_items() if activity and i.activity_id == activity.id]
        if len(items) == 1 or (items and not campus.profile.shared_link_hides_line_item):
            endpoint["lineitem"] = campus.line_item_url(tool, items[0])
        claims[AGS_ENDPOINT] = endpoint
    used = any(a.tool_id == tool.id for a in campus.store.list_activities())
    if MEMBERS_SCOPE in tool.scopes and (activity or used or not campus.profile.names_and_roles_after_use):
        claims[NAMES_AND_ROLES] = {
            "context_memberships_url": campus.memberships_url,
            "service_versions": ["1.0", "2.0"],
        }
    if GROUPS_SCOPE in tool.scopes:
        claims[GROUPS] = {
            "scope": [GROUPS_SCOPE],
            "context_groups_url": campus.groups_url,
            "context_group_sets_url": campus.group_sets_url,
            "service_versions": ["1.0"],
        }
    if NOTICES_SCOPE in tool.scopes:
        claims[NOTICES] = {
            "scope": [NOTICES_SCOPE],
            "platform_notification_service_url": campus.notices_url(tool),
            "service_versions": ["1.0"],
            "notice_types_supported": list(NOTICE_TYPES),
        }
    return claims


def custom_claim(campus: Campus, tool: Tool, person: Person, activity: Activity | None) -> dict[str, str]:
    """Return the custom parameters, variables filled in; those of the tool win over those of the item."""
    merged = {**(activity.custom if activity else {}), **tool.custom}
    values = variables(campus, person, activity)
    filled = {name: _substitute(value, values) for name, value in merged.items()}
    if campus.profile.memberships_custom and MEMBERS_SCOPE in tool.scopes:
        filled["context_memberships_url"] = campus.memberships_url
    return filled


def _substitute(value: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\$[A-Za-z][\w.]*", lambda found: values.get(found[0], found[0]), value)


def variables(campus: Campus, person: Person, activity: Activity | None) -> dict[str, str]:
    """Return the substitution variables this platform knows; an unknown one stays literal."""
    course = campus.store.course
    known = {
        "$User.id": person.sub,
        "$User.username": person.username,
        "$Person.name.full": person.name,
        "$Person.name.given": person.given_name,
        "$Person.name.family": person.family_name,
        "$Person.email.primary": person.email,
        "$Context.id": course.id,
        "$Context.title": course.title,
        "$Context.id.history": ",".join(campus.store.course_history),
    }
    if activity:
        known |= {"$ResourceLink.id": activity.resource_link_id, "$ResourceLink.title": activity.title}
    if campus.profile.vendor_variables:
        watched = campus.store.find_person(person.observes) if person.observes else None
        known |= {
            "$Canvas.user.id": str(person.id),
            "$Canvas.course.id": course.id,
            "$Canvas.course.previousCourseIds": ",".join(campus.store.course_history),
            "$com.instructure.User.observees": watched.sub if watched else "",
            "$Canvas.membership.roles": _CANVAS_NAMES.get(person.role, ""),
            "$com.instructure.brandConfigJSON": json.dumps(_CANVAS_BRAND),
        }
    return known


_CANVAS_BRAND = {"ic-brand-primary": "#0374B5", "ic-link-color": "#0374B5"}
"""Of Canvas's default theme, what a tool can use."""
_CANVAS_NAMES = {
    Role.LEARNER: "StudentEnrollment",
    Role.TEACHER: "TeacherEnrollment",
    Role.ASSISTANT: "TaEnrollment",
    Role.OBSERVER: "ObserverEnrollment",
    Role.TEST_STUDENT: "StudentViewEnrollment",
}


def deep_linking_settings(campus: Campus, return_token: str) -> dict[str, Any]:
    """Return the settings claim of a deep linking launch."""
    settings: dict[str, Any] = {
        "deep_link_return_url": campus.url(f"/deep-link/{return_token}"),
        "accept_types": ["ltiResourceLink"],
        "accept_presentation_document_targets": ["frame", "iframe", "window"],
        "accept_multiple": campus.profile.accept_multiple,
        "accept_lineitem": True,
        "auto_create": False,
        "title": "",
        "text": "",
    }
    if campus.profile.deep_link_data:
        settings["data"] = deep_link_data(return_token)
    return settings


def deep_link_data(return_token: str) -> str:
    """Return the opaque ``data`` that belongs to a return URL."""
    return f"campus:{return_token[::-1]}"
