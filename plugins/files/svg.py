"""SVG that is a drawing and nothing else: no script, no handlers, nothing fetched, no HTML inside."""

import re
from pathlib import Path
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from plugins.files.refusals import Refused

MAX_BYTES = 10_000_000
ACTIVE = frozenset(
    ["script", "foreignobject", "iframe", "object", "embed", "handler", "listener", "audio", "video", "html"]
)
_DATA_IMAGE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,", re.I)
_FETCHES = re.compile(
    r"@import|expression\(|javascript:|url\(\s*['\"]?(?!#|data:image/(?:png|jpeg|gif|webp)|[\s'\"])", re.I
)


def check_svg(path: Path) -> None:
    """Raises: Refused: it is active, too large or not XML."""
    if path.stat().st_size > MAX_BYTES:
        raise Refused("image_large")
    try:
        for _event, element in iterparse(path, events=("end",), forbid_entities=True, forbid_external=True):
            _check(str(element.tag), dict(element.attrib), element.text or "")
    except (ParseError, ValueError, LookupError) as error:  # DefusedXmlException is a ValueError
        raise Refused("svg_active" if isinstance(error, DefusedXmlException) else "image_broken") from error


def _check(tag: str, attributes: dict[str, str], text: str) -> None:
    local = _local(tag)
    if local in ACTIVE or (local == "style" and _FETCHES.search(text)):
        raise Refused("svg_active")
    for name, value in attributes.items():
        if not _is_harmless(local, _local(name), value.strip()):
            raise Refused("svg_active")


def _is_harmless(tag: str, name: str, value: str) -> bool:
    if name.startswith("on") or (name == "attributename" and value.lower().endswith("href")):
        return False
    if name in ("href", "src") and not value.startswith("#"):
        return bool(_DATA_IMAGE.match(value)) or (tag == "a" and value.startswith("https://"))
    return not _FETCHES.search(value)


def _local(name: str) -> str:
    return name.rpartition("}")[2].lower()
