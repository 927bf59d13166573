"""What learners wrote is shown to graders without anything that acts."""

import nbformat
import pytest
from nbformat import NotebookNode

from jupyter_ext.grader_view import HarmlessNotebook, clean, markdown


def cleaned(*cells: NotebookNode) -> NotebookNode:
    notebook = nbformat.v4.new_notebook(cells=list(cells), metadata={"widgets": {"x": "</script>"}, "title": "<b>"})
    return HarmlessNotebook().preprocess(notebook, {})[0]


def code(*outputs: NotebookNode) -> NotebookNode:
    return nbformat.v4.new_code_cell("1", outputs=list(outputs))


@pytest.mark.parametrize(
    "html",
    [
        "<script>x()</script>",
        "<img src=x onerror=x()>",
        "<a href='javascript:x()'>a</a>",
        "<iframe src='/hub/home'></iframe>",
        "<form action='/x'><input></form>",
        "<svg onload=x()>",
        "<style>*{display:none}</style>",
        "<img src='https://elsewhere.example/pixel'>",
        "<p id='written' class='full-credit' style='position:fixed'>a</p>",
        "<img src='data:text/html,x'>",
    ],
)
def test_nothing_that_acts_is_left(html: str) -> None:
    left = clean(html)
    for word in ("script", "onerror", "onload", "iframe", "<form", "<input", "style", "src=", "id=", "class="):
        assert word not in left


def test_tables_and_pictures_of_their_own_stay() -> None:
    table = '<table border="1" class="dataframe"><tbody><tr><td colspan="2">1</td></tr></tbody></table>'
    assert clean(table) == table
    assert "data:image/png;base64,AA==" in clean('<img src="data:image/png;base64,AA==">')


def test_markdown_keeps_mathematics_and_loses_scripts() -> None:
    html = markdown({"cell": {}}, "# A\n\n$a < b$ and **bold**<script>x()</script> [l](javascript:x())")
    assert "<strong>bold</strong>" in html
    assert "$a &lt; b$" in html
    assert "script" not in html


def test_sizes_that_break_out_of_the_tag_are_dropped() -> None:
    picture = nbformat.v4.new_output(
        "display_data", {"image/png": "AA"}, metadata={"image/png": {"width": "1 onerror=x()"}}
    )
    (output,) = cleaned(code(picture)).cells[0].outputs
    assert output.metadata == {}
    assert output.data == {"image/png": "AA"}


def test_programs_and_widgets_are_dropped() -> None:
    data = {"application/javascript": "x()", "application/vnd.jupyter.widget-view+json": {"a": 1}, "text/plain": "1"}
    notebook = cleaned(code(nbformat.v4.new_output("display_data", data)))
    assert notebook.cells[0].outputs[0].data == {"text/plain": "1"}
    assert "widgets" not in notebook.metadata


def test_only_nbgraders_metadata_stays_and_only_in_shape() -> None:
    good = nbformat.v4.new_markdown_cell(
        "a", metadata={"nbgrader": {"grade_id": "q1", "grade": True, "points": 2}, "tags": ["<b>"]}
    )
    bad = nbformat.v4.new_markdown_cell(
        "a", metadata={"nbgrader": {"grade_id": 'q"><script>', "grade": True, "points": 2}}
    )
    odd = nbformat.v4.new_markdown_cell("a", metadata={"nbgrader": {"grade_id": "q2", "points": "<script>"}})
    first, second, third = cleaned(good, bad, odd).cells
    assert first.metadata.nbgrader.grade_id == "q1"
    assert first.metadata.nbgrader.grade is True
    assert "tags" not in first.metadata
    assert second.metadata == {}
    assert third.metadata.nbgrader.points == 0
