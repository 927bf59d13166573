"""A process that runs nbgrader's validator on notebooks: `python -m jupyter_ext.singleuser.validating q.ipynb …`.

It writes one line of JSON a notebook, as soon as that is done. It is a process of its own because the validator changes
the working folder and the environment, and holds up whatever runs beside it. SIGTERM ends it and the kernel.
"""

import json
import os
import shutil
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any, TextIO

import nbformat
from jupyter_core.paths import jupyter_config_path
from nbgrader.apps import NbGrader
from nbgrader.validator import Validator

from jupyter_ext.singleuser.validation_words import name_cells


def main(names: list[str]) -> int:
    """Validate the notebooks of the working folder; the exit code."""
    out = _keep_stdout()
    with tempfile.TemporaryDirectory(prefix="coursebridge-", ignore_cleanup_errors=True) as sockets:
        signal.signal(signal.SIGTERM, lambda *_: _end(sockets))
        _validate(names, _load_config(sockets), out)
    return 0


def _validate(names: list[str], config: Any, out: TextIO) -> None:
    for name in names:
        try:
            found = Validator(config=config).validate(str(Path(name).absolute()))
            cells = nbformat.read(name, as_version=nbformat.current_nbformat).cells
            line: dict[str, Any] = {"notebook": name, "cells": name_cells(found, cells)}
        except Exception as error:  # whatever a notebook does is something to tell the learner
            line = {"notebook": name, "error": f"{type(error).__name__}: {error}"[:1000]}
            traceback.print_exc()
        out.write(json.dumps(line) + "\n")
        out.flush()


def _load_config(sockets: str) -> Any:
    """Nbgrader's settings, and a kernel that talks through files: learners may share the network of a machine."""
    app = NbGrader()
    app.config_file_paths.extend(jupyter_config_path())
    app.load_config_file()
    app.config.ConnectionFileMixin.transport = "ipc"
    app.config.ConnectionFileMixin.ip = str(Path(sockets) / "kernel")
    return app.config


def _keep_stdout() -> TextIO:
    """What cells write to descriptor 1 does not get between the lines: the kernel inherits another one."""
    kept = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return kept


def _end(sockets: str) -> None:
    for thread in Path("/proc/self/task").glob("*/children"):
        for child in thread.read_text().split():
            os.kill(int(child), signal.SIGKILL)
    shutil.rmtree(sockets, ignore_errors=True)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
