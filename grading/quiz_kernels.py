"""The environment of a quiz in JupyterHub: which one it is, and the kernel's name in the notebooks that learners get.

A single-user server offers a kernel of that name, with the packages that the quiz is marked with. Marking puts the
kernel of the source in its place, so the name says nothing there. See docs/adr/0030-environments-in-jupyterhub.md.
"""

import hashlib
import json
from collections.abc import Collection, Mapping

from sqlalchemy import select

from grading.api_models import EnvironmentAnswer, NeededEnvironment
from grading.environments import is_environment_of
from grading.models import AssignmentRow, EnvironmentRow, EnvironmentState
from grading.requirements import digest_of
from lti_tool.kernel.db import Tx

LARGEST = 20_000_000
"""Bytes of a notebook that is looked into."""


def kernel_name_of(key: str, quiz: str) -> str:
    """Of a quiz with packages in a placement: what Jupyter takes as a kernel's name, and no two quizzes share."""
    return f"quiz-{key}-{hashlib.sha256(quiz.encode()).hexdigest()[:8]}"


def display_name_of(title: str) -> str:
    """What JupyterLab shows of the kernel."""
    return f"Python for {title}"


def name_kernel(files: Mapping[str, bytes], key: str, row: AssignmentRow) -> Mapping[str, bytes]:
    """The files of a quiz with its own kernel named in its Python notebooks, if it has packages."""
    if not row.requirements:
        return files
    ours = {"display_name": display_name_of(row.title), "language": "python", "name": kernel_name_of(key, row.name)}
    return {path: _named(body, ours) if path.endswith(".ipynb") else body for path, body in files.items()}


def _named(body: bytes, ours: Mapping[str, str]) -> bytes:
    if len(body) > LARGEST:
        return body
    try:
        notebook = json.loads(body)
        has_cells, metadata = isinstance(notebook["cells"], list), notebook.setdefault("metadata", {})
        kernel = metadata.get("kernelspec") or {}
        if not has_cells or kernel.get("language", "python").lower() != "python":
            return body
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return body  # no notebook: whoever opens it is told so
    metadata["kernelspec"] = dict(ours)
    return (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")


def environment_answers(tx: Tx, key: str, rows: Collection[AssignmentRow]) -> dict[int, EnvironmentAnswer]:
    """The environments of quizzes that have one, by quiz, in one query at most."""
    wanted = {digest_of(row.requirements) for row in rows if row.requirements}
    query = select(EnvironmentRow).where(EnvironmentRow.digest.in_(wanted))
    states = {found.digest: found.state for found in tx.scalars(query)} if wanted else {}
    answers = {row.id: EnvironmentAnswer(kernel=row.kernel, folder=None, state="ready") for row in rows if row.kernel}
    for row in rows:
        if row.requirements:
            digest = digest_of(row.requirements)
            state = states.get(digest, EnvironmentState.BUILDING)
            kernel = kernel_name_of(key, row.name)
            answers[row.id] = EnvironmentAnswer(kernel=kernel, folder=digest, state=state.value)
    return answers


def list_needed(tx: Tx, slugs: Collection[str]) -> list[NeededEnvironment]:
    """The environments of all quizzes of these courses, each once."""
    query = select(AssignmentRow.requirements, EnvironmentRow.state)
    query = query.outerjoin(EnvironmentRow, is_environment_of())
    query = query.where(AssignmentRow.course_slug.in_(slugs), AssignmentRow.requirements != "").distinct()
    found = {digest_of(requirements): state or EnvironmentState.BUILDING for requirements, state in tx.execute(query)}
    return [NeededEnvironment(folder=digest, state=state.value) for digest, state in sorted(found.items())]
