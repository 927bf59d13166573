"""Writes the skeleton of a new plugin: a package that loads, a page, a table, a job, and a test."""

import re
from pathlib import Path

from lti_tool.kernel.errors import Conflict, Invalid

ROOT = Path(__file__).parents[2]

FILES = {
    "plugins/{name}/__init__.py": '''"""{title}: what this plugin is for, in one sentence."""
''',
    "plugins/{name}/plugin.py": '''"""What this plugin offers."""

from lti_tool.contract import Plugin
from lti_tool.kernel.messages import Handler
from plugins.{name}.messages import Greet
from plugins.{name}.models import Greeting
from plugins.{name}.service import run_greet
from plugins.{name}.views import blueprint

PLUGIN = Plugin(
    name="{name}",
    summary="{title}: say here what it offers.",
    models=(Greeting,),
    handlers=(Handler("{name}.greet", Greet, run_greet),),
    blueprints=(blueprint,),
)
''',
    "plugins/{name}/messages.py": '''"""Facts and jobs of this plugin; payloads hold ids."""

from dataclasses import dataclass
from typing import ClassVar

from lti_tool.kernel.messages import Job


@dataclass(frozen=True)
class Greet(Job):
    """Greet a person once."""

    name: ClassVar[str] = "{name}.greet"
    user_id: int
''',
    "plugins/{name}/models.py": '''"""Tables of this plugin."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from lti_tool.kernel.db import Base
from lti_tool.kernel.types import UtcDateTime


class Greeting(Base):
    """A person who was greeted."""

    __tablename__ = "{name}_greeting"

    user_id: Mapped[int] = mapped_column(primary_key=True)
    greeted_at: Mapped[datetime] = mapped_column(UtcDateTime)
''',
    "plugins/{name}/service.py": '''"""What this plugin does. Functions take `tx` and plain values and never commit."""

from datetime import datetime

from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx
from lti_tool.kernel.jobs import JobRun
from plugins.{name}.messages import Greet
from plugins.{name}.models import Greeting


def greet(tx: Tx, user_id: int) -> None:
    """Greet a person, unless it was done."""
    if tx.get(Greeting, user_id) is None:
        tx.add(Greeting(user_id=user_id, greeted_at=clock.now()))


def find_greeted_at(tx: Tx, user_id: int) -> datetime | None:
    """When a person was greeted."""
    row = tx.get(Greeting, user_id)
    return row.greeted_at if row else None


def run_greet(run: JobRun, message: Greet) -> None:
    """Handle the job: its effect and its end are one transaction."""
    with run.runtime.db.transaction() as tx:
        greet(tx, message.user_id)
        run.finish(tx)
''',
    "plugins/{name}/public.py": '''"""What other plugins may call: plain values in and out."""

from plugins.{name}.service import find_greeted_at, greet

__all__ = ["find_greeted_at", "greet"]
''',
    "plugins/{name}/views.py": '''"""The pages of this plugin."""

from flask import Blueprint, Response

from lti_tool.web.render import page
from lti_tool.web.runtime import current_runtime
from lti_tool.web.session import current_session
from plugins.{name}.service import find_greeted_at

blueprint = Blueprint("{name}", __name__, url_prefix="/{path}", template_folder="templates")


@blueprint.get("/")
def show() -> Response:
    """Who is here, and whether they were greeted."""
    session = current_session()
    with current_runtime().db.reading() as tx:
        greeted_at = find_greeted_at(tx, session.user_id)
    return page("{name}/show.html", greeted_at=greeted_at)
''',
    "plugins/{name}/templates/{name}/show.html": """{{% extends "base.html" %}}
{{% block title %}}{{{{ _("{title}") }}}}{{% endblock %}}
{{% block main %}}
<h1>{{{{ _("{title}") }}}}</h1>
<p>{{% if greeted_at %}}{{{{ _("Welcome back.") }}}}{{% else %}}{{{{ _("Welcome.") }}}}{{% endif %}}</p>
{{% endblock %}}
""",
    "tests/functional/{name}/__init__.py": "",
    "tests/functional/{name}/test_{name}.py": '''"""{title}."""

import pytest
from flask.testing import FlaskClient

from lti_tool.contract import Plugin, load_plugins
from lti_tool.kernel import jobs
from lti_tool.kernel.runtime import Runtime
from plugins.{name} import public
from plugins.{name}.messages import Greet


@pytest.fixture
def plugins() -> list[Plugin]:
    return load_plugins(["lti_tool.lti", "plugins.{name}"])


def test_a_greeting_is_kept(runtime: Runtime) -> None:
    with runtime.db.transaction() as tx:
        job_id = jobs.enqueue(tx, Greet(1))
    assert jobs.run_job(runtime, runtime.db.router, job_id)
    with runtime.db.reading() as tx:
        assert public.find_greeted_at(tx, 1) is not None


def test_nobody_is_shown_to_strangers(client: FlaskClient) -> None:
    assert client.get("/{path}/").status_code == 401
''',
}


def write_plugin(name: str, root: Path = ROOT) -> list[str]:
    """Write the files; returns their paths below the root. Raises: Invalid, Conflict."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,30}", name):
        raise Invalid("plugin_name", f"{name!r} cannot be a plugin: use lower-case letters, digits and underscores.")
    if (root / "plugins" / name).exists():
        raise Conflict("plugin_exists", f"plugins/{name} is there already.")
    values = {"name": name, "path": name.replace("_", "-"), "title": name.replace("_", " ").capitalize()}
    written = {path.format(**values): text.format(**values) for path, text in FILES.items()}
    for path, text in written.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return list(written)
