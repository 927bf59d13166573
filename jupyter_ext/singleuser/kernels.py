"""The kernels of quizzes on this server: one for each quiz that is marked with packages of its own.

A kernel is a folder with a `kernel.json`, where every program of this server finds it: JupyterLab, nbgrader, a
terminal. It runs the very interpreter and packages that marking runs, from a folder that the Hub shows read-only.
Where that folder is not there, the kernel is the server's own Python, so that the notebook opens, and its name says so.
"""

import json
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager

from jupyter_ext.singleuser.contract import Assignment
from jupyter_ext.singleuser.contract_work import Environment

NAME = re.compile(r"quiz-[a-z0-9-]{1,120}")
FOLDER = re.compile(r"[0-9a-f]{64}")
START = (
    "import sys; sys.path.append(sys.argv.pop(1)); "
    "from ipykernel.kernelapp import launch_new_instance; launch_new_instance()"
)
"""As in marking: what a kernel is made of comes behind the packages of the quiz."""

UNTIL_THEN = "Until then its notebooks open with the Python of this server, which may lack them."
BUILDING = f"The packages that this quiz is marked with are still being installed. {UNTIL_THEN}"
FAILED = f"The packages that this quiz is marked with could not be installed yet; your teacher sees why. {UNTIL_THEN}"
NOWHERE = (
    "This JupyterHub does not have the packages that this quiz is marked with, so its notebooks open with the Python "
    "of this server. Ask whoever runs it (COURSEBRIDGE_JUPYTERHUB_ENVIRONMENTS)."
)
NOT_SHOWN = (
    "The packages that this quiz is marked with were not there when this server started. Stop it (File, Hub Control "
    f"Panel) and open the quiz from your course again. {UNTIL_THEN}"
)
NOT_FOR_THIS = (
    "The packages that this quiz is marked with are for another Python than this server has, so its notebooks open "
    "with that of this server. Tell whoever runs JupyterHub."
)
NO_KERNEL = "The kernel {name}, which this quiz is marked with, is not installed here. Tell whoever runs JupyterHub."


def kernels_place() -> Path:
    """The folder of these kernels, as an entry of JUPYTER_PATH. It outlives the server: the tool may be down next."""
    return Path.home() / ".local" / "share" / "coursebridge"


def use_kernels_place() -> None:
    """Have every program of this server look there."""
    given = os.environ.get("JUPYTER_PATH", "").split(os.pathsep)
    ours = str(kernels_place())
    os.environ["JUPYTER_PATH"] = os.pathsep.join([ours, *(path for path in given if path and path != ours)])


def environments_place() -> Path | None:
    """Where the Hub shows environments; None: nowhere."""
    given = os.environ.get("COURSEBRIDGE_ENVIRONMENTS", "")
    return Path(given) if given else None


class QuizKernels:
    """Those of one server; `environments` is where the packages are."""

    def __init__(self, place: Path, environments: Path | None) -> None:
        self._folder, self._environments = place / "kernels", environments
        self._look_again()

    def offer(self, quizzes: Iterable[Assignment]) -> None:
        """Have the kernels of these quizzes, as they are now."""
        for quiz in quizzes:
            if quiz.environment is not None and quiz.environment.folder and NAME.fullmatch(quiz.environment.kernel):
                self._write(quiz.environment.kernel, quiz.title, quiz.environment.folder)

    def has(self, name: str) -> bool:
        """Whether there is a kernel of that name here."""
        return NAME.fullmatch(name) is not None and (self._folder / name / "kernel.json").is_file()

    def why_not(self, environment: Environment | None) -> str:
        """Why a quiz does not open with what it is marked with, in words; empty: it does."""
        if environment is None:
            return ""
        if environment.folder is None:
            found = KernelSpecManager().find_kernel_specs()
            return "" if environment.kernel in found else NO_KERNEL.format(name=environment.kernel)
        if self._interpreter(environment.folder):
            return ""
        if environment.state != "ready":
            return BUILDING if environment.state == "building" else FAILED
        if self._environments is None:
            return NOWHERE
        return NOT_FOR_THIS if (self._environments / environment.folder).is_dir() else NOT_SHOWN

    def _look_again(self) -> None:
        """What an earlier server wrote may not be true on this one."""
        for path in sorted(self._folder.glob("quiz-*/kernel.json")):
            try:
                noted = json.loads(path.read_text("utf-8"))["metadata"]["coursebridge"]
                self._write(path.parent.name, str(noted["title"]), str(noted["folder"]))
            except (OSError, ValueError, KeyError, TypeError):
                path.unlink(missing_ok=True)  # the person may have changed it; it is written anew

    def _write(self, name: str, title: str, folder: str) -> None:
        spec = json.dumps(self._spec(title, folder), indent=1)
        path = self._folder / name / "kernel.json"
        if path.is_file() and path.read_text("utf-8") == spec:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.write_text(spec, "utf-8")
        fresh.replace(path)

    def _spec(self, title: str, folder: str) -> dict[str, Any]:
        found = self._interpreter(folder)
        noted = {"metadata": {"coursebridge": {"title": title, "folder": folder}}, "language": "python"}
        if found is None:
            argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
            return {"argv": argv, "display_name": f"Python 3, without the packages of {title}", **noted}
        argv = [str(found), "-I", "-c", START, str(found.parents[1] / "parts"), "-f", "{connection_file}"]
        path = f"{found.parent}:{os.environ.get('PATH', '/usr/bin:/bin')}"
        env = {"PATH": path, "VIRTUAL_ENV": str(found.parents[1])}
        return {"argv": argv, "env": env, "display_name": f"Python for {title}", **noted}

    def _interpreter(self, folder: str) -> Path | None:
        """That of an environment, if it runs here: on this Python, with its parts where they were when it was made."""
        if self._environments is None or not FOLDER.fullmatch(folder):
            return None
        there = self._environments / folder
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        needed = (there / "bin" / "python", there / "lib" / version, there / "parts" / "ipykernel")
        return needed[0] if all(path.exists() for path in needed) else None
