"""A tus client of a few lines, over a signed-in browser."""

import base64
from typing import Any

from tests.functional.grading.conftest import Browser

TUS = {"Tus-Resumable": "1.0.0"}
OFFSET = "application/offset+octet-stream"


def encode(**facts: str) -> str:
    """Upload-Metadata."""
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in facts.items())


class Tus:
    """Says what it gets; raises nothing."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.prefix = browser.prefix

    def call(self, method: str, path: str, data: bytes = b"", **headers: str) -> Any:
        url = path if path.startswith("/s/") else self.prefix + path
        every = {**TUS, **headers}
        return self.browser.client.open(url, method=method, data=data, headers=every, base_url="https://localhost")

    def create(self, name: str, length: int, **facts: str) -> str:
        """The address of a new upload."""
        metadata = encode(filename=name, **facts)
        answer = self.call("POST", "/files/uploads", **{"Upload-Length": str(length), "Upload-Metadata": metadata})
        assert answer.status_code == 201, answer.text
        return str(answer.headers["Location"])

    def patch(self, url: str, offset: int, data: bytes, **headers: str) -> Any:
        return self.call("PATCH", url, data, **{"Upload-Offset": str(offset), "Content-Type": OFFSET, **headers})

    def finish(self, url: str, content: bytes) -> Any:
        """Send what is missing."""
        at = int(self.call("HEAD", url).headers["Upload-Offset"])
        return self.patch(url, at, content[at:]) if at < len(content) else None

    def send(self, name: str, content: bytes, **facts: str) -> int:
        """The whole file at once; its id."""
        answer = self.patch(self.create(name, len(content), **facts), 0, content)
        assert answer.status_code == 204, answer.text
        return int(answer.headers["Coursebridge-File"])
