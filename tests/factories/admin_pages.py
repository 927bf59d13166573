"""Sample contexts of the pages of the console."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from lti_tool.contract import Finding, Level

NOW = datetime(2026, 11, 23, 14, 3, 20, tzinfo=UTC)
PLACES = ("Overview", "Platforms", "Registration", "Keys", "Jobs", "Deliveries", "Audit log")
ACTIVE, PENDING = ("done", "Active"), ("waiting", "Waits for approval")
LINK = "https://learn.example.org/lti/register/8bFz2pQx7LrV3nTkA0yWm5cJdHs6EuGiOo1lKqNvRwM"
ERROR = "ExternalError: Moodle gave no access token (503 ): it is tried again.\nThe whole call took too long."


def shared(current: str, **context: Any) -> dict[str, Any]:
    """What every page of the console is given."""
    return {
        "nav": [{"label": label, "url": "#", "current": label == current} for label in PLACES],
        "nav_label": "Console",
        "flashes": [],
        "admin": SimpleNamespace(name="Grace Hopper (Campus)", ends_at=NOW + timedelta(minutes=40)),
        "proof": {"proof": "0" * 64},
        **context,
    }


FINDINGS = [
    Finding("Workers", Level.BAD, "No worker takes the queues grade.", "Start one: coursebridge worker."),
    Finding("Waiting for approval", Level.WARN, "2 LMSs or installations of an LMS.", "See who they are."),
    Finding("Database", Level.GOOD, "PostgreSQL answers."),
    Finding("Disk", Level.GOOD, "81.4 GB free in the data directory."),
    Finding("Our Moodle", Level.GOOD, "Last launch 2026-11-23 13:58 UTC."),
]
PLATFORM: dict[str, Any] = {
    "number": 3,
    "title": "Our Moodle",
    "name": "Our Moodle",
    "issuer": "https://moodle.campus-with-a-long-name.example.org",
    "client_id": "a7Hd93kQzPl02mX",
    "dialect": "moodle",
    "state": "active",
    "badge": ACTIVE,
    "created_at": NOW - timedelta(days=90),
    "auth_url": "https://moodle.campus-with-a-long-name.example.org/mod/lti/auth.php",
    "token_url": "https://moodle.campus-with-a-long-name.example.org/mod/lti/token.php",
    "jwks_url": "https://moodle.campus-with-a-long-name.example.org/mod/lti/certs.php",
    "token_audience": "",
    "hosts": ["files.campus-with-a-long-name.example.org"],
    "host": "",
    "is_trusted": False,
    "can_send": True,
}
AHEAD = "The clock of the LMS is 95 s ahead of ours. Tell the people who run the LMS."
ACTS = ("approve", "disable", "name", "addresses", "console", "test", "read_keys", "configuration", "link")
STEPS = [
    {"name": "Keys", "is_good": True, "text": f"2 read from {PLATFORM['jwks_url']}"},
    {
        "name": "Token",
        "is_good": False,
        "text": "Our Moodle gave no access token (400 invalid_client): check the keys.",
    },
    {"name": "Columns", "is_good": None, "text": "Not tried: they are read with a token."},
]


UNREACHED: dict[str, Any] = {
    "badge": ("failed", "No answer"),
    "since": NOW - timedelta(hours=2),
    "next_try_at": NOW + timedelta(minutes=4),
    "why": "Our Moodle gave no access token (503).",
}


def platform(**changes: Any) -> dict[str, Any]:
    """One platform's page."""
    deployment = {"name": "1", "state": "active", "badge": ACTIVE, "created_at": NOW, "approve_url": "#"}
    deployment["disable_url"] = "#"
    waiting = deployment | {"name": "2:8865aa05b4b79b64a91a86042e43af5ea8ae79eb", "state": "pending", "badge": PENDING}
    base: dict[str, Any] = {
        "trail": [("Platforms", "#")],
        "people": 1240,
        "refusals": [{"code": "clock_ahead", "text": AHEAD, "number": 14, "at": NOW}],
        "last_launch": NOW,
        "platform": PLATFORM,
        "reach": {"badge": ("done", "Answers"), "since": None} | QUIET,
        "keys": {"number": 2, "at": NOW},
        "deployments": [waiting, deployment],
        "urls": dict.fromkeys((*ACTS, "add_host", "remove_host", "canvas"), "#"),
        "steps": None,
        "link": None,
    }
    return shared("Platforms", **base | changes)


