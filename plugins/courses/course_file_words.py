"""What is wrong in a course.toml or a form, in words that say what to do."""

from typing import Any

KINDS = ("lesson", "video", "notebook", "quiz", "file", "link")


def _kind(problem: Any) -> str:
    """Of the item that the problem is in; pydantic's location names it after the item's number."""
    loc = problem["loc"]
    return loc[4] if len(loc) > 4 and loc[0] == "module" and loc[2] == "item" else ""


def where(problem: Any) -> str:
    """`module 2, item 1, slug: ` from pydantic's location."""
    words: list[str] = []
    kind = _kind(problem)
    for number, part in enumerate(problem["loc"]):
        if isinstance(part, int) and words:
            words[-1] += f" {part + 1}"
        elif part != kind or number != 4:
            words.append(str(part))
    return ", ".join(words) + ": " if words else ""


_PATTERNS = {
    "slug": "use lower-case letters, digits and - only, at most 79",
    "assignment": "use letters, digits, ., _ and - only, at most 79, as the folder below source/ is called",
    "environment": "name a file beside the notebooks that ends in .txt, or a kernel",
    "language": "use a language code such as en or pt-BR",
    "currency": "use three capital letters such as EUR",
    "revision": "leave it as an export wrote it, or remove the line",
    "sha256": "leave it as an export wrote it",
}
_FILES = {
    "lesson": "name a Markdown file that ends in .md",
    "notebook": "name a notebook that begins with media/ and ends in .ipynb",
    "video": "name a file that begins with media/",
    "file": "name a file that begins with media/",
}
_MESSAGES = {
    "missing": "is missing; add it",
    "extra_forbidden": "is not known here; check its spelling or remove it",
    "union_tag_not_found": f'type is missing; write type = "lesson" or another of: {", ".join(KINDS[1:])}',
    "union_tag_invalid": f"type must be one of: {', '.join(KINDS)}",
    "enum": "must be one of: {expected}",
    "bool_type": "must be true or false, without quotes",
    "string_type": "must be text in quotes",
    "string_too_short": "is empty; fill it in",
    "string_too_long": "is too long; at most {max_length} characters",
    "int_type": "must be a whole number",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "too_short": "is empty; add at least one, or remove this part",
    "too_long": "has too many entries; at most {max_length}",
    "model_attributes_type": "must be a table of its own, begun with [[…]]",
    "model_type": "must be a table of its own, begun with [[…]]",
    "timezone_aware": "has no time zone; write it as 2026-11-30T23:59:00+01:00",
}
_TABLES = {"module": "[[module]]", "item": "[[module.item]]"}


def what(problem: Any) -> str:
    """The problem, as a sentence."""
    kind, field = problem["type"], problem["loc"][-1] if problem["loc"] else ""
    if kind == "string_pattern_mismatch":
        of_file = _FILES.get(_kind(problem), problem["msg"])
        text = of_file if field == "file" else _PATTERNS.get(field, problem["msg"])
    elif kind == "list_type":
        text = f"must be written {_TABLES[field]}, with two brackets" if field in _TABLES else "must be a list"
    elif kind.startswith(("datetime", "date_")):
        text = "is not a date with a time; write it as 2026-11-30T23:59:00+01:00"
    elif kind == "value_error":
        text = str(problem["ctx"]["error"])
    else:
        text = _MESSAGES.get(kind, problem["msg"]).format(**problem.get("ctx", {}))
    given = problem["input"]
    shown = f" (it is {given!r:.80})" if isinstance(given, str | int | float) and given != "" else ""
    return f"{text}{shown}."
