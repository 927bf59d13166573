"""What an environment means for a sandbox: which Python, which packages, which folders."""

from pathlib import Path

from grading.engine.model import Environment
from grading.sealed_layout import interpreter, package_folders


def python_of(environment: Environment) -> str:
    """The interpreter that runs the cells, or that runs what talks to the kernel."""
    return interpreter() if environment.folder is None else str(environment.folder / "bin" / "python")


def path_of(environment: Environment) -> list[str]:
    """Folders of packages behind those that this interpreter finds by itself."""
    return package_folders() if environment.folder is None else [str(environment.folder / "parts")]


def shown_of(environment: Environment) -> list[Path]:
    """Folders that a sandbox must show."""
    return [*environment.shown, *([] if environment.folder is None else [environment.folder])]


def variables_of(environment: Environment) -> dict[str, str]:
    """Environment variables besides those of every sandbox."""
    if environment.folder is None:
        return {"NBGRADER_EXECUTION": "autograde"}
    path = f"{environment.folder / 'bin'}:/usr/bin:/bin"
    return {"NBGRADER_EXECUTION": "autograde", "PATH": path, "VIRTUAL_ENV": str(environment.folder)}
