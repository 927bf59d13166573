"""What a check found out about a version of a quiz, as it is kept: codes and plain values; pages have the words.

A report is a dict with

    findings    list of {level: "error" | "warning", code, and values by name}
    questions   list of {title, name, notebook, kind, points, solved, empty}: points as text, None: nobody can say
    total, was  points of this version, and of the one that learners have (None: they have none)
    changes     list of {kind, file, name, old, new} against that one
    against     number of the revision that it was compared with
    released    list of {path, sha256, size} of the notebooks that learners would get (see `written.keep_released`)
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from grading import public as grading

Finding = dict[str, Any]
Report = dict[str, Any]


def error(code: str, **values: Any) -> Finding:
    """Something that has to be put right before it can be published."""
    return {"level": "error", "code": code} | values


def warning(code: str, **values: Any) -> Finding:
    """Something that a teacher may mean so."""
    return {"level": "warning", "code": code} | values


def make_report(
    findings: Iterable[Finding], against: int, was: Decimal | None, done: grading.Rehearsal | None = None
) -> Report:
    """The report of a check; `done`: as far as it came to try the version."""
    found = list(findings)
    if done is not None:
        found += [
            error("source", text=f"source/{text}" if not text.startswith("source/") else text) for text in done.problems
        ]
    report: Report = {"findings": found, "against": against, "was": _text(was), "released": []}
    tried = done.tried if done is not None else None
    if done is None or tried is None:
        return report | {"questions": [], "total": None, "changes": []}
    found += _find_in_marks(tried)
    found += [_leak(leak) for leak in done.leaks]
    return report | {
        "questions": [
            {
                "title": each.title,
                "name": each.grade_id,
                "notebook": each.notebook,
                "kind": each.kind,
                "points": _text(each.max_points),
                "solved": _text(each.solved),
                "empty": _text(each.empty),
            }
            for each in tried.questions
        ],
        "total": _text(done.max_points),
        "changes": [
            {"kind": each.kind, "file": each.file, "name": each.name, "old": each.old, "new": each.new}
            for each in done.changes
        ],
    }


def has_errors(report: Report) -> bool:
    """Is there anything that stops it from being published?"""
    return any(finding["level"] == "error" for finding in report["findings"])


def has_warnings(report: Report) -> bool:
    """Is there anything that a teacher has to say yes to?"""
    return any(finding["level"] == "warning" for finding in report["findings"])


def _find_in_marks(tried: grading.Tried) -> Iterator[Finding]:
    if not tried.questions:
        yield error("solution_not_run", text=tried.solved_text)
        return
    tested = [each for each in tried.questions if each.kind == "auto"]
    failed = [each for each in tested if each.solved is None or each.solved < each.max_points]
    for each in failed:
        values = {"title": each.title, "name": each.grade_id, "notebook": each.notebook, "why": each.why}
        yield error("solution_fails", got=_text(each.solved or Decimal(0)), points=_text(each.max_points), **values)
    if tried.solved_outcome not in grading.CALM:
        yield (error if failed else warning)("solution_incomplete", text=tried.solved_text)
    passed = [each for each in tested if each.empty]
    if tested and all(each.empty == each.max_points for each in tested):
        yield error("empty_gets_all", points=_text(sum((each.max_points for each in tested), Decimal(0))))
        return
    for each in passed:
        values = {"title": each.title, "name": each.grade_id, "notebook": each.notebook}
        yield warning("empty_passes", got=_text(each.empty), points=_text(each.max_points), **values)


def _leak(leak: grading.Leak) -> Finding:
    make = warning if leak.kind == "solution" else error
    return make(f"leak_{leak.kind}", file=leak.file, cell=leak.cell, part=leak.part, excerpt=leak.excerpt)


def _text(points: Decimal | None) -> str | None:
    return None if points is None else f"{points.normalize():f}"
