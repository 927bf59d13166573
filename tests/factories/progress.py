"""Courses and saves for the tests of progress."""

from datetime import UTC, datetime
from typing import Any

from plugins.progress.merging import Change
from plugins.progress.public import ItemDef, Learner, ModuleDef, OutlineDef, Rule
from tests.factories.grading import SLUG

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def ref(name: str, slug: str = SLUG) -> str:
    return f"courses/{slug}/{name}"


def item(name: str, kind: str = "lesson", **more: Any) -> ItemDef:
    return ItemDef(ref(name), kind, title=more.pop("title", name.replace("-", " ").capitalize()), **more)


def outline(*items: ItemDef, rule: Rule | None = None) -> OutlineDef:
    """One module with these items; without any: two lessons, a video and a quiz."""
    made = items or (item("trees"), item("paths"), item("film", "video"), item("quiz-1", "quiz"))
    return OutlineDef([ModuleDef("one", "Module one", made)], rule or Rule())


def change(who: Learner, name: str, at_s: float = 0, **more: Any) -> Change:
    """A change at so many seconds after T0."""
    at = datetime.fromtimestamp(T0.timestamp() + at_s, UTC)
    return Change(who, ref(name), at, **more)
