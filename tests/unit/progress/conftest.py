"""Progress with a course that has been published."""

from dataclasses import dataclass, field
from typing import TypeVar

import pytest

from lti_tool.contract import Plugin, load_plugins
from lti_tool.kernel.messages import Event, Handler
from lti_tool.kernel.runtime import Runtime
from plugins.progress.messages import CourseDone, ItemDone
from plugins.progress.public import Learner, publish_outline
from tests.factories.grading import SLUG
from tests.factories.progress import outline

Kind = TypeVar("Kind", bound=Event)


@dataclass
class Heard:
    """What another plugin hears."""

    events: list[Event] = field(default_factory=list)

    def of(self, kind: type[Kind]) -> list[Kind]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def plugins(heard: Heard) -> list[Plugin]:
    """What runs by default, and a plugin that listens."""
    listening = Plugin(
        name="ears",
        summary="Hears facts.",
        handlers=(
            Handler("ears.item", ItemDone, lambda run, event: heard.events.append(event)),
            Handler("ears.course", CourseDone, lambda run, event: heard.events.append(event)),
        ),
    )
    return [*load_plugins(["lti_tool.lti", "grading", "plugins.progress"]), listening]


@pytest.fixture
def ada(runtime: Runtime) -> Learner:
    """A learner; the course has two lessons, a video and a quiz."""
    with runtime.db.transaction() as tx:
        publish_outline(tx, SLUG, outline())
    return Learner(placement_id=7, user_id=42)
