"""Signed download links of the tool itself: everything that the answer needs is in the token, so no row is read."""

import base64
import hmac
import json
from dataclasses import astuple, dataclass
from urllib.parse import quote, urlsplit

from lti_tool.kernel import clock
from lti_tool.kernel.errors import Gone, Invalid
from lti_tool.kernel.signing import Signer

PURPOSE = "files.link"
STEP_S = 900
"""Links end on a multiple of this, so that a page loaded twice has the same link, which a browser has cached."""


@dataclass(frozen=True)
class Grant:
    """What a link opens."""

    key: str
    filename: str
    content_type: str
    inline: bool
    expires_at: int
    """Unix time, in seconds."""


class LinkMaker:
    """Makes and reads links."""

    def __init__(self, signer: Signer, root_url: str) -> None:
        """`root_url` is the tool's address as browsers reach it, without a trailing slash."""
        self._signer = signer
        self._path = f"{urlsplit(root_url).path}/files/d/"

    def make(self, key: str, filename: str, content_type: str, expires_s: int, *, inline: bool) -> str:
        """A path on the tool's origin, good for `expires_s` to `expires_s` + STEP_S seconds."""
        end = (int(clock.now().timestamp()) + expires_s) // STEP_S * STEP_S + STEP_S
        text = json.dumps(astuple(Grant(key, filename, content_type, inline, end)), separators=(",", ":"))
        payload = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
        return f"{self._path}{payload}.{self._sign(payload)}/{quote(filename, safe='')}"

    def read(self, token: str) -> Grant:
        """What a token opens. Raises: Invalid: it is not ours. Gone: it has expired."""
        payload, _dot, signature = token.partition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(payload).encode()):
            raise Invalid("files_link_invalid", "This link is not valid. Go back and open it again.")
        grant = Grant(*json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))
        if grant.expires_at <= clock.now().timestamp():
            raise Gone("files_link_expired", "This link has expired. Go back and open it again.")
        return grant

    def _sign(self, payload: str) -> str:
        return base64.urlsafe_b64encode(self._signer.digest(PURPOSE, payload)).decode().rstrip("=")
