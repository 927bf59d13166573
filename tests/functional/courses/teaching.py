"""A teacher's browser without JavaScript, for the tests of the editor."""

import io
import re
from typing import Any

from PIL import Image

from tests.conftest import BASE_URL
from tests.functional.courses.conftest import SLUG, Browser

HOME, EDIT = f"/courses/{SLUG}/", f"/courses/{SLUG}/edit/"


class Teacher(Browser):
    """A browser that posts forms and reads what they hold."""

    def post(self, path: str, data: dict[str, Any] | None = None, **more: Any) -> Any:
        url = path if path.startswith("/s/") else self.prefix + path
        return self.client.post(url, data=data or {}, base_url=BASE_URL, **more)

    def form(self, path: str) -> dict[str, Any]:
        """What the editor's main form would send as it is."""
        page = self.get(path).text
        form = max(re.findall(r"<form.*?</form>", page, re.S), key=len)
        found: dict[str, Any] = dict(re.findall(r'<input[^>]* name="(\w+)"[^>]*? value="([^"]*)"', form))
        for name in ("file", "upload", "after"):
            found.pop(name, None)
        text = re.search(r'<textarea id="markdown".*?>\n?(.*?)</textarea>', form, re.S)
        return found | ({"markdown": text.group(1)} if text else {})


def new_item(teacher: Teacher, title: str, kind: str = "lesson", module: str = "wood") -> str:
    """Path of the editor of a new item."""
    answer = teacher.post(f"{EDIT}items", {"module": module, "kind": kind, "title": title})
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"].removeprefix(teacher.prefix)


def located_photo(size: tuple[int, int] = (60, 40)) -> bytes:
    """A JPEG that says where it was taken."""
    exif = Image.Exif()
    exif[0x8825] = {1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)}
    made = io.BytesIO()
    Image.new("RGB", size, (20, 120, 40)).save(made, "JPEG", exif=exif)
    return made.getvalue()