def registration(**changes: Any) -> dict[str, Any]:
    """How an LMS comes in."""
    names = ("name", "issuer", "client_id", "auth_url", "token_url", "jwks_url", "deployment_ids", "token_audience")
    invite = {"name": "Physics", "updates": None, "expires_at": NOW + timedelta(days=6), "withdraw_url": "#"}
    row = {"name": "Campus", "url": "#", "issuer": "https://canvas.instructure.com", "badge": PENDING}
    base: dict[str, Any] = {
        "link": LINK,
        "invite_url": "#",
        "days": (1, 7, 30),
        "waiting": [row | {"created_at": NOW, "approve_url": "#"}],
        "invites": [invite, invite | {"name": "Our Moodle", "updates": 3}],
        "addresses": [("Login initiation URL", "https://learn.example.org/lti/login")],
        "add_url": "#",
        "given": dict.fromkeys(names, ""),
    }
    return shared("Registration", **base | changes)


JOB: dict[str, Any] = {
    "number": 8123,
    "url": "#",
    "kind": "grading.pass_back_grade",
    "badge": ("failed", "Given up"),
    "attempts": 12,
    "created_at": NOW,
    "why": ERROR.splitlines()[0],
    "retry_url": "#",
    "message": "grading.pass_back_grade",
    "queue": "passback",
    "payload": '{"passback_id":77}',
    "error": ERROR,
    "failures": [
        {"at": NOW - timedelta(minutes=4), "attempt": 2, "text": ERROR},
        {"at": NOW - timedelta(minutes=9), "attempt": 1, "text": "ExternalError: The LMS is busy or down (503)."},
    ],
    "due_at": NOW,
    "finished_at": NOW,
    "lease_until": None,
}
DONE = JOB | {"number": 8122, "badge": ("done", "Done"), "why": "", "retry_url": None, "kind": "grading.autograde"}
STATES = [("All", 8123), ("Waiting", 3), ("Running", 1), ("Given up", 2), ("Done", 8117)]


def jobs(**changes: Any) -> dict[str, Any]:
    """Background work."""
    base: dict[str, Any] = {
        "tabs": [{"label": label, "url": "#", "current": label == "All", "number": n} for label, n in STATES],
        "kinds": [("", "All kinds"), ("grading.pass_back_grade", "grading.pass_back_grade")],
        "kind": "grading.pass_back_grade",
        "state": "",
        "jobs": [JOB, DONE],
        "older_url": "#",
        "dead": 2,
        "retry_all_url": "#",
    }
    return shared("Jobs", **base | changes)


QUIET: dict[str, Any] = {"next_try_at": None, "why": ""}
DOWN: dict[str, Any] = {
    "next_try_at": NOW + timedelta(minutes=4),
    "why": "Campus Canvas gave no access token (503).",
}
UNSENT: dict[str, Any] = {
    "value": 77,
    "platform": "Our Moodle",
    "learner": "Ada Lovelace",
    "what": "First steps: Quiz 1: Words and numbers",
    "points": "7.5 of 10",
    "since": NOW,
    "state": "refused",
    "reason": "Our Moodle: the activity has no column in the gradebook. Allow grades in its settings there.",
}


def deliveries(**changes: Any) -> dict[str, Any]:
    """Grades that have not arrived."""
    waiting = UNSENT | {"value": 78, "learner": "Ben Okafor", "state": "waiting", "reason": ""}
    base: dict[str, Any] = {
        "platforms": [("", "All platforms"), (3, "Our Moodle")],
        "platform": "",
        "show": "",
        "summary": [
            {"name": "Our Moodle", "waiting": 1, "refused": 1, "badge": ("done", "Answers")} | QUIET,
            {"name": "Campus Canvas", "waiting": 12, "refused": 0, "badge": ("failed", "No answer")} | DOWN,
        ],
        "rows": [UNSENT, waiting],
        "older_url": "#",
        "retry_url": "#",
    }
    return shared("Deliveries", **base | changes)


