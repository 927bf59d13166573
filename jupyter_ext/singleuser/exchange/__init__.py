"""nbgrader's exchange over HTTP: what its commands and the Assignment List use instead of a shared folder
(docs/nbgrader-commands.md).

In an nbgrader_config.py:

    from jupyter_ext.singleuser.exchange import configure
    configure(c)
"""

from pathlib import Path
from typing import Any

from jupyter_ext.singleuser.exchange.base import Exchange
from jupyter_ext.singleuser.exchange.collect import ExchangeCollect
from jupyter_ext.singleuser.exchange.fetch_assignment import ExchangeFetchAssignment
from jupyter_ext.singleuser.exchange.fetch_feedback import ExchangeFetchFeedback
from jupyter_ext.singleuser.exchange.list import ExchangeList
from jupyter_ext.singleuser.exchange.release_assignment import ExchangeReleaseAssignment
from jupyter_ext.singleuser.exchange.release_feedback import ExchangeReleaseFeedback
from jupyter_ext.singleuser.exchange.submit import ExchangeSubmit

__all__ = [
    "Exchange",
    "ExchangeCollect",
    "ExchangeFetchAssignment",
    "ExchangeFetchFeedback",
    "ExchangeList",
    "ExchangeReleaseAssignment",
    "ExchangeReleaseFeedback",
    "ExchangeSubmit",
    "configure",
    "configure_commands",
]

_CLASSES = {
    "exchange": Exchange,
    "collect": ExchangeCollect,
    "fetch_assignment": ExchangeFetchAssignment,
    "fetch_feedback": ExchangeFetchFeedback,
    "list": ExchangeList,
    "release_assignment": ExchangeReleaseAssignment,
    "release_feedback": ExchangeReleaseFeedback,
    "submit": ExchangeSubmit,
}


def configure(c: Any, root: Path | None = None) -> None:
    """Make nbgrader use this exchange. `c` is the traitlets config; `root` is the folder that holds the course
    folders, by default the home folder, which is also where the Jupyter server has to start.
    """
    _choose(c, c.ExchangeFactory, root)


def configure_commands(c: Any, root: Path | None = None) -> None:
    """The same for the command `nbgrader` alone: formgrader, which reads the same file, never waits for the tool."""
    _choose(c, c.NbGraderApp.NbGrader.ExchangeFactory, root)


def _choose(c: Any, factory: Any, root: Path | None) -> None:
    for trait, cls in _CLASSES.items():
        setattr(factory, trait, cls)
    c.Exchange.path_includes_course = True
    c.Exchange.assignment_dir = str(root or Path.home())
