"""Jupyter kernels besides Python that an operator lets quizzes be marked with."""

import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from config.settings_quizzes import QuizSettings
from grading.engine.model import Environment
from lti_tool.contract import Finding, Level
from lti_tool.kernel.runtime import Runtime

PYTHONS = ("python", "python3", f"python3.{sys.version_info.minor}")


class KernelMissing(LookupError):
    """The kernel cannot be had; the text says what to do."""


def find_kernel(name: str, settings: QuizSettings) -> Environment:
    """The kernel of that name. Raises: KernelMissing: it is not allowed any more, or not installed on this machine."""
    if name not in settings.kernels:
        raise KernelMissing(f"The kernel {name} is not allowed here any more (quizzes.kernels).")
    jupyter = _kernelspec()
    try:
        spec = jupyter.KernelSpecManager(ensure_native_kernel=False).get_kernel_spec(name)
    except jupyter.NoSuchKernel as error:
        raise KernelMissing(f"The kernel {name} is not installed on this machine: jupyter kernelspec list.") from error
    command = [word.replace("{resource_dir}", str(spec.resource_dir)) for word in spec.argv]
    if command[0] in PYTHONS:  # as jupyter_client does
        command[0] = sys.executable
    return Environment(
        kernel=tuple(command),
        variables=tuple((str(key), str(value)) for key, value in spec.env.items()),
        shown=(Path(spec.resource_dir), *settings.kernel_folders),
    )


def check_kernels(runtime: Runtime) -> Iterator[Finding]:
    """Are the allowed kernels installed here?"""
    settings = runtime.settings.quizzes
    for name in settings.kernels:
        try:
            find_kernel(name, settings)
        except KernelMissing as error:
            advice = "Install it where marking workers run, or take it out of quizzes.kernels. Its quizzes wait."
            yield Finding("Kernels", Level.BAD, str(error), advice)
    if settings.kernels:
        yield Finding("Kernels", Level.GOOD, f"Allowed for quizzes: {', '.join(settings.kernels)}.")


@cache
def _kernelspec() -> Any:
    return import_module("jupyter_client.kernelspec")
