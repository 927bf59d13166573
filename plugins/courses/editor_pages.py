"""What the pages of the editor show."""

from collections.abc import Sequence
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from grading import public as grading
from lti_tool.kernel.db import Tx
from lti_tool.kernel.permissions import Right
from lti_tool.kernel.runtime import Runtime
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import current_session
from plugins.courses.comparing import Comparison, compare
from plugins.courses.forms import form_fields
from plugins.courses.library import list_library_choices
from plugins.courses.models import Admission, Item, ItemKind, Level, Module, PartState, Revision, Unsaved
from plugins.courses.outline import kind_word, level_word
from plugins.courses.parts import OUTLINE, Content, item_part, module_part, source_part
from plugins.courses.revisions import EditConflict
from plugins.courses.service import Outline
from plugins.courses.videos import list_choices
from plugins.files import public as files


def field_words() -> dict[str, str]:
    """Names of fields, for people."""
    return {
        "title": _("Title"),
        "summary": _("Summary"),
        "description": _("Description"),
        "language": _("Language"),
        "level": _("Level"),
        "categories": _("Categories"),
        "tags": _("Tags"),
        "authors": _("Teachers"),
        "licence": _("Licence"),
        "price": _("Price"),
        "currency": _("Currency"),
        "admission": _("Who gets in"),
        "lms_members_pay": _("LMS members pay too"),
        "release": _("Opens"),
        "after": _("Only after"),
        "required": _("Required"),
        "minutes": _("Minutes"),
        "file": _("File"),
        "url": _("Address"),
        "markdown": _("Text"),
        "attempts": _("Attempts"),
        "pass": _("Pass mark"),
        "counts": _("Which attempt counts"),
        "due": _("Due"),
        "late_per_day": _("Each day late costs"),
        "late_at_most": _("Lateness costs at most"),
        "closes": _("Closes"),
        "time_limit": _("Time for a notebook"),
        "cell_time_limit": _("Time for a cell"),
        "memory_limit": _("Memory"),
        "environment": _("Environment"),
        "modules": _("Order"),
        "type": _("Kind"),
        "assignment": _("Assignment"),
    }


def _item_url(page: str, slug: str, item_slug: str) -> str:
    return url_for(f"courses.{page}", slug=slug, item_slug=item_slug)


def _move_url(slug: str, kind: str, name: str, way: str) -> str:
    return url_for("courses.move_view", slug=slug, kind=kind, name=name, way=way)


def frame(slug: str, outline: Outline, current: str) -> dict[str, Any]:
    """What every page of the editor has: the course, its state, the tabs."""
    rights, pages = current_session().rights, []
    if Right.EDIT_COURSE in rights:
        pages += [
            ("outline", _("Outline"), url_for("courses.edit_outline", slug=slug)),
            ("settings", _("Settings"), url_for("courses.edit_settings", slug=slug)),
        ]
    if Right.MANAGE_ENROLMENT in rights:
        pages += [
            ("people", _("People"), url_for("courses.edit_people", slug=slug)),
            ("ways", _("Ways in"), url_for("courses.show_ways_in", slug=slug)),
        ]
    return {
        "course": {"title": outline.course.title, "state": outline.course.state.value},
        "tabs": [
            {"label": label, "url": url, "current": name == current, "number": None} for name, label, url in pages
        ],
        "preview_url": url_for("courses.preview_course", slug=slug),
        "course_url": url_for("courses.show_course", slug=slug),
    }


def outline_context(
    slug: str, outline: Outline, removed: Sequence[Revision], quizzes: Sequence[str], base: int
) -> dict[str, Any]:
    """The context of `courses/edit/outline.html`."""
    modules = outline.modules
    order = [(module.slug, item.slug) for module, items in modules for item in items]
    is_published = outline.course.state is PartState.PUBLISHED
    return frame(slug, outline, "outline") | {
        "modules": [
            _module_line(slug, module, items, number, len(modules), order)
            for number, (module, items) in enumerate(modules)
        ],
        "kinds": [(kind.value, kind_word(kind)) for kind in ItemKind],
        "quizzes": [("", _("with a new notebook")), *((name, name) for name in quizzes)] if quizzes else [],
        "add_item_url": url_for("courses.add_item_view", slug=slug),
        "add_module_url": url_for("courses.add_module_view", slug=slug),
        "order_url": url_for("courses.arrange_view", slug=slug),
        "reorder_url": url_for("courses.edit_order", slug=slug),
        "history_url": url_for("courses.show_history", slug=slug, part=OUTLINE),
        "state_url": url_for("courses.set_state", slug=slug, state="draft" if is_published else "published"),
        "base": base,
        "removed": [
            {
                "title": revision.content["title"],
                "url": url_for("courses.put_back_view", slug=slug, item_slug=revision.part.removeprefix("item/")),
                "try_url": url_for("courses.preview_with", slug=slug, item_slug=revision.part.removeprefix("item/")),
            }
            for revision in removed
        ],
    }


