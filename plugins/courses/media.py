"""Which files of a course a browser may show, and as what. Nothing here can run a script on our pages."""

from pathlib import PurePosixPath

SHOWN = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".svg": "image/svg+xml",
}
"""Pictures. An SVG opened by itself is sealed by the response's Content-Security-Policy."""
SAVED = {
    ".pdf": "application/pdf",
    ".csv": "text/csv; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".ipynb": "application/x-ipynb+json",
    ".zip": "application/zip",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
}
"""To save; everything else is saved as bytes of no kind."""
BYTES = "application/octet-stream"


def media_type(path: str) -> str:
    """The content type of a file, by its name."""
    suffix = PurePosixPath(path).suffix.lower()
    return SHOWN.get(suffix) or SAVED.get(suffix, BYTES)


def is_shown(path: str) -> bool:
    """Whether a browser may show it; else it saves it."""
    return PurePosixPath(path).suffix.lower() in SHOWN
