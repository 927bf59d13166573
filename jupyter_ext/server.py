"""Starts one single-user server: `python -m jupyter_ext.server`.

It adds our Jupyter configuration for the kind of server (a learner's own, a grader's when the Hub names a course in
`COURSEBRIDGE_COURSE`, or a writer's when it names one in `COURSEBRIDGE_WRITE`) and then runs JupyterHub's single-user
server. A Docker image needs nothing but this command.
"""

import os
import sys
from pathlib import Path

from jupyterhub.singleuser import main as run_single_user

from jupyter_ext.singleuser.kernels import use_kernels_place

HERE = Path(__file__).resolve().parent


def config_path(kind: str) -> list[str]:
    """Folders of Jupyter configuration for `learner`, `grader` or `writer`, first the one that wins."""
    return [str(HERE / "config" / kind), str(HERE / "config" / "every"), str(HERE.parent / "config")]


def _kind() -> str:
    if os.environ.get("COURSEBRIDGE_COURSE"):
        return "grader"
    return "writer" if os.environ.get("COURSEBRIDGE_WRITE") else "learner"


def main() -> int:
    """Run the server until it is stopped; its exit code."""
    folders = config_path(_kind())
    given = [part for part in [os.environ.get("JUPYTER_CONFIG_PATH")] if part]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(folders + given)
    use_kernels_place()
    return run_single_user() or 0


if __name__ == "__main__":
    sys.exit(main())
