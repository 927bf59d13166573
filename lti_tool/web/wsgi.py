"""What middleware reads of a request that it may hand on: the body, which can be read again, and a cookie."""

from io import BytesIO
from wsgiref.types import WSGIEnvironment

from werkzeug.http import parse_cookie


def read_body(environ: WSGIEnvironment, most: int) -> bytes:
    """The body of a request that says it has 1 to `most` bytes, else nothing; shorter if the browser has hung up."""
    said = environ.get("CONTENT_LENGTH") or ""
    length = int(said) if said.isascii() and said.isdecimal() and len(said) < 9 else 0
    if not 0 < length <= most:
        return b""
    stream = environ["wsgi.input"]
    body: bytes = stream.read(length)
    while len(body) < length and (more := stream.read(length - len(body))):
        body += more
    environ["wsgi.input"] = BytesIO(body)
    return body


def read_cookie(environ: WSGIEnvironment, name: str) -> str | None:
    """The value of a cookie; None: it was not sent."""
    sent = environ.get("HTTP_COOKIE")
    return parse_cookie(sent).get(name) if sent else None