def _module_line(
    slug: str, module: Module, items: list[Item], number: int, count: int, order: list[tuple[str, str]]
) -> dict[str, Any]:
    return {
        "slug": module.slug,
        "title": module.title,
        "edit_url": url_for("courses.edit_module", slug=slug, module_slug=module.slug),
        "up_url": _move_url(slug, "module", module.slug, "up") if number else None,
        "down_url": _move_url(slug, "module", module.slug, "down") if number + 1 < count else None,
        "remove_url": url_for("courses.remove_module_view", slug=slug, module_slug=module.slug)
        if not items and count > 1
        else None,
        "release_at": module.release_at,
        "entries": [_item_line(slug, item, number, count, order, module.slug) for item in items],
    }


def _item_line(
    slug: str, item: Item, module_number: int, count: int, order: list[tuple[str, str]], module_slug: str
) -> dict[str, Any]:
    place = order.index((module_slug, item.slug))
    is_published = item.state is PartState.PUBLISHED
    return {
        "slug": item.slug,
        "title": item.title,
        "kind": item.kind.value,
        "kind_word": kind_word(item.kind),
        "is_published": is_published,
        "has_changes": item.has_changes,
        "release_at": item.release_at,
        "edit_url": _item_url("edit_item", slug, item.slug),
        "preview_url": _item_url("preview_item", slug, item.slug),
        "publish_url": _item_url("publish_view", slug, item.slug) if item.has_changes or not is_published else None,
        "unpublish_url": _item_url("unpublish_view", slug, item.slug) if is_published else None,
        "without_url": _item_url("preview_without", slug, item.slug),
        "remove_url": _item_url("remove_item_view", slug, item.slug),
        "history_url": url_for("courses.show_history", slug=slug, part=item_part(item.slug)),
        "up_url": _move_url(slug, "item", item.slug, "up") if place or module_number else None,
        "down_url": _move_url(slug, "item", item.slug, "down")
        if place + 1 < len(order) or module_number + 1 < count
        else None,
    }


def settings_choices() -> dict[str, Any]:
    """Options of the selects on the page of settings."""
    return {
        "levels": [(level.value, level_word(level)) for level in Level],
        "admissions": [
            {"value": Admission.LMS.value, "label": _("Members of the LMS courses that use it"), "hint": None},
            {
                "value": Admission.INVITATION.value,
                "label": _("They, and whoever has a code"),
                "hint": _("You make codes on the page Ways in."),
            },
            {
                "value": Admission.OPEN.value,
                "label": _("They, and every learner who finds it in the catalogue"),
                "hint": _("For nothing, also if a price is set."),
            },
            {
                "value": Admission.PAID.value,
                "label": _("They, and whoever pays the price"),
                "hint": _("Everybody sees it in the catalogue, with its price. Codes let people in for nothing."),
            },
        ],
    }


def item_editor(
    slug: str, outline: Outline, item: Item, form: dict[str, Any], base: int, media: Sequence[str]
) -> dict[str, Any]:
    """The context of `courses/edit/item.html` but for what happened: see `happened`."""
    files = [path for path in media if item.kind is not ItemKind.NOTEBOOK or path.endswith(".ipynb")]
    return frame(slug, outline, "outline") | {
        "item": {
            "title": item.title,
            "slug": item.slug,
            "kind": item.kind.value,
            "kind_word": kind_word(item.kind),
            "is_published": item.state is PartState.PUBLISHED,
            "has_changes": item.has_changes,
            "fields": form_fields(item.kind.value),
        },
        "form": form,
        "base": base,
        "others": [(other.slug, other.title) for other in outline.items if other.slug != item.slug],
        "files": [("", _("None")), *((f"media/{path}", path) for path in files)],
        "videos": None,
        "library": None,
        "box": None,
        "bounds": None,
        "environments": [],
        "source": None,
        "save_url": _item_url("save_item_view", slug, item.slug),
        "render_url": _item_url("render_text", slug, item.slug),
        "unsaved_url": _item_url("keep_unsaved_view", slug, item.slug),
        "upload_url": _item_url("upload_view", slug, item.slug),
        "discard_url": _item_url("discard_view", slug, item.slug),
        "item_preview_url": _item_url("preview_item", slug, item.slug),
        "try_url": _item_url("preview_unsaved_item", slug, item.slug),
        "history_url": url_for("courses.show_history", slug=slug, part=item_part(item.slug)),
        "unpublish_url": _item_url("unpublish_view", slug, item.slug) if item.state is PartState.PUBLISHED else None,
    }


def video_choices(tx: Tx, slug: str, form: dict[str, Any]) -> dict[str, Any]:
    """What the editor of a video shows besides: the uploaded videos of the course, and the box to upload one."""
    choices = list_choices(tx, slug, str(form.get("video", "")))
    return {"videos": [("", _("None")), *choices], "box": files.upload_box(current_runtime(), slug)}


