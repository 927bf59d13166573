"""What a developer key of Canvas is made of, where its administrator chooses "Enter URL" instead of typing it.

The members are those of "Anatomy of a JSON configuration" in Canvas's documentation of LTI developer keys:
https://developerdocs.instructure.com/services/canvas/external-tools/lti/file.lti_dev_key_config
"""

from typing import Any
from urllib.parse import urlsplit

from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.claims import DEEP_LINKING, RESOURCE_LINK
from lti_tool.lti.deep_linking import FRAME
from lti_tool.lti.dialects import CANVAS
from lti_tool.lti.dynamic_registration import DESCRIPTION, SCOPES, TOOL_ID
from lti_tool.lti.login import LAUNCH_PATH, LOGIN_PATH

CONFIGURATION_PATH = "/lti/canvas.json"
PICKERS = ("assignment_selection", "link_selection", "editor_button")
"""Where a teacher chooses content."""


def canvas_configuration(runtime: Runtime) -> dict[str, Any]:
    """The JSON object. It asks for the scopes that every Canvas knows: one unknown scope, and Canvas takes nothing."""
    root, name = runtime.settings.root_url, runtime.settings.lti.tool_name
    launch = root + LAUNCH_PATH
    size = {"selection_width": FRAME["width"], "selection_height": FRAME["height"]}
    return {
        "title": name,
        "description": DESCRIPTION,
        "target_link_uri": launch,
        "oidc_initiation_url": root + LOGIN_PATH,
        "public_jwk_url": f"{root}/lti/jwks",
        "scopes": list(SCOPES),
        "custom_fields": dict(CANVAS.custom),
        "extensions": [
            {
                "platform": "canvas.instructure.com",
                "domain": urlsplit(root).netloc,
                "tool_id": TOOL_ID,
                "privacy_level": "name_only",
                "settings": {"text": name, **size, "placements": _placements(name, launch, size)},
            }
        ],
    }


def _placements(name: str, launch: str, size: dict[str, int]) -> list[dict[str, Any]]:
    said = {"text": name, "target_link_uri": launch, "enabled": True}
    navigation = {"default": "disabled", "visibility": "members", "display_type": "full_width_in_context"}
    picker = {**said, "message_type": DEEP_LINKING, **size}
    return [
        {"placement": "course_navigation", **said, "message_type": RESOURCE_LINK, **navigation},
        *({"placement": place, **picker} for place in PICKERS),
    ]
