"""Why a file is not accepted, as stable codes."""

from flask_babel import gettext as _


class Refused(Exception):
    """The content is not accepted; trying again does not help."""

    def __init__(self, code: str) -> None:
        """`code` is one of REFUSALS."""
        super().__init__(code)
        self.code = code


REFUSALS = {
    "empty": "The file is empty. Choose another.",
    "type": "Files of this kind are not accepted here. What counts is the content, not the name.",
    "image_large": "The image has too many pixels. Save it smaller and upload it again.",
    "image_broken": "The image cannot be read. Open and save it again, or choose another.",
    "svg_active": "The drawing contains script or addresses of other sites. Save it as a plain SVG or as PNG.",
    "archive_bomb": "The archive would unpack to far more than is reasonable. Make a smaller one.",
    "archive_broken": "The archive cannot be read. Make it again.",
    "infected": "The virus scanner found something in this file. It is not given out to anybody.",
    "scan_failed": "The virus scanner did not answer, so the file is not given out. Upload it again later.",
    "quota": "There is no room for this file in the course any more. Delete files that are not used.",
    "checksum": "What arrived is not what was sent. Upload the file again.",
    "failed": "The file could not be stored. Upload it again; if that does not help, tell your administrator.",
}
"""Code → what people read, in English (translated where it is shown)."""


def say_refusal(code: str) -> str:
    """Why a file was refused, in the reader's language."""
    said: str = _(REFUSALS.get(code, REFUSALS["failed"]))
    return said
