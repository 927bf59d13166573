"""What other plugins may ask of video and have it do. Plain values in and out; `Player` is for the template's macro.

A page shows a player with `{% import "video/player.html" as video %}{{ video.player(player) }}`, and loads its script
with `{{ video.script(asset) }}` in the block `head`.
"""

from plugins.video.captions import read_language, tidy_captions
from plugins.video.carrying import CaptionFacts, Carried, VideoFacts, list_carried, put_video
from plugins.video.links import Link, LinkKind, read_link
from plugins.video.models import VideoState
from plugins.video.player import Player, make_player
from plugins.video.service import (
    Caption,
    Video,
    add_file,
    add_link,
    find_linked,
    find_named,
    find_video,
    get_video,
    list_uploaded,
    set_uses,
)
from plugins.video.vtt import MAX_BYTES as MAX_CAPTIONS_BYTES

__all__ = [
    "MAX_CAPTIONS_BYTES",
    "Caption",
    "CaptionFacts",
    "Carried",
    "Link",
    "LinkKind",
    "Player",
    "Video",
    "VideoFacts",
    "VideoState",
    "add_file",
    "add_link",
    "find_linked",
    "find_named",
    "find_video",
    "get_video",
    "list_carried",
    "list_uploaded",
    "make_player",
    "put_video",
    "read_language",
    "read_link",
    "set_uses",
    "tidy_captions",
]
