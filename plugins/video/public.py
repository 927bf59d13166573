"""What other plugins may ask of video and have it do. Plain values in and out; `Player` is for the template's macro.

A page shows a player with `{% import "video/player.html" as video %}{{ video.player(player) }}`, and loads its script
with `{{ video.script(asset) }}` in the block `head`.
"""

from plugins.video.links import Link, LinkKind, read_link
from plugins.video.models import VideoState
from plugins.video.player import Player, make_player
from plugins.video.service import (
    Caption,
    Video,
    add_file,
    add_link,
    find_linked,
    find_video,
    get_video,
    list_uploaded,
    set_uses,
)

__all__ = [
    "Caption",
    "Link",
    "LinkKind",
    "Player",
    "Video",
    "VideoState",
    "add_file",
    "add_link",
    "find_linked",
    "find_video",
    "get_video",
    "list_uploaded",
    "make_player",
    "read_link",
    "set_uses",
]
