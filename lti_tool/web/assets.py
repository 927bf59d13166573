"""Static files: named by their content, kept by browsers for a year, and sent compressed.

`app.css` is asked for as `/static/app.3f2a91bc44.css`. A sheet's own references (`url(fonts/…)`) are rewritten to such
names too, so a page never mixes two releases. Files are small and few, so they are read once and held in memory.
"""

import gzip
import hashlib
import mimetypes
import re
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path, PurePosixPath

import brotli
from flask import Flask, Response, abort, request

FOLDER = Path(__file__).parent / "static"
DIGITS = 10
YEAR = "public, max-age=31536000, immutable"
_HASHED = re.compile(rf"^(?P<stem>.+)\.(?P<digest>[0-9a-f]{{{DIGITS}}})(?P<suffix>\.[a-z0-9]+)$")
_REFERENCE = re.compile(r"url\((?P<name>[\w./-]+)\)")
_TEXT = (".css", ".js", ".svg", ".txt", ".json", ".vtt")
_TYPES = {".js": "text/javascript", ".woff2": "font/woff2", ".vtt": "text/vtt"}
"""Where the machine's own table may say something else."""


@dataclass(frozen=True)
class Asset:
    """One file as it is sent."""

    name: str
    """Below the folder, with slashes."""
    body: bytes
    digest: str
    content_type: str

    @cached_property
    def hashed_name(self) -> str:
        """The name that changes with the content."""
        path = PurePosixPath(self.name)
        return path.with_name(f"{path.stem}.{self.digest}{path.suffix}").as_posix()


@cache
def list_assets(folder: Path = FOLDER) -> dict[str, Asset]:
    """Every file of a folder by its plain name."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    plain = [name for name in names if not name.endswith(".css")]
    found = {name: _make(name, (folder / name).read_bytes()) for name in plain}
    for name in names:
        if name.endswith(".css"):
            found[name] = _make(name, _with_hashed_references((folder / name).read_text("utf-8"), found).encode())
    return found


def asset(name: str) -> str:
    """The URL of a static file, outside the session's path. Raises: KeyError: there is no such file."""
    root = request.environ.get("coursebridge.root", request.script_root)
    return f"{root}/static/{list_assets()[name].hashed_name}"


def install_assets(app: Flask) -> None:
    """Serve the files below /static, as endpoint `static`. The app is made without a static folder of its own."""
    app.add_url_rule("/static/<path:name>", "static", serve_asset)


def serve_asset(name: str) -> Response:
    """One file, by its plain or its hashed name. A name of another release gets today's file, and is not kept."""
    hashed = _HASHED.match(name)
    found = list_assets().get(f"{hashed['stem']}{hashed['suffix']}" if hashed else name)
    if found is None:
        abort(404)
    coding = request.accept_encodings.best_match(["br", "gzip"]) if found.name.endswith(_TEXT) else None
    response = Response(_encoded(found, coding), content_type=found.content_type)
    if coding:
        response.headers["Content-Encoding"] = coding
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Cache-Control"] = YEAR if hashed and hashed["digest"] == found.digest else "no-cache"
    response.set_etag(f"{found.digest}-{coding or 'plain'}")
    response.make_conditional(request)
    return response


def _make(name: str, body: bytes) -> Asset:
    suffix = PurePosixPath(name).suffix
    kind = _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    charset = "; charset=utf-8" if suffix in _TEXT else ""
    return Asset(name, body, hashlib.sha256(body).hexdigest()[:DIGITS], kind + charset)


def _with_hashed_references(sheet: str, assets: dict[str, Asset]) -> str:
    return _REFERENCE.sub(lambda found: f"url({assets[found['name']].hashed_name})", sheet)


@cache
def _encoded(found: Asset, coding: str | None) -> bytes:
    if coding == "br":
        return bytes(brotli.compress(found.body, quality=11))
    return gzip.compress(found.body, mtime=0) if coding == "gzip" else found.body
