"""What the editor's forms say, checked by the same rules as course.toml."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from babel.numbers import get_currency_precision
from werkzeug.datastructures import MultiDict

from lti_tool.web.moments import read_moment, shown_moment, write_moment
from plugins.courses.course_file import ITEM_MODELS, CourseFile, Module, check_form, find_library_file, find_uploaded
from plugins.courses.folder import MAX_LESSON_BYTES
from plugins.courses.models import ItemKind
from plugins.courses.parts import Content, read_time, said_course, said_item, said_module

Problems = list[tuple[str, str]]
"""(name of the field, what to change)"""


MOMENTS = ("release", "due", "closes")
"""Fields that hold a date with a time."""
Form = MultiDict[str, str]


def read_settings(form: Form, slug: str) -> tuple[Content | None, Problems]:
    """The settings of a course."""
    price, problems = _read_price(form.get("price", ""), form.get("currency", ""))
    said: dict[str, Any] = {
        name: form.get(name, "")
        for name in ("title", "summary", "description", "language", "level", "licence", "admission")
    }
    said |= {name: _split(form.get(name, "")) for name in ("categories", "tags", "authors")}
    said["lms_members_pay"] = form.get("lms_members_pay", "") == "1"
    said |= {"slug": slug, "price": price, "currency": form.get("currency", "").strip().upper() if price else ""}
    said["module"] = [{"title": "-"}]
    course, wrong = check_form(CourseFile, said)
    problems += wrong
    return (said_course(course), []) if course is not None and not problems else (None, problems)


def read_module(form: Form) -> tuple[Content | None, Problems]:
    """A module."""
    release, problems = _read_moment(form, "release")
    said = {name: form.get(name, "") for name in ("title", "summary")}
    module, wrong = check_form(Module, {**said, "release": release, "after": form.getlist("after")})
    problems += wrong
    return (said_module(module), []) if module is not None and not problems else (None, problems)


def read_item(form: Form, slug: str, before: Content) -> tuple[Content | None, Problems]:
    """An item; its kind, its lesson file and its assignment are as before."""
    release, problems = _read_moment(form, "release")
    said: dict[str, Any] = {"type": before["type"], "slug": slug, "state": "draft"}
    said |= {"title": form.get("title", ""), "summary": form.get("summary", "")}
    said |= {"release": release, "after": form.getlist("after"), "required": form.get("required", "") == "1"}
    said["minutes"] = _read_number(form, "minutes", problems)
    if before["type"] == ItemKind.QUIZ.value:
        for name in ("due", "closes"):
            said[name], wrong = _read_moment(form, name)
            problems += wrong
        numbers = ("attempts", "pass", "late_per_day", "late_at_most", "time_limit", "cell_time_limit", "memory_limit")
        said |= {name: _read_number(form, name, problems) for name in numbers}
        said["environment"] = form.get("environment", "").strip()
        said |= {"assignment": before["assignment"], "counts": form.get("counts") or before["counts"]}
    elif before["type"] == ItemKind.LESSON.value:
        said["file"] = before["file"]
    else:
        said |= {name: form.get(name, "").strip() for name in ("file", "url") if name in form_fields(before["type"])}
        if before["type"] == ItemKind.VIDEO.value and not said["url"]:
            said["url"] = form.get("video", "").strip()
        if before["type"] == ItemKind.FILE.value and not said["url"] and not said["file"]:
            said["url"] = form.get("library", "").strip()
    markdown = form.get("markdown", "").replace("\r\n", "\n")
    if len(markdown.encode()) > MAX_LESSON_BYTES:
        problems.append(("markdown", f"is larger than {MAX_LESSON_BYTES // 1000} kB; split it into several lessons."))
    if "\0" in markdown:
        problems.append(("markdown", "holds a NUL character; take it out."))
    item, wrong = check_form(ITEM_MODELS[before["type"]], said)
    problems += wrong
    return (said_item(item, markdown), []) if item is not None and not problems else (None, problems)


def form_fields(kind: str) -> tuple[str, ...]:
    """Where an item's content is named."""
    return {"video": ("file", "url"), "file": ("file", "url"), "notebook": ("file",), "link": ("url",)}.get(kind, ())


def shown_form(form: Form, names: Mapping[str, Any]) -> dict[str, Any]:
    """A form as it was sent, to be shown or kept again; lists where `names` has lists, times in UTC."""
    shown: dict[str, Any] = {
        name: form.getlist(name) if isinstance(value, list) and name == "after" else form.get(name, "")
        for name, value in names.items()
    }
    return shown | {name: shown_moment(form, name) for name in MOMENTS if name in names}


def settings_form(content: Content) -> dict[str, Any]:
    """What the form of the settings shows."""
    shown = {name: value for name, value in content.items() if name != "price"}
    lists = {name: ", ".join(content[name]) for name in ("categories", "tags", "authors")}
    return shown | lists | {"price": format_price(content["price"], content["currency"])}


def item_form(content: Content) -> dict[str, Any]:
    """What the form of an item or a module shows; times in UTC."""
    shown = dict(content)
    for name in MOMENTS:
        if name in shown:
            shown[name] = write_moment(read_time(shown[name]))
    if shown.get("type") == ItemKind.VIDEO.value:
        is_uploaded = find_uploaded(shown["url"]) is not None
        shown |= {"video": shown["url"], "url": ""} if is_uploaded else {"video": ""}
    if shown.get("type") == ItemKind.FILE.value:
        is_ours = find_library_file(shown["url"]) is not None
        shown |= {"library": shown["url"], "url": ""} if is_ours else {"library": ""}
    return {name: "" if value is None else value for name, value in shown.items()}


def format_price(price: int | None, currency: str) -> str:
    """A price as a plain number: 1999 of EUR is 19.99."""
    if price is None:
        return ""
    places = get_currency_precision(currency)
    return f"{price / 10**places:.{places}f}"


def _read_price(text: str, currency: str) -> tuple[int | None, Problems]:
    text = text.strip().replace(",", ".")
    if not text:
        return None, []
    if not currency.strip():
        return None, [("currency", "is missing; write three capital letters such as EUR.")]
    places = get_currency_precision(currency.strip().upper())
    whole, _dot, part = text.partition(".")
    if not whole.isdecimal() or not (part or "0").isdecimal() or len(part) > places or len(whole) > 9:
        example = f"{19.99:.{places}f}"
        return None, [("price", f"must be a number such as {example}; leave it empty for a free course.")]
    return int(whole) * 10**places + int(part.ljust(places, "0") or "0") or None, []


def _read_moment(form: Form, name: str) -> tuple[datetime | None, Problems]:
    try:
        return read_moment(form, name), []
    except ValueError:
        return None, [(name, "is not a date with a time; write it as 2026-11-30T23:59.")]


def _read_number(form: Form, name: str, problems: Problems) -> int | None:
    text = form.get(name, "").strip()
    if text and not (text.isascii() and text.isdecimal() and len(text) < 10):
        problems.append((name, "must be a whole number; leave it empty if it does not matter."))
        return None
    return int(text) if text else None


def _split(text: str) -> list[str]:
    parts = (part.strip() for part in text.replace("\n", ",").split(","))
    return list(dict.fromkeys(part for part in parts if part))