def library_choices(tx: Tx, slug: str, form: dict[str, Any]) -> dict[str, Any]:
    """What the editor of a file shows besides: the files of the course's library, and the box to upload one."""
    choices = list_library_choices(tx, slug, str(form.get("library", "")))
    return {"library": [("", _("None")), *choices], "box": files.upload_box(current_runtime(), slug)}


def condition_choices(runtime: Runtime, form: dict[str, Any], files: Sequence[tuple[str, int]]) -> dict[str, Any]:
    """What the editor of a quiz says of limits, and the environments to choose from: (name, bytes) of its files."""
    settings, now = runtime.settings, str(form.get("environment") or "")
    named = [(name, _("Packages of %(file)s", file=name)) for name, _size in files if grading.names_packages(name)]
    kernels = [(name, _("Kernel %(name)s", name=name)) for name in settings.quizzes.kernels]
    options = [("", _("Python, as every quiz")), *named, *kernels]
    if now not in dict(options):
        options.append((now, _("%(name)s (not there)", name=now)))
    most = grading.bounds_of(settings)
    bounds = {"time": settings.grading.wall_s, "cell": settings.grading.cell_s, "memory": settings.grading.memory_mb}
    return {"environments": options, "bounds": bounds | {"max_time": most.time_s, "max_memory": most.memory_mb}}


def source_context(slug: str, item: Item, files: Sequence[tuple[str, int]]) -> dict[str, Any]:
    """What the editor of a quiz says of its notebooks and data: (name, bytes) of each file."""
    return {
        "files": [
            {
                "name": name,
                "size": size,
                "url": url_for("courses.show_source", slug=slug, item_slug=item.slug, name=name),
            }
            for name, size in files
        ],
        "points": None if item.points is None else f"{item.points.normalize():f}",
        "url": _item_url("change_source_view", slug, item.slug),
        "keep_url": _item_url("keep_version_view", slug, item.slug),
        "version_url": _item_url("show_version", slug, item.slug),
        "history_url": url_for("courses.show_history", slug=slug, part=source_part(str(item.assignment))),
    }


def new_quiz_context(
    slug: str, outline: Outline, module_slug: str, title: str, problems: Sequence[str]
) -> dict[str, Any]:
    """The context of `courses/edit/new_quiz.html`."""
    return frame(slug, outline, "outline") | {
        "form": {"title": title, "module": module_slug},
        "problems": list(problems),
        "save_url": url_for("courses.make_quiz_view", slug=slug),
    }


def module_editor(slug: str, outline: Outline, module: Module, form: dict[str, Any], base: int) -> dict[str, Any]:
    """The context of `courses/edit/module.html` but for what happened."""
    return frame(slug, outline, "outline") | {
        "module": {"title": module.title, "slug": module.slug},
        "form": form,
        "base": base,
        "others": [(other.slug, other.title) for other, _items in outline.modules if other.slug != module.slug],
        "save_url": url_for("courses.save_module_view", slug=slug, module_slug=module.slug),
        "try_url": url_for("courses.preview_module", slug=slug, module_slug=module.slug),
        "history_url": url_for("courses.show_history", slug=slug, part=module_part(module.slug)),
    }


def happened(
    problems: Sequence[tuple[str, str]] = (),
    conflict: EditConflict | None = None,
    mine: Content | None = None,
    unsaved: Unsaved | None = None,
    said: str | None = None,
    warnings: Sequence[str] = (),
) -> dict[str, Any]:
    """What an editor says at its top: what was refused, a conflict, text that is not saved yet."""
    words = field_words()
    return {
        "errors": dict(problems),
        "error_list": [(name or "main", f"{words.get(name, '')} {text}".strip()) for name, text in problems],
        "conflict": None
        if conflict is None
        else {
            "author": conflict.author_name or _("an import"),
            "at": conflict.made_at,
            "changes": comparison_context(compare(conflict.content, mine or {})),
        },
        "unsaved_at": unsaved.saved_at if unsaved else None,
        "said": said,
        "warnings": list(warnings),
    }


def comparison_context(found: Comparison) -> dict[str, Any]:
    """What the partial `courses/edit/_changes.html` shows."""
    words = field_words()

    def line(each: Any) -> dict[str, Any]:
        gap = ngettext("%(num)d line is the same", "%(num)d lines are the same", each.count)
        if each.part:
            gap = _("%(gap)s, then in %(part)s", gap=gap, part=each.part)
        return {"kind": each.kind, "old": each.old, "new": each.new, "text": gap if each.kind == "gap" else each.text}

    return {
        "fields": [{"name": words.get(one.name, one.name), "old": one.old, "new": one.new} for one in found.fields],
        "texts": [
            {"name": words.get(name, name), "lines": [line(each) for each in lines]}
            for name, lines in found.texts.items()
        ],
        "is_same": found.is_same,
    }
