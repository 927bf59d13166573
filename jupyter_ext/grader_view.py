"""A learner's notebook made harmless before formgrader shows it.

formgrader puts what learners wrote into a page that acts with the grader's rights, and its template trusts Markdown,
cell metadata and picture sizes. nbconvert's own `sanitize_html` does not reach formgrader's Markdown and leaves
unquoted attributes open (`width=1 onerror=…`), so everything is cleaned here, from an allow-list.
"""

import re
from typing import Any

import nh3
from jinja2 import pass_context
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode

PLAIN_OUTPUTS = frozenset({"text/plain", "text/latex", "image/png", "image/jpeg", "image/svg+xml"})
"""Output types that the template escapes or shows as a picture."""
_GRADE_ID = re.compile(r"[A-Za-z0-9_.\-]{1,200}")
_CELL_ID = re.compile(r"[A-Za-z0-9_\-]{1,64}")
_ATTRIBUTES = {
    **nh3.ALLOWED_ATTRIBUTES,
    "table": {"border"},
    "td": {"align", "colspan", "rowspan"},
    "th": {"align", "colspan", "rowspan"},
}


def clean(html: str) -> str:
    """HTML without scripts, styles, forms, frames, ids, and pictures from elsewhere."""
    return nh3.clean(
        html,
        attributes=_ATTRIBUTES,
        attribute_filter=_only_safe_addresses,
        allowed_classes={"table": {"dataframe"}},
        url_schemes={"http", "https", "mailto", "data"},
    )


def _only_safe_addresses(tag: str, attribute: str, value: str) -> str | None:
    if attribute == "src" and not re.match(r"data:image/(png|jpeg|gif|webp);", value):
        return None
    if attribute == "href" and not re.match(r"(https?:|mailto:|#)", value):
        return None
    return value


@pass_context
def markdown(context: Any, source: str) -> str:
    """Jinja filter: Markdown to clean HTML, with mathematics and a cell's own pictures."""
    attachments = context.get("cell", {}).get("attachments", {})
    rendered: str = MarkdownWithMath(renderer=IPythonRenderer(escape=False, attachments=attachments)).render(source)
    return clean(rendered)


class HarmlessNotebook(Preprocessor):
    """Keeps text, code, pictures, clean HTML, and of all metadata only nbgrader's, and that in its known shape."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """The notebook, cleaned in place."""
        nb.metadata = NotebookNode({"language_info": NotebookNode({"name": "python"})})
        for cell in nb.cells:
            cell.metadata = NotebookNode(_nbgrader_metadata(cell.metadata.get("nbgrader")))
            if not _CELL_ID.fullmatch(str(cell.get("id", ""))):
                cell.pop("id", None)
            if cell.cell_type == "code":
                cell.outputs = [_clean_output(output) for output in cell.outputs]
        return nb, resources


def _nbgrader_metadata(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict) or not _GRADE_ID.fullmatch(str(found.get("grade_id", ""))):
        return {}
    flags = {name: found.get(name) is True for name in ("grade", "solution", "locked", "task")}
    points = found.get("points")
    kept = NotebookNode(
        {**flags, "grade_id": str(found["grade_id"]), "points": points if isinstance(points, int | float) else 0}
    )
    return {"nbgrader": kept}


def _clean_output(output: Any) -> Any:
    if output.output_type not in {"display_data", "execute_result"}:
        return output
    data = {kind: value for kind, value in output.data.items() if kind in PLAIN_OUTPUTS and isinstance(value, str)}
    html, text = output.data.get("text/html"), output.data.get("text/markdown")
    if isinstance(html, str):
        data["text/html"] = clean(html)
    if isinstance(text, str):
        data["text/markdown"] = text  # cleaned when it is rendered
    output.data, output.metadata = NotebookNode(data), NotebookNode({})
    return output
