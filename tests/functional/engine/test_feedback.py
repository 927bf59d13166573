"""The learner's page: what it shows, what it must never show, and that it is inert."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from grading.engine import gradebook as gradebooks
from grading.engine.course import CourseRoot
from tests.factories import notebooks as make
from tests.functional.engine.conftest import QUIZ, RIGHT, SUBMITTED, WRONG, Mark, text_of

SECRETS = ("-7", "negative numbers matter", "BEGIN HIDDEN", "END HIDDEN")
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="


class Page(HTMLParser):
    """The tags, attributes and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def _page(course: CourseRoot, learner: str) -> str:
    return text_of(course.render_feedback("quiz", learner))


def test_page_shows_scores_answers_outputs_and_comments(mark: Mark, course: CourseRoot, learner: str) -> None:
    mark(RIGHT | {"why": "Because **nothing** is left."})
    with gradebooks.writing(course.gradebook_url()) as gradebook:
        grade = gradebook.find_grade("why", "quiz", "quiz", learner)
        grade.manual_score, grade.needs_manual_grade = 2.5, False
        gradebook.find_comment("why", "quiz", "quiz", learner).manual_comment = "Nearly <b>there</b>"
        gradebook.find_comment("add", "quiz", "quiz", learner).manual_comment = "Neat."

    page = Page(_page(course, learner))

    assert "9.5 of 10 points" in page.text
    assert "◐ 2.5 of 3" in page.text and "✓ 4 of 4" in page.text
    assert "Nearly <b>there</b>" in page.text and "Neat." in page.text
    assert "<strong>nothing</strong>" in _page(course, learner)
    assert "end of the quiz" in page.text


def test_page_runs_and_loads_nothing(mark: Mark, course: CourseRoot, learner: str) -> None:
    evil = f"""
def add(a, b): return a + b
from IPython.display import HTML, SVG, Markdown, Javascript, Image, display
import base64
display(HTML('<script>alert(1)</script><img src=x onerror=alert(2)><a href="javascript:alert(3)">'
             '<iframe src=//evil.example></iframe><style>@import "//evil.example"</style><table><td onclick=x>cell'))
display(SVG('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(4)</script></svg>'))
display(Markdown('![x](https://evil.example/a.png) [link](javascript:alert(5)) <script>alert(6)</script>'))
display(Javascript('alert(7)'))
display(Image(base64.b64decode('{PIXEL}')))
print('<script>alert(8)</script>')
raise ValueError('<script>alert(9)</script>')
"""
    mark(
        {"add": evil, "why": "<script>alert(10)</script> ![x](http://evil.example/b.png) <img src=x onerror=alert(11)>"}
    )

    html = _page(course, learner)
    page = Page(html)

    assert not {"script", "iframe", "object", "embed", "link", "base", "form", "svg", "input"} & set(page.tags)
    assert page.tags.count("style") == 1
    assert [name for name, _ in page.attributes if name.startswith("on")] == []
    loaded = [value for name, value in page.attributes if name in ("src", "href", "action", "srcset", "style")]
    assert [v for v in loaded if not v.startswith(("data:image/", "#q-"))] == []
    assert any(v.startswith(f"data:image/png;base64,{PIXEL}") for v in loaded)
    assert "default-src 'none'" in html
    assert "cell" in page.text


SPIES = {
    "fails": "def add(a, b): return abs(a) + abs(b)",
    "prints": "def add(a, b):\n    print('called with', a, b)\n    return abs(a) + abs(b)",
    "raises": "def add(a, b):\n    if a < 0: raise ValueError(f'got {a} and {b}')\n    return a + b",
    "warns": "import sys\ndef add(a, b):\n    print('saw', a, file=sys.stderr)\n    return a + b",
    "displays": "from IPython.display import *\ndef add(a, b):\n    display(HTML(f'<b>{a}</b>'), a)\n    return a + b",
    "exits": "import sys\ndef add(a, b):\n    if a < 0: sys.exit(f'bye {a}')\n    return a + b",
}


@pytest.mark.parametrize("spy", SPIES)
def test_cell_with_hidden_tests_says_nothing_about_them(mark: Mark, course: CourseRoot, learner: str, spy: str) -> None:
    result = mark(RIGHT | {"add": SPIES[spy]})

    assert b"-7" in result.notebooks["quiz.ipynb"]  # the teacher sees them
    page = Page(_page(course, learner)).text
    assert [secret for secret in SECRETS if secret in page] == []
    assert "This cell has hidden tests, too." in page
    expected = "is not shown, because it contains hidden tests" if spy == "warns" else "A hidden test did not pass."
    assert expected in page or spy in ("prints", "displays", "warns")


