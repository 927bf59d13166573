"""Typed messages: events (facts, past tense, any number of handlers) and jobs (imperative, exactly one handler).

Both become rows of the job table in the transaction that made them true. Payloads hold ids, texts and numbers only.
"""

import dataclasses
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from lti_tool.kernel.db import ROUTER, Tx


@dataclass(frozen=True)
class Message:
    """What one part tells another. Subclasses are frozen dataclasses whose fields JSON can hold."""

    name: ClassVar[str]

    def payload(self) -> dict[str, Any]:
        """The fields as JSON-ready values."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Event(Message):
    """A fact: something that has become true."""


@dataclass(frozen=True)
class Job(Message):
    """A piece of work to be done once, after the transaction."""


@dataclass(frozen=True)
class Handler:
    """What is done about a message, at least once: every effect must be idempotent."""

    name: str
    """Stable and unique, `<plugin>.<effect>`: it is stored in the job table."""
    message: type[Message]
    run: Callable[[Any, Any], None]
    """`run(job_run, message)`, see `jobs.JobRun`. Opens its own transactions."""
    queue: str = "default"
    """`grade`, `passback`, `mail` or `default`."""
    max_attempts: int = 8
    on_dead: Callable[[Tx, Any, str], None] | None = None
    """`on_dead(tx, message, error_text)`: leave a state that people can read; runs in the transaction that gives up."""


class Router:
    """Knows which handlers a message has."""

    def __init__(self, handlers: Iterable[Handler]) -> None:
        """Raises ValueError when two handlers share a name, or two share a job."""
        self.by_name: dict[str, Handler] = {}
        self._by_message: dict[type[Message], list[Handler]] = {}
        for handler in handlers:
            if handler.name in self.by_name:
                raise ValueError(f"Two handlers are called {handler.name}.")
            self.by_name[handler.name] = handler
            self._by_message.setdefault(handler.message, []).append(handler)
        for message, found in self._by_message.items():
            if issubclass(message, Job) and len(found) > 1:
                raise ValueError(f"The job {message.name} has {len(found)} handlers; a job has exactly one.")
        self.queues = sorted({handler.queue for handler in self.by_name.values()})
        self.publish: Callable[[str], None] = lambda queue: None
        """Called after commit with the name of a queue in which a job waits: a hint. Losing it is harmless."""

    def handlers_of(self, message: type[Message]) -> list[Handler]:
        """The handlers of a message, in the order of the plugins."""
        return self._by_message.get(message, [])


def router_of(tx: Tx) -> Router:
    """The router that the transaction was opened with."""
    router = tx.info.get(ROUTER)
    if router is None:
        raise RuntimeError("This transaction has no router: open it with Database.transaction() of a running app.")
    return router  # type: ignore[no-any-return]  # Session.info is untyped


def restore(message: type[Message], payload: Mapping[str, Any]) -> Message:
    """The message again from its payload; fields that an older release did not write keep their defaults."""
    known = {field.name for field in dataclasses.fields(message)}
    return message(**{name: value for name, value in payload.items() if name in known})


def new_message_id() -> str:
    """A fresh identity for one emitted message."""
    return uuid.uuid4().hex
