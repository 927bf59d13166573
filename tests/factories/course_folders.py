"""Course folders made by code."""

import base64
from collections.abc import Mapping
from pathlib import Path

from tests.factories import notebooks as make

TOML = """\
slug = "trees"
title = "Trees"
summary = "From seed to wood."
language = "en"
authors = ["Ada"]
licence = "CC-BY-4.0"

[[module]]
title = "Seeds"
summary = "How it starts."

[[module.item]]
type = "lesson"
slug = "sowing"
title = "Sowing"
file = "lessons/sowing.md"

[[module.item]]
type = "lesson"
slug = "watering"
title = "Watering"
file = "lessons/watering.md"

[[module.item]]
type = "quiz"
slug = "first-quiz"
title = "First quiz"
assignment = "quiz-1"
summary = "Two small sums."
attempts = 3
due = 2026-11-30T23:59:00+01:00

[[module]]
title = "Wood"

[[module.item]]
type = "quiz"
slug = "second-quiz"
title = "Second quiz"
assignment = "quiz-2"
"""
SOWING = """\
# Sowing

See [watering](watering.md#how-much), [the quiz](first-quiz) and [a page](https://example.org/).

![A seed](../media/seed.png)

| seed | grams |
| --- | ---: |
| oak | 3 |

```python
print(1)
```
"""
WATERING = "# Watering\n\n## How much\n\nNot too much. [Data](../media/rain.csv)\n"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAQAAAADCAIAAAA7ljmRAAAAFElEQVR42mMUqdBggAEmBiSAwgEAGowAukM/pKEAAAAASUVORK5CYII="
)
"""Four by three green pixels."""
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def quiz_notebook(points: int = 4, *extra: make.Cell, right: int = 2) -> bytes:
    """A notebook with one question."""
    return make.notebook(
        make.text("# Sums"),
        make.solution("sum", make.SOLUTION.format(f"total = {right}")),
        make.tests("sum-tests", points, f"assert total == {right}"),
        *extra,
    )


def list_files() -> dict[str, bytes]:
    """The files of a sound course by path."""
    return {
        "course.toml": TOML.encode(),
        "lessons/sowing.md": SOWING.encode(),
        "lessons/watering.md": WATERING.encode(),
        "media/seed.png": PNG,
        "media/tree.svg": SVG,
        "media/rain.csv": b"1,2\n",
        "media/page.html": b"<script>alert(1)</script>",
        "source/quiz-1/quiz-1.ipynb": quiz_notebook(),
        "source/quiz-1/data.csv": b"1\n",
        "source/quiz-2/quiz-2.ipynb": quiz_notebook(6),
    }


def write_folder(path: Path, changes: Mapping[str, bytes | str | None] | None = None) -> Path:
    """A sound course with some files changed, added, or (None) left out."""
    for name, body in (list_files() | dict(changes or {})).items():
        if body is not None:
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(body if isinstance(body, bytes) else body.encode())
    return path


def changed(old: str, new: str) -> dict[str, bytes]:
    """The course.toml with one thing changed."""
    assert old in TOML, old
    return {"course.toml": TOML.replace(old, new, 1).encode()}
