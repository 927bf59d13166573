"""Sample contexts of the pages of group work."""

from datetime import UTC, datetime
from typing import Any

from lti_tool.kernel.permissions import Role

Context = dict[str, Any]
TRAIL = [("Quiz 1: Words and numbers", "#")]
CHOSEN: Context = {
    "name": "Project teams",
    "groups": [
        {"name": "Red", "members": "Ada Lovelace, Grace Hopper, Edsger Dijkstra"},
        {"name": "Blue", "members": "Barbara Liskov, Tony Hoare"},
        {"name": "A team with a name that is rather long for a team", "members": "Donald Knuth"},
    ],
}
OPTIONS = [
    {"value": "alone", "label": "Everybody alone", "hint": None},
    {
        "value": "1",
        "label": "In groups: Project teams",
        "hint": "From Moodle at Campus. 3 groups, 6 of 8 learners.",
    },
    {"value": "2", "label": "In groups: Pairs", "hint": "Made here. 4 groups, 8 of 8 learners."},
]


def groups(**changes: Any) -> Context:
    """Whether a quiz is done in groups."""
    base: Context = {
        "trail": TRAIL,
        "quiz": {"title": "Quiz 1: Words and numbers"},
        "platform": "Moodle at Campus",
        "error": None,
        "said": None,
        "is_begun": False,
        "options": OPTIONS,
        "value": "1",
        "choose_url": "#",
        "chosen": CHOSEN,
        "alone": "Alan Turing, Kurt Gödel",
        "read_url": "#",
        "read_at": datetime(2026, 11, 23, 14, 3, tzinfo=UTC),
        "own": [{"name": "Pairs", "url": "#"}],
        "make_url": "#",
    }
    return base | changes


def own_groups(**changes: Any) -> Context:
    """Groups that a teacher makes."""
    people = ("Ada Lovelace", "Red"), ("Edsger Dijkstra", "Red"), ("Kurt Gödel", "")
    base: Context = {
        "trail": [*TRAIL, ("Group work", "#")],
        "is_new": False,
        "form": {"name": "Pairs", "lines": ""},
        "said": None,
        "errors": [],
        "people": [
            {"field": f"group-{number}", "name": name, "group": group} for number, (name, group) in enumerate(people)
        ],
        "names": ["Blue", "Red"],
        "save_url": "#",
    }
    return base | changes


def group_extension(**changes: Any) -> Context:
    """More time for whole groups."""
    members = "Ada Lovelace, Grace Hopper, Edsger Dijkstra"
    base: Context = {
        "trail": TRAIL,
        "quiz": {
            "title": "Quiz 1: Words and numbers",
            "due": datetime(2026, 11, 30, 22, 59, tzinfo=UTC),
            "closes": None,
            "max_attempts": 3,
        },
        "platform": "Moodle at Campus",
        "options": [
            {"value": "1", "label": "Red (Project teams)", "hint": members},
            {"value": "2", "label": "Thursday (Moodle at Campus)", "hint": f"{members}, Barbara Liskov, Tony Hoare"},
        ],
        "ticked": ["2"],
        "form": {"due": "2026-12-02T22:59", "closes": "", "attempts": "", "reason": "The lab was closed on Thursday."},
        "errors": [],
        "said": None,
        "save_url": "#",
        "groups_url": "#",
        "read_url": "#",
    }
    return base | changes


T = Role.TEACHER
WRONG = [("name", "Give this division a name, “Project teams” for one."), ("group-1", "At most 255 characters.")]
BEGUN = "Something was handed in for this quiz already."
GROUP_PAGES: dict[str, tuple[str, Role | None, Context]] = {
    "groups": ("grading/groups.html", T, groups()),
    "groups-none": (
        "grading/groups.html",
        T,
        groups(options=OPTIONS[:1], value="alone", chosen=None, alone=None, read_url=None, read_at=None, own=[]),
    ),
    "groups-begun": ("grading/groups.html", T, groups(is_begun=True, said="Read.")),
    "groups-refused": ("grading/groups.html", T, groups(is_begun=True, error=BEGUN)),
    "group-extension": ("grading/group_extension.html", T, group_extension()),
    "group-extension-refused": (
        "grading/group_extension.html",
        T,
        group_extension(ticked=[], errors=[("group-1", "Choose at least one of the groups on this page.")]),
    ),
    "group-extension-none": (
        "grading/group_extension.html",
        T,
        group_extension(options=[], said="Read."),
    ),
    "groups-own": ("grading/own_groups.html", T, own_groups()),
    "groups-own-refused": (
        "grading/own_groups.html",
        T,
        own_groups(is_new=True, form={"name": "", "lines": ""}, errors=WRONG),
    ),
    "groups-own-lines": (
        "grading/own_groups.html",
        T,
        own_groups(
            form={"name": "Pairs", "lines": "Blue; Donald K"},
            said="Filled in for 2 learners. Look through it, then save.",
            errors=[("lines", "Line 1, “Blue; Donald K”: “Donald K” is nobody in the course.")],
        ),
    ),
    "groups-own-nobody": ("grading/own_groups.html", T, own_groups(is_new=True, people=[], names=[])),
}
