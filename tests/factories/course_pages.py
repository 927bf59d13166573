"""Sample contexts of the pages of courses, for `tests/factories/pages.py`."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from markupsafe import Markup

from lti_tool.kernel.permissions import Role
from tests.factories.video_pages import BOX

NOW = datetime(2026, 11, 23, 14, 3, 20, tzinfo=UTC)
Context = dict[str, Any]
FRAME: Context = {
    "course": {"title": "First steps with data", "state": "draft"},
    "tabs": [
        {"label": "Outline", "url": "#", "current": True, "number": None},
        {"label": "Settings", "url": "#", "current": False, "number": None},
        {"label": "People", "url": "#", "current": False, "number": None},
        {"label": "Ways in", "url": "#", "current": False, "number": None},
    ],
    "preview_url": "#",
    "course_url": "#",
}
QUIET: Context = {
    "errors": {},
    "error_list": [],
    "conflict": None,
    "unsaved_at": None,
    "said": None,
    "warnings": [],
    "discard_url": "#",
}
CHANGES: Context = {
    "fields": [{"name": "Title", "old": "Tables", "new": "A table you can question"}],
    "texts": [
        {
            "name": "Text",
            "lines": [
                {"kind": "same", "old": 1, "new": 1, "text": "## Rows and columns"},
                {"kind": "removed", "old": 2, "new": None, "text": Markup("A table is a <del>heap</del> of rows.")},
                {"kind": "added", "old": None, "new": 2, "text": Markup("A table is a <ins>list</ins> of rows.")},
                {"kind": "gap", "old": None, "new": None, "text": "12 lines are the same"},
                {"kind": "added", "old": None, "new": 15, "text": "<b>Escaped</b>"},
            ],
        }
    ],
    "is_same": False,
}


def _entry(number: int, title: str, kind: str, **changes: Any) -> Context:
    base: Context = {
        "slug": f"item-{number}",
        "title": title,
        "kind": kind,
        "kind_word": kind.capitalize(),
        "is_published": True,
        "has_changes": False,
        "release_at": None,
        "edit_url": "#",
        "preview_url": "#",
        "publish_url": None,
        "unpublish_url": "#",
        "without_url": "#",
        "remove_url": "#",
        "history_url": "#",
        "up_url": f"#up-{number}",
        "down_url": f"#down-{number}",
    }
    return base | changes


OUTLINE: Context = FRAME | {
    "error": None,
    "modules": [
        {
            "slug": "words",
            "title": "Words and numbers",
            "edit_url": "#",
            "up_url": None,
            "down_url": "#m1",
            "remove_url": None,
            "release_at": None,
            "entries": [
                _entry(1, "A notebook is a conversation", "lesson", up_url=None),
                _entry(2, "One question, many values", "lesson", has_changes=True, publish_url="#"),
                _entry(3, "Quiz 1: Words and numbers", "quiz", release_at=NOW),
            ],
        },
        {
            "slug": "tables",
            "title": "A table you can question",
            "edit_url": "#",
            "up_url": "#m2",
            "down_url": None,
            "remove_url": "#",
            "release_at": NOW,
            "entries": [_entry(4, "A year of weather", "notebook", is_published=False, publish_url="#", down_url=None)],
        },
        {
            "slug": "end",
            "title": "The end",
            "edit_url": "#",
            "up_url": "#m3",
            "down_url": None,
            "remove_url": "#",
            "release_at": None,
            "entries": [],
        },
    ],
    "kinds": [("lesson", "Lesson"), ("video", "Video"), ("quiz", "Quiz")],
    "quizzes": [("quiz-3", "quiz-3")],
    "add_item_url": "#",
    "add_module_url": "#",
    "order_url": "#",
    "reorder_url": "#",
    "state_url": "#",
    "history_url": "#",
    "base": 3,
    "removed": [{"title": "Old lesson", "url": "#", "try_url": "#"}],
}
ORDER: Context = FRAME | {
    "error": None,
    "modules": [
        {
            "slug": module["slug"],
            "title": module["title"],
            "is_first": number == 0,
            "is_last": number == 2,
            "entries": [
                {key: entry[key] for key in ("slug", "title", "kind_word")}
                | {"is_first": number + place == 0, "is_last": False}
                for place, entry in enumerate(module["entries"])
            ],
        }
        for number, module in enumerate(OUTLINE["modules"])
    ],
    "moved": "item/item-2/up",
    "is_changed": True,
    "base": 3,
    "save_url": "#",
    "move_url": "/move",
    "try_url": "#",
    "outline_url": "#",
}
SETTINGS: Context = (
    FRAME
    | QUIET
    | {
        "form": {
            "title": "First steps with data",
            "summary": "From a line of text to a table you can question.",
            "description": "You will …",
            "language": "en",
            "level": "beginner",
            "categories": "Data",
            "tags": "python, tables",
            "authors": "Grace Hopper",
            "licence": "CC-BY-4.0",
            "price": "",
            "currency": "",
            "admission": "lms",
            "lms_members_pay": False,
        },
        "base": 2,
        "levels": [("", "Any level"), ("beginner", "Beginner")],
        "admissions": [
            {"value": "lms", "label": "Members of the LMS courses that use it", "hint": None},
            {"value": "open", "label": "Everybody", "hint": "For nothing."},
        ],
        "save_url": "#",
        "try_url": "#",
        "history_url": "#",
        "is_saved": True,
    }
)
MODULE: Context = (
    FRAME
    | QUIET
    | {
        "module": {"title": "Tables", "slug": "tables"},
        "form": {"title": "Tables", "summary": "", "release": "2026-12-01T09:00", "after": ["words"]},
        "base": 1,
        "others": [("words", "Words and numbers")],
        "save_url": "#",
        "try_url": "#",
        "history_url": "#",
    }
)
TEXT = "## Rows and columns\n\nA table is a list of rows: $n \\times m$.\n\n![Seed](../media/seed.png)\n"
ITEM: Context = (
    FRAME
    | QUIET
    | {
        "item": {
            "title": "A table you can question",
            "slug": "tables",
            "kind": "lesson",
            "kind_word": "Lesson",
            "is_published": True,
            "has_changes": True,
            "fields": (),
        },
        "form": {
            "title": "A table you can question",
            "summary": "",
            "required": True,
            "minutes": 12,
            "release": "",
            "due": "",
            "counts": "last",
            "late_per_day": "",
            "late_at_most": "",
            "closes": "",
            "attempts": "",
            "after": ["words"],
            "markdown": TEXT,
            "file": "lessons/tables.md",
            "url": "",
        },
        "base": 4,
        "preview": Markup("<h2>Rows and columns</h2><p>A table is a list of rows.</p>"),
        "others": [("words", "Words and numbers"), ("quiz", "Quiz 1")],
        "videos": None,
        "library": None,
        "box": None,
        "bounds": None,
        "environments": [],
        "source": None,
        "files": [("", "None"), ("media/weather.ipynb", "weather.ipynb")],
        "save_url": "#",
        "try_url": "#",
        "render_url": "#",
        "unsaved_url": "#",
        "upload_url": "#",
        "unpublish_url": "#",
        "item_preview_url": "#",
        "history_url": "#",
    }
)
NOTEBOOK_ITEM = ITEM | {
    "item": ITEM["item"] | {"kind": "notebook", "kind_word": "Notebook", "fields": ("file",), "is_published": False},
    "errors": {"minutes": "must be a whole number; leave it empty if it does not matter."},
    "error_list": [("minutes", "Minutes must be a whole number; leave it empty if it does not matter.")],
    "unpublish_url": None,
}
QUIZ_ITEM = ITEM | {
    "item": ITEM["item"] | {"kind": "quiz", "kind_word": "Quiz"},
    "form": ITEM["form"]
    | {"attempts": "3", "pass": "60", "time_limit": "240", "cell_time_limit": "", "memory_limit": ""}
    | {"environment": "requirements.txt"},
    "bounds": {"time": 120, "max_time": 600, "cell": 30, "memory": 1024, "max_memory": 2048},
    "environments": [("", "Python, as every quiz"), ("requirements.txt", "Packages of requirements.txt")],
    "errors": {"notebooks": "It is graded with 0 points."},
    "error_list": [
        ("notebooks", 'source/weather/weather.ipynb: cell 3 ("sum-tests"): It is graded with 0 points. Give it points.')
    ],
    "source": {
        "files": [
            {"name": "weather.ipynb", "size": 9120, "url": "#"},
            {"name": "weather-of-the-last-hundred-years-in-every-town.csv", "size": 431_000, "url": "#"},
        ],
        "points": "4",
        "url": "#",
        "keep_url": "#",
        "version_url": "#",
        "history_url": "#",
    },
}
FILE_ITEM = ITEM | {
    "item": ITEM["item"] | {"kind": "file", "kind_word": "File", "fields": ("file", "url")},
    "form": ITEM["form"] | {"library": "file:slides.pdf"},
    "library": [("", "None"), ("file:slides.pdf", "slides-of-the-first-week-with-all-the-pictures.pdf")],
    "box": BOX,
    "files": [("", "None"), ("media/rain.csv", "media/rain.csv")],
}
TOO_LARGE = "This file is larger than 10 MB."
REFUSED_FILE = FILE_ITEM | {"errors": {"upload": TOO_LARGE}, "error_list": [("upload", TOO_LARGE)]}
NEW_QUIZ: Context = FRAME | {
    "form": {"title": "Sums", "module": "tables"},
    "problems": ["source/sums/sums.ipynb: This is not a notebook: it is not JSON."],
    "save_url": "#",
}
CONFLICT = ITEM | {"conflict": {"author": "Alan Turing", "at": NOW, "changes": CHANGES}}
UNSAVED = ITEM | {"unsaved_at": NOW, "warnings": ["line 3: the link nowhere leads nowhere."]}
VERSION: Context = (
    FRAME
    | {
        "item": {"title": "The weather of a hundred years", "is_published": True},
        "key": "5f2a",
        "version": {
            "state": "checked",
            "is_busy": False,
            "is_overtaken": False,
            "is_current": True,
            "sha256": "0" * 64,
            "saved_at": NOW,
            "checked_at": NOW,
            "asked_at": NOW,
            "said": None,
            "files": [
                {"name": "weather.ipynb", "size": 9120},
                {"name": "weather-of-the-last-hundred-years-in-every-town.csv", "size": 431_000},
            ],
        },
        "report": {
            "errors": [],
            "warnings": [
                "weather.ipynb, “mean-tests”: whoever hands in the quiz as it was given out gets 1 of 1 points here.",
                "weather.ipynb, cell 3, the text: learners would read a line of a solution there: total = sum(rain)",
            ],
            "questions": [
                {
                    "title": "The mean",
                    "name": "mean-tests",
                    "by_hand": False,
                    "points": Decimal(4),
                    "solved": Decimal(4),
                }
                | {"empty": Decimal(0), "solved_ok": True, "empty_ok": True},
                {
                    "title": "The wettest year",
                    "name": "wet",
                    "by_hand": False,
                    "points": Decimal(1),
                    "solved": Decimal(1),
                }
                | {"empty": Decimal(1), "solved_ok": True, "empty_ok": False},
                {"title": "Why it rains", "name": "why", "by_hand": True, "points": Decimal(3), "solved": None}
                | {"empty": None, "solved_ok": True, "empty_ok": True},
            ],
            "total": Decimal(8),
            "was": Decimal(7),
            "changes": ["weather.ipynb, “mean-tests”: worth 4; it was 3", "rain.csv: another content"],
        },
        "started": [
            "12 learners have begun in Jupyter. Their copies stay as they are; they are marked with the new tests when "
            "they are handed in.",
            "The column in the LMS gets 8 as its maximum.",
        ],
        "previews": [{"name": "weather.ipynb", "url": "#"}],
        "refused": None,
        "is_at_placement": True,
        "remark_url": "#",
    }
    | dict.fromkeys(("edit_url", "history_url", "here_url", "write_url", "check_url", "publish_url", "drop_url"), "#")
)
REFUSED_VERSION: Context = VERSION | {
    "report": VERSION["report"]
    | {
        "errors": [
            "weather.ipynb, “mean-tests”: the solution gets 0 of 4 points. The test says: AssertionError: 3 != 4"
        ]
    },
    "refused": "Put the errors right first, save, and check once more.",
}
NO_VERSION: Context = VERSION | {"version": None, "report": None, "previews": []}
PUBLISHED_VERSION: Context = VERSION | {"version": VERSION["version"] | {"state": "published"}, "previews": []}
KEPT = {"is_kept": True, "try_url": "#"}
HISTORY: Context = FRAME | {
    "part": {"word": "Item tables", "url": "#"},
    "revisions": [
        {
            "number": 3,
            "at": NOW,
            "author": "Grace Hopper",
            "origin": "written here",
            "is_published": False,
        }
        | KEPT,
        {"number": 2, "at": NOW, "author": "Alan Turing", "origin": "restored", "is_published": True} | KEPT,
        {"number": 1, "at": NOW, "author": None, "origin": "imported", "is_published": True} | KEPT,
    ],
    "compare_url": "#",
    "restore_url": "#",
    "becomes_next": False,
}
SOURCE_HISTORY: Context = HISTORY | {
    "part": {"word": "Notebooks of “The weather of a hundred years”", "url": "#"},
    "revisions": [
        each | {"is_published": True, "is_kept": each["number"] > 1, "try_url": None} for each in HISTORY["revisions"]
    ],
    "becomes_next": True,
}
COMPARE: Context = FRAME | {
    "part": {"word": "Item tables", "url": "#"},
    "history_url": "#",
    "old": {"number": 1, "at": NOW, "author": None},
    "new": {"number": 3, "at": NOW, "author": "Grace Hopper"},
    "changes": CHANGES,
}
SOURCE_COMPARE: Context = COMPARE | {
    "part": SOURCE_HISTORY["part"],
    "changes": {
        "fields": [{"name": "rain-of-the-last-hundred-years.csv", "old": "1,204 bytes", "new": ""}],
        "texts": [
            {
                "name": "weather.ipynb",
                "lines": [
                    {"kind": "gap", "old": None, "new": None, "text": "31 lines are the same"},
                    {"kind": "same", "old": 32, "new": 32, "text": ""},
                    {
                        "kind": "removed",
                        "old": 33,
                        "new": None,
                        "text": Markup("[Code · tests · mean-tests · <del>3</del> points]"),
                    },
                    {
                        "kind": "added",
                        "old": None,
                        "new": 33,
                        "text": Markup("[Code · tests · mean-tests · <ins>4</ins> points]"),
                    },
                    {"kind": "same", "old": 34, "new": 34, "text": "assert mean([1, 2, 3]) == 2"},
                    {"kind": "added", "old": None, "new": 35, "text": "assert mean([]) is None"},
                    {
                        "kind": "gap",
                        "old": None,
                        "new": None,
                        "text": "12 lines are the same, then in cell 7 [Code · solution · mean-of-all-the-years]",
                    },
                    {"kind": "same", "old": 47, "new": 48, "text": "    total = 0"},
                    {"kind": "removed", "old": 48, "new": None, "text": "    for day in days[1:]:"},
                    {"kind": "added", "old": None, "new": 49, "text": "    for day in days:"},
                ],
            }
        ],
        "is_same": False,
    },
}


def _person(name: str, **changes: Any) -> Context:
    base: Context = {"name": name, "source": "LMS", "state": "Takes it", "is_in": True, "last_at": NOW}
    return base | changes


PEOPLE: Context = FRAME | {
    "active": 28,
    "stopped": 2,
    "people": [
        _person("Ada Lopez"),
        _person("Ben Okafor", source="Code"),
        _person("Chi Nguyễn", state="Has left the LMS course", is_in=False),
        _person("Wolfeschlegelsteinhausenbergerdorff, Hubert Blaine", source="Payment", last_at=None),
    ],
    "page_number": 1,
    "page_count": 3,
    "found": "112 people",
    "url_of": lambda number: f"#{number}",
    "ways_url": "#",
}
NOBODY = PEOPLE | {"active": 0, "stopped": 0, "people": [], "page_count": 1}
WAYS_IN: Context = FRAME | {
    "roster": {
        "is_offered": True,
        "is_awaited": False,
        "read_at": NOW,
        "error": None,
        "listed": "112 people on the list",
        "changes": "2 joined, 1 left",
        "changed_at": NOW,
        "read_url": "#",
    },
    "admission": "invitation",
    "settings_url": "#",
    "code": "7KQ2M-X4PWN",
    "make_url": "#",
    "invitations": [
        {"hint": "7KQ", "used": 0, "places": 30, "expires_at": NOW, "is_over": False, "withdraw_url": "#"},
        {"hint": "ABC", "used": 12, "places": 30, "expires_at": NOW, "is_over": True, "withdraw_url": "#"},
    ],
}
WAYS_FAILED = WAYS_IN | {
    "code": None,
    "roster": WAYS_IN["roster"] | {"error": "Moodle did not give the whole list (503).", "changes": None},
}
MEMBERS_ONLY = WAYS_IN | {"admission": "lms", "code": None, "roster": {"is_offered": False}}


SUMMARY = "From a line of text to a table you can question, in eight short steps."


def _about(*facts: str, summary: str = SUMMARY) -> Markup:
    """What `courses/_card_about.html` makes."""
    said = f'<p class="quiet small clamp">{summary}</p>' if summary else ""
    dots = "".join(f"<span>{fact}</span>" for fact in facts)
    return Markup(
        f'<p class="small quiet">Grace Hopper</p>{said}<p class="dots small quiet">{dots}</p>'
        '<p><span class="tag">Data</span></p>'
    )


def _card(title: str, **changes: Any) -> Context:
    base: Context = {
        "title": title,
        "about": _about("Beginner", "English", "4 h", "Free", "8 items"),
        "is_draft": False,
        "is_in": False,
        "rating": {"average": 4.4, "count": 31},
        "url": None,
        "open_url": None,
        "enrol_url": None,
        "closed_note": None,
    }
    return base | changes


CATALOGUE: Context = {
    "cards": [
        _card("First steps with data", url="#"),
        _card("Statistics for people who draw", is_in=True, open_url="#", rating=None),
        _card("Trees", enrol_url="#", about=_about("English", "€19.99", "8 items", summary="")),
        _card("Rivers of the world and what they carry", closed_note="Through your LMS", is_draft=True),
    ],
    "query": "data",
    "found": "4 courses",
    "filters": [
        {"name": "category", "label": "Category", "options": [("", "Any category"), ("Data", "Data")], "value": "Data"},
        {"name": "level", "label": "Level", "options": [("", "Any level"), ("beginner", "Beginner")], "value": ""},
        {"name": "language", "label": "Language", "options": [("", "Any language"), ("de", "German")], "value": ""},
        {"name": "price", "label": "Price", "options": [("", "Any price"), ("free", "Free")], "value": ""},
        {"name": "rating", "label": "Rating", "options": [("", "Any rating"), ("4", "4 stars or more")], "value": ""},
        {"name": "mine", "label": "Whose", "options": [("", "All courses"), ("1", "My courses")], "value": ""},
        {"name": "sort", "label": "Order", "options": [("", "Best match first")], "value": ""},
    ],
    "applied": [{"label": "Data", "remove_url": "#"}],
    "clear_url": "#",
    "page_number": 2,
    "page_count": 9,
    "url_of": lambda number: f"#{number}",
    "code_url": "#",
    "new_url": "#",
}
EMPTY_CATALOGUE = CATALOGUE | {"cards": [], "found": "0 courses", "page_number": 1, "page_count": 1, "new_url": None}
COURSE_PAGES: dict[str, tuple[str, Role | None, Context]] = {
    "catalogue": ("courses/catalogue.html", Role.LEARNER, CATALOGUE),
    "catalogue-none": ("courses/catalogue.html", Role.TEACHER, EMPTY_CATALOGUE),
    "edit-outline": ("courses/edit/outline.html", Role.TEACHER, OUTLINE),
    "edit-order": ("courses/edit/order.html", Role.TEACHER, ORDER),
    "edit-settings": ("courses/edit/settings.html", Role.TEACHER, SETTINGS),
    "edit-module": ("courses/edit/module.html", Role.TEACHER, MODULE),
    "edit-item": ("courses/edit/item.html", Role.TEACHER, ITEM),
    "edit-notebook": ("courses/edit/item.html", Role.TEACHER, NOTEBOOK_ITEM),
    "edit-conflict": ("courses/edit/item.html", Role.TEACHER, CONFLICT),
    "edit-unsaved": ("courses/edit/item.html", Role.TEACHER, UNSAVED),
    "edit-history": ("courses/edit/history.html", Role.TEACHER, HISTORY),
    "edit-source-history": ("courses/edit/history.html", Role.TEACHER, SOURCE_HISTORY),
    "edit-compare": ("courses/edit/compare.html", Role.TEACHER, COMPARE),
    "edit-source-compare": ("courses/edit/compare.html", Role.TEACHER, SOURCE_COMPARE),
    "edit-people": ("courses/edit/people.html", Role.TEACHER, PEOPLE),
    "edit-people-none": ("courses/edit/people.html", Role.TEACHER, NOBODY),
    "edit-ways-in": ("courses/edit/ways_in.html", Role.TEACHER, WAYS_IN),
    "edit-ways-in-failed": ("courses/edit/ways_in.html", Role.TEACHER, WAYS_FAILED),
    "edit-ways-in-members": ("courses/edit/ways_in.html", Role.TEACHER, MEMBERS_ONLY),
    "edit-new-quiz": ("courses/edit/new_quiz.html", Role.TEACHER, NEW_QUIZ),
    "edit-file": ("courses/edit/item.html", Role.TEACHER, FILE_ITEM),
    "edit-file-refused": ("courses/edit/item.html", Role.TEACHER, REFUSED_FILE),
    "edit-version": ("courses/edit/version.html", Role.TEACHER, VERSION),
    "edit-version-refused": ("courses/edit/version.html", Role.TEACHER, REFUSED_VERSION),
    "edit-version-none": ("courses/edit/version.html", Role.TEACHER, NO_VERSION),
    "edit-version-published": ("courses/edit/version.html", Role.TEACHER, PUBLISHED_VERSION),
    "edit-quiz": ("courses/edit/item.html", Role.TEACHER, QUIZ_ITEM),
}
