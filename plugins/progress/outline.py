"""What a course consists of, as far as progress needs to know it, and when it counts as finished."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from lti_tool.kernel.errors import Invalid


class Needs(StrEnum):
    """Which items count towards the end of a course."""

    ALL = "all"
    """Every required item."""
    LESSONS = "lessons"
    """Every required item that is no quiz."""
    QUIZZES = "quizzes"
    """Every required quiz."""


class TextDone(StrEnum):
    """When a text (lesson, notebook, file, link) is done."""

    SEEN = "seen"
    """When it was in front of the learner."""
    MARKED = "marked"
    """When the learner says so."""


@dataclass(frozen=True)
class Rule:
    """When a course is finished."""

    needs: Needs = Needs.ALL
    texts: TextDone = TextDone.SEEN
    min_score: int | None = None
    """The mean score of the required quizzes must be at least this, in percent; None: any."""


@dataclass(frozen=True)
class ItemDef:
    """One item."""

    ref: str
    """`courses/<course>/<item>`; also the path of its page, below the session."""
    kind: str
    """`lesson`, `video`, `notebook`, `quiz`, `file` or `link`."""
    required: bool = True
    weight: int = 1
    """How much it counts in the percentage."""
    min_score: int | None = None
    """A quiz is passed from this percent of its points on; None: when it is marked."""
    title: str = ""
    duration_s: float | None = None
    """Length of a video if it is known: what browsers say does not count then."""
    added_at: str = ""
    """ISO 8601, UTC; filled in when the outline is published."""


@dataclass(frozen=True)
class ModuleDef:
    """One module."""

    slug: str
    title: str
    items: Sequence[ItemDef] = ()


@dataclass(frozen=True)
class OutlineDef:
    """A course: its modules in order, and when it is finished unless a teacher sets something else."""

    modules: Sequence[ModuleDef] = ()
    rule: Rule = field(default_factory=Rule)

    @property
    def items(self) -> list[ItemDef]:
        """All items in reading order."""
        return [item for module in self.modules for item in module.items]


def dump_rule(rule: Rule) -> dict[str, Any]:
    """As JSON."""
    return {"needs": rule.needs.value, "texts": rule.texts.value, "min_score": rule.min_score}


def load_rule(said: dict[str, Any]) -> Rule:
    """From JSON."""
    return Rule(Needs(said["needs"]), TextDone(said["texts"]), said["min_score"])


def dump_outline(outline: OutlineDef) -> dict[str, Any]:
    """As JSON."""
    modules = [
        {"slug": module.slug, "title": module.title, "items": [asdict(item) for item in module.items]}
        for module in outline.modules
    ]
    return {"modules": modules, "rule": dump_rule(outline.rule)}


def load_outline(said: dict[str, Any]) -> OutlineDef:
    """From JSON."""
    modules = [
        ModuleDef(module["slug"], module["title"], tuple(ItemDef(**item) for item in module["items"]))
        for module in said["modules"]
    ]
    return OutlineDef(tuple(modules), load_rule(said["rule"]))


def check_outline(course_slug: str, outline: OutlineDef) -> None:
    """Raises: Invalid."""
    for problem in _list_problems(course_slug, outline):
        raise Invalid("outline_invalid", problem)


def _list_problems(course_slug: str, outline: OutlineDef) -> Iterator[str]:
    seen: set[str] = set()
    for item in outline.items:
        if course_of(item.ref) != course_slug:
            yield f"{item.ref} is not an item of {course_slug}."
        if item.ref in seen:
            yield f"{item.ref} is in the outline twice."
        if item.weight < 1:
            yield f"{item.ref} has the weight {item.weight}; the least is 1. Make it not required instead."
        seen.add(item.ref)
    scores = [outline.rule.min_score, *(item.min_score for item in outline.items)]
    if any(score is not None and not 0 <= score <= 100 for score in scores):
        yield "A least score is a percentage from 0 to 100."


def date_items(outline: OutlineDef, before: OutlineDef | None, moment: datetime) -> OutlineDef:
    """The same with the moment that each item came in; items of the first outline came with the course."""
    known = {item.ref: item.added_at for item in before.items} if before else {}
    now = moment.isoformat() if before else ""
    modules = [
        replace(
            module,
            items=tuple(
                replace(item, added_at=known.get(item.ref, now), title=item.title or item.ref.rpartition("/")[2])
                for item in module.items
            ),
        )
        for module in outline.modules
    ]
    return replace(outline, modules=tuple(modules))


def course_of(ref: str) -> str:
    """The course slug in a reference `courses/<course>/<item>`; empty if it is none."""
    parts = ref.split("/")
    return parts[1] if len(parts) == 3 and parts[0] == "courses" and all(parts) else ""