def audit(**changes: Any) -> dict[str, Any]:
    """Who did what."""
    act = {
        "at": NOW,
        "actor": "Grace Hopper (Campus)",
        "via": "console",
        "action": "platform.edit",
        "target": "platform 3 (Our Moodle)",
        "changes": [("token_url", PLATFORM["token_url"], "https://new.campus.example.org/mod/lti/token.php")],
    }
    made = act | {"action": "key.rotate", "target": "key 9f2", "changes": [("signs_from", "–", "2026-11-23T15:03")]}
    base: dict[str, Any] = {
        "acts": [act, made],
        "areas": [("", "Everything"), ("platform.", "platform")],
        "action": "",
        "words": "",
        "older_url": "#",
        "export_url": "#",
    }
    return shared("Audit log", **base | changes)


def keys() -> dict[str, Any]:
    """Ours and theirs."""
    dates = {"created_at": NOW - timedelta(days=200), "signs_from": NOW - timedelta(days=200), "retires_at": None}
    key = {"kid": "9f2c81d0b7aa64f11c0e55d2a7b90e31", "state": "next"}
    row = {"name": "Our Moodle", "url": "#", "number": 2, "at": NOW, "fetch_url": "#"}
    return shared(
        "Keys",
        own=[key | dates, key | dates | {"state": "signs", "retires_at": NOW + timedelta(days=7)}],
        jwks_url="https://learn.example.org/lti/jwks",
        rotate_url="#",
        platforms=[row, row | {"name": "Canvas", "at": None, "number": 0}],
    )


PLATFORMS: list[dict[str, Any]] = [
    {
        "name": "Campus",
        "url": "#",
        "badge": PENDING,
        "issuer": "https://canvas.instructure.com",
        "dialect": "canvas",
        "deployments": 0,
        "waiting": 0,
        "last_launch": None,
    },
    {
        "name": "Our Moodle",
        "url": "#",
        "badge": ACTIVE,
        "issuer": PLATFORM["issuer"],
        "dialect": "moodle",
        "deployments": 2,
        "waiting": 1,
        "last_launch": NOW,
    },
]
FIRST_ERROR = [{"kind": "bad", "text": "token-url must be a full https:// address, not ''."}]
ADMIN_PAGES: dict[str, tuple[str, None, dict[str, Any]]] = {
    "admin": ("admin/overview.html", None, shared("Overview", findings=FINDINGS, wrong=2, at=NOW)),
    "admin-well": ("admin/overview.html", None, shared("Overview", findings=FINDINGS[2:], wrong=0, at=NOW)),
    "admin-platforms": ("admin/platforms.html", None, shared("Platforms", platforms=PLATFORMS, add_url="#")),
    "admin-platforms-none": ("admin/platforms.html", None, shared("Platforms", platforms=[], add_url="#")),
    "admin-platform": ("admin/platform.html", None, platform()),
    "admin-platform-tested": ("admin/platform.html", None, platform(steps=STEPS)),
    "admin-platform-down": ("admin/platform.html", None, platform(reach=UNREACHED)),
    "admin-platform-off": (
        "admin/platform.html",
        None,
        platform(
            platform=PLATFORM | {"state": "disabled", "badge": ("closed", "Disabled"), "is_trusted": True, "hosts": []},
            deployments=[],
            keys=None,
            last_launch=None,
            link=LINK,
            flashes=FIRST_ERROR,
        ),
    ),
    "admin-registration": ("admin/registration.html", None, registration()),
    "admin-registration-first": ("admin/registration.html", None, registration(link=None, waiting=[], invites=[])),
    "admin-keys": ("admin/keys.html", None, keys()),
    "admin-jobs": ("admin/jobs.html", None, jobs()),
    "admin-jobs-none": ("admin/jobs.html", None, jobs(jobs=[], older_url=None, dead=0, retry_all_url=None)),
    "admin-job": ("admin/job.html", None, shared("Jobs", trail=[("Jobs", "#")], job=JOB)),
    "admin-deliveries": ("admin/deliveries.html", None, deliveries()),
    "admin-deliveries-none": ("admin/deliveries.html", None, deliveries(summary=[], rows=[], older_url=None)),
    "admin-audit": ("admin/audit.html", None, audit()),
    "admin-audit-none": ("admin/audit.html", None, audit(acts=[], older_url=None)),
    "admin-sign-in": ("admin/sign_in.html", None, {"action": "#"}),
}
