"""Say how marking went, in words for the learner and the teacher.

A cell that is stopped is a result, as in nbgrader: the attempt is marked, and the text says what has no points and why.
An attempt of which no notebook could be read is not marked; then the text must not speak of points.
"""

from collections.abc import Sequence

from grading.engine.model import MarkOutcome, Marks, Story

WORST_FIRST: tuple[MarkOutcome, ...] = (
    "not_a_notebook",
    "limit_exceeded",
    "missing_notebook",
    "out_of_memory",
    "kernel_died",
    "too_much_output",
    "timed_out",
)
WORDS: dict[MarkOutcome, str] = {
    "not_a_notebook": (
        "{name} could not be read as a notebook, so its questions have 0 points. {detail} "
        "Save it again in JupyterLab and submit it again."
    ),
    "limit_exceeded": (
        "{name} used more space than is allowed, so tests that could not run have 0 points. "
        "{detail} Remove large files, or write less, and submit again."
    ),
    "missing_notebook": (
        "{name} was not among the submitted files, so its questions have 0 points. "
        "Put it back under this name and submit again."
    ),
    "out_of_memory": (
        "{name} used more memory than is allowed, so some tests have 0 points. Look for lists or "
        "tables that grow without end, and submit again."
    ),
    "kernel_died": (
        "Python ended while {name} was running, so the tests from there on have 0 points. "
        "Look for exit(), os._exit() or a crash in a library, and submit again."
    ),
    "too_much_output": (
        "{name} printed more than is allowed and was stopped, so some tests have 0 points. "
        "Look for a print inside an endless loop, and submit again."
    ),
    "timed_out": (
        "A cell of {name} took too long and was stopped, so the tests that depend on it have 0 "
        "points. Look for an endless loop, and submit again."
    ),
}
NOT_MARKED: dict[MarkOutcome, str] = {
    "not_a_notebook": (
        "{name} could not be read as a notebook, so this attempt was not marked and has no score. {detail} "
        "Save it again in JupyterLab and submit it again."
    ),
    "limit_exceeded": (
        "The submitted files take more space than is allowed, so this attempt was not marked and has no score. "
        "{detail} Remove large files and submit again."
    ),
    "missing_notebook": (
        "{name} was not among the submitted files, so this attempt was not marked and has no score. "
        "Put it back under this name and submit again."
    ),
}
"""When no notebook of the attempt could be marked."""
GRADED = "All tests have run."
NEEDS_MANUAL = "All tests have run. {count} will be marked by a teacher, so the score may still rise."


def tell(stories: Sequence[Story], marks: Marks | None) -> tuple[MarkOutcome, str]:
    """The outcome of the attempt (that of its worst notebook) and a text that names each; no marks: nothing to mark."""
    bad = [story for worst in WORST_FIRST for story in stories if story.outcome == worst]
    if marks is None:
        return bad[0].outcome, _sentence(NOT_MARKED, bad[0])
    if bad:
        return bad[0].outcome, " ".join(_sentence(WORDS, story) for story in bad)
    waiting = sum(question.needs_manual for question in marks.questions)
    if not waiting:
        return "graded", GRADED
    return "needs_manual", NEEDS_MANUAL.format(count="One question" if waiting == 1 else f"{waiting} questions")


def _sentence(words: dict[MarkOutcome, str], story: Story) -> str:
    detail = story.detail if story.outcome in ("not_a_notebook", "limit_exceeded") else ""
    return " ".join(words[story.outcome].format(name=story.name, detail=detail).split())