def test_visible_test_in_such_a_cell_is_named(mark: Mark, course: CourseRoot, learner: str) -> None:
    mark(RIGHT | {"add": "def add(a, b): return 1"})

    page = Page(_page(course, learner)).text
    assert "The test on line 1 of this cell did not pass." in page
    assert [secret for secret in SECRETS if secret in page] == []


MEMORIES = {
    "history": "print(In)",
    "history text": "print('\\n'.join(In))",
    "repr": "In",
    "dictionary": "{'all': list(In)}",
    "html": "from IPython.display import *\ndisplay(HTML('<br>'.join(In).replace('assert', 'as<b></b>sert')))",
    "markdown": "from IPython.display import Markdown, display; display(Markdown('\\n'.join(In)))",
    "last error": "import sys; print(sys.last_value)",
    "its message raised": "import sys; raise RuntimeError(str(sys.last_value))",
    "traceback": "import traceback, sys; traceback.print_exception(sys.last_value)",
    "history command": "%history",
    "spaced out": "print('\\n\\n'.join(' '.join(c) for c in In))",
}


@pytest.mark.parametrize("memory", MEMORIES)
def test_later_cell_that_remembers_hidden_tests_is_not_shown(
    mark: Mark, course: CourseRoot, learner: str, memory: str
) -> None:
    mark(RIGHT | {"add": SPIES["fails"], "count": MEMORIES[memory]})

    page = Page(_page(course, learner)).text
    assert [secret for secret in SECRETS if secret in re.sub(r"(?<=\w) (?=\w)", "", page)] == []
    assert "not shown, because it repeats part of a hidden test" in page


def test_ordinary_output_is_left_alone(mark: Mark, course: CourseRoot, learner: str) -> None:
    mark(RIGHT | {"add": "def add(a, b):\n    return a + b\nprint('numbers matter to me, add(1, 2) is', add(1, 2))"})

    assert "numbers matter to me, add(1, 2) is 3" in Page(_page(course, learner)).text


def test_page_of_one_notebook_of_two_that_could_not_be_read(tmp_path: Path) -> None:
    root = tmp_path / "c"
    (root / "source" / "pair").mkdir(parents=True)
    for name in ("one", "two"):
        (root / "source" / "pair" / f"{name}.ipynb").write_bytes(QUIZ)
    course = CourseRoot(root)
    files = dict(course.make_release("pair").files) | {"two.ipynb": b"oops"}
    marking = course.mark("pair", "u-x", files, submitted_at=SUBMITTED, attempt=1)

    assert marking.outcome == "not_a_notebook"
    assert "its questions have 0 points" in marking.text
    pages = course.render_feedback("pair", "u-x")
    page = Page(pages["two.html"].decode()).text
    assert "0 of 10 points" in page
    assert "could not be read" in page


def test_mark_scheme_and_attachments(tmp_path: Any) -> None:
    root = tmp_path / "c"
    (root / "source" / "t").mkdir(parents=True)
    scheme = "Draw it.\n=== BEGIN MARK SCHEME ===\nOne point for colour.\n=== END MARK SCHEME ==="
    picture = make.text("![a](attachment:a.png)") | {"attachments": {"a.png": {"image/png": PIXEL}}}
    (root / "source" / "t" / "t.ipynb").write_bytes(make.notebook(make.task("draw", 2, scheme), picture))
    course = CourseRoot(root)
    files = course.make_release("t").files
    assert b"colour" not in files["t.ipynb"]

    result = course.mark("t", "u-x", files, submitted_at=SUBMITTED, attempt=1)

    html = text_of(course.render_feedback("t", "u-x"), "t.html")
    assert "colour" not in html
    assert f"data:image/png;base64,{PIXEL}" in html
    assert result.outcome == "needs_manual"
    assert "Not marked yet" in html


def test_wrong_answers_keep_their_own_error(mark: Mark, course: CourseRoot, learner: str) -> None:
    mark(WRONG)

    assert "AssertionError" in Page(_page(course, learner)).text  # of the cell without hidden tests
