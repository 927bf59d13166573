"""Videos elsewhere: what an address is, and what a page needs to show it."""

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import SplitResult, parse_qs, urlsplit

from lti_tool.kernel.errors import Unacceptable

MAX_URL = 2000


class LinkKind(StrEnum):
    """How a linked video is shown."""

    FILE = "file"
    """A video file at an address: our player shows it."""
    YOUTUBE = "youtube"
    VIMEO = "vimeo"

    @property
    def label(self) -> str:
        """The name of the site; empty for a file."""
        return {"youtube": "YouTube", "vimeo": "Vimeo"}.get(self.value, "")


FRAMES = {LinkKind.YOUTUBE: "https://www.youtube-nocookie.com", LinkKind.VIMEO: "https://player.vimeo.com"}
"""The only origins that may be framed, each only on a page that shows a video of it."""
_YOUTUBE = ("youtube.com", "www.youtube.com", "m.youtube.com", "youtube-nocookie.com", "www.youtube-nocookie.com")
_VIMEO = ("vimeo.com", "www.vimeo.com", "player.vimeo.com")


@dataclass(frozen=True)
class Link:
    """A recognised address."""

    kind: LinkKind
    url: str
    """Where a person goes to watch it; of a file: the file."""
    embed_url: str
    """What a frame shows; empty for a file."""

    @property
    def origin(self) -> str:
        """The origin that a page of ours has to allow."""
        if self.kind in FRAMES:
            return FRAMES[self.kind]
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"


def read_link(url: str) -> Link:
    """What this address is. Raises: Unacceptable: says which addresses are accepted."""
    url = url.strip()
    parts = _split(url)
    host = (parts.hostname or "").lower()
    if host == "youtu.be" or host in _YOUTUBE:
        return _youtube(host, parts.path, parts.query)
    if host in _VIMEO:
        return _vimeo(parts.path, parts.query)
    if not parts.path.lower().endswith((".mp4", ".webm", ".m4v")):
        raise Unacceptable(
            "video_link_kind",
            "This address is not a video that can be shown here. Give the address of an .mp4 or .webm file, or of a "
            "video on YouTube or Vimeo.",
        )
    return Link(LinkKind.FILE, url, "")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_sound = parts.scheme == "https" and parts.hostname and not parts.username and parts.port != 0
    except ValueError:
        is_sound = False
    plain = re.fullmatch(r"[!-~]+", url) and (not is_sound or re.fullmatch(r"[\w.:\[\]-]+", parts.netloc, re.ASCII))
    if not is_sound or not plain or len(url) > MAX_URL:
        raise Unacceptable("video_link_invalid", "Give a whole address that begins with https://.")
    return parts


def _youtube(host: str, path: str, query: str) -> Link:
    pieces = [piece for piece in path.split("/") if piece]
    if host == "youtu.be":
        name = pieces[0] if pieces else ""
    elif pieces[:1] in (["embed"], ["shorts"], ["live"], ["v"]):
        name = pieces[1] if len(pieces) > 1 else ""
    else:
        name = parse_qs(query).get("v", [""])[0]
    if not re.fullmatch(r"[\w-]{11}", name, re.ASCII):
        raise Unacceptable(
            "video_link_youtube", "This is not the address of one video on YouTube. Open the video and copy it."
        )
    return Link(
        LinkKind.YOUTUBE, f"https://www.youtube.com/watch?v={name}", f"{FRAMES[LinkKind.YOUTUBE]}/embed/{name}?rel=0"
    )


def _vimeo(path: str, query: str) -> Link:
    found = re.search(r"(?:^|/)(\d{5,12})(?:/([0-9a-f]{8,12}))?/?$", path)
    if not found:
        raise Unacceptable(
            "video_link_vimeo", "This is not the address of one video on Vimeo. Open the video and copy it."
        )
    number, secret = found[1], found[2] or parse_qs(query).get("h", [""])[0]
    if not re.fullmatch(r"[0-9a-f]*", secret):
        secret = ""
    page = f"https://vimeo.com/{number}" + (f"/{secret}" if secret else "")
    embed = f"{FRAMES[LinkKind.VIMEO]}/video/{number}?dnt=1" + (f"&h={secret}" if secret else "")
    return Link(LinkKind.VIMEO, page, embed)
