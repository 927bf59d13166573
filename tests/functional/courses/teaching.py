"""A teacher's browser without JavaScript, for the tests of the editor."""

import io
import re
from decimal import Decimal
from typing import Any

from PIL import Image

from grading.assignments import get_assignment
from grading.models import ResultRow
from grading.submissions import make_snapshot, store_submission
from lti_tool.kernel import clock
from lti_tool.kernel.runtime import Runtime
from plugins.progress.merging import Change, Learner
from plugins.progress.recording import record
from tests.conftest import BASE_URL
from tests.factories.grading import LIMIT, Someone, notebook
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


def give_result(
    runtime: Runtime, who: Someone, points: str, *, assignment: str = "quiz-1", manual: bool = False
) -> None:
    """A result as marking leaves it."""
    with runtime.db.transaction() as tx:
        row = get_assignment(tx, SLUG, assignment)
        files = {f"{assignment}.ipynb": notebook()["quiz-1.ipynb"]}
        submission, _new = store_submission(
            tx, row, who.submitter, make_snapshot(files, LIMIT), via="page", request_id=f"{who.hub_name}-{assignment}"
        )
        result = ResultRow(
            placement_id=who.place.placement_id,
            assignment_id=row.id,
            user_id=who.user_id,
            submission_id=submission.id,
            points=Decimal(points),
            max_points=row.max_points,
            needs_manual=manual,
            recorded_at=clock.now(),
            version=1,
        )
        tx.add(result)
        done = Change(
            Learner(who.place.placement_id, who.user_id),
            row.item_ref,
            clock.now(),
            score=int(100 * Decimal(points) / row.max_points),
            score_final=not manual,
            score_version=1,
        )
        record(tx, [done])  # as progress does when it hears of the mark


def lines_of(page: str) -> list[str]:
    """The outline as read aloud."""
    found = re.findall(r"<li class=\"(?:next)?\">(.*?)</li>", page, re.S)
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", line)).strip().replace(" ,", ",") for line in found]
