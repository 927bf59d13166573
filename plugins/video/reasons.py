"""Why a video cannot be shown, or what somebody should know about it: codes in the database, words on the page."""

from flask_babel import gettext as _

NOT_A_VIDEO = "not_a_video"
UNREADABLE = "unreadable"
NO_PICTURE = "no_picture"
CODEC = "codec"
TOO_LONG = "too_long"
TOO_HARD = "too_hard"
FILE_GONE = "file_gone"
FILE_MISSING = "file_missing"
GAVE_UP = "gave_up"
SOME_BROWSERS = "some_browsers"
LINK_UNREACHABLE = "link_unreachable"
NO_DURATION = "no_duration"


def explain(code: str) -> str:
    """What happened and what to do, in plain words; empty for no code."""
    words: dict[str, str] = {
        NOT_A_VIDEO: _("This file is not a video. Upload an MP4 or WebM file."),
        UNREADABLE: _("This file is damaged or incomplete. Export it again, then upload it as MP4 or WebM."),
        NO_PICTURE: _("There is only sound in this file. Upload a file with a picture."),
        CODEC: _("Browsers cannot play this kind of video. Export it as MP4 with H.264 and AAC, then upload it again."),
        TOO_LONG: _("This video is longer than a day. Cut it into parts."),
        TOO_HARD: _("Reading this video took too much time or memory. Export it again as MP4 with H.264."),
        FILE_GONE: _("The file of this video was deleted. Upload it again."),
        FILE_MISSING: _(
            "This course was imported without the file of this video. Upload it; it is known again by its content."
        ),
        GAVE_UP: _("This video could not be prepared because of a problem on our side. Try again."),
        SOME_BROWSERS: _("Not every browser can play this video. Export it as MP4 with H.264 and AAC and replace it."),
        LINK_UNREACHABLE: _(
            "Nothing could be read at this address. Open it yourself to see that it works, then try again."
        ),
        NO_DURATION: _("How long this video is could not be found out. What learners have watched is not counted."),
    }
    return words.get(code, "")
