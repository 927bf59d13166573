"""Addresses of videos elsewhere."""

import pytest

from lti_tool.kernel.errors import Unacceptable
from plugins.video.links import LinkKind, read_link

YOUTUBE = "https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ?rel=0"


@pytest.mark.parametrize(
    "url",
    [
        "https://www.youtube.com/watch?v=dQw4w9WgXcQ&list=PL1",
        "https://youtu.be/dQw4w9WgXcQ?t=10",
        " https://m.youtube.com/shorts/dQw4w9WgXcQ ",
        "https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ",
    ],
)
def test_youtube_is_shown_without_cookies(url: str) -> None:
    link = read_link(url)
    assert (link.kind, link.embed_url, link.origin) == (LinkKind.YOUTUBE, YOUTUBE, "https://www.youtube-nocookie.com")
    assert link.url == "https://www.youtube.com/watch?v=dQw4w9WgXcQ"


@pytest.mark.parametrize(
    ("url", "embed"),
    [
        ("https://vimeo.com/76979871", "https://player.vimeo.com/video/76979871?dnt=1"),
        ("https://vimeo.com/76979871/0a1b2c3d4e", "https://player.vimeo.com/video/76979871?dnt=1&h=0a1b2c3d4e"),
        (
            "https://player.vimeo.com/video/76979871?h=0a1b2c3d4e",
            "https://player.vimeo.com/video/76979871?dnt=1&h=0a1b2c3d4e",
        ),
        ("https://vimeo.com/channels/staffpicks/76979871", "https://player.vimeo.com/video/76979871?dnt=1"),
    ],
)
def test_vimeo_is_asked_not_to_track(url: str, embed: str) -> None:
    assert read_link(url).embed_url == embed


def test_a_file_is_allowed_by_its_origin_alone() -> None:
    link = read_link("https://media.example.edu:8443/a/Lecture%201.MP4?x=1")
    assert (link.kind, link.origin, link.embed_url) == (LinkKind.FILE, "https://media.example.edu:8443", "")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "video.mp4",
        "http://example.edu/a.mp4",
        "javascript:alert(1)//.mp4",
        "https://user:secret@example.edu/a.mp4",
        "https://example.edu;script-src/a.mp4",
        "https://example.edu /a.mp4",
        "https://[::1/a.mp4",
        "https://*.example.edu/a.mp4",
        "https://example$.edu/a.mp4",
        "https://@example.edu/a.mp4",
        "https://example.edu/" + "a" * 2000 + ".mp4",
        "https://example.edu/a.avi",
        "https://www.youtube.com/@somebody",
        "https://youtu.be/short",
        "https://vimeo.com/about",
        "https://example.edu:99999/a.mp4",
    ],
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(Unacceptable):
        read_link(url)
