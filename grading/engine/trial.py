"""Whether an environment can mark a notebook: a small one is run in it, sealed off as every submission is."""

from grading.engine.execution import SandboxBroken, execute_in_kernel
from grading.engine.model import Environment, MarkLimits
from grading.engine.nbgrader_parts import formats


def try_out(environment: Environment) -> str:
    """Why no notebook can be run in it; empty: one was. Raises: SandboxUnavailable: no sandbox can be had here."""
    cell = formats.v4.new_code_cell("6 * 7")
    try:
        run = execute_in_kernel([cell], {}, MarkLimits(environment=environment))
    except SandboxBroken as error:
        return str(error)
    shown = [output.get("data", {}).get("text/plain") for output in cell.outputs]
    return "" if shown == ["42"] else run.detail or f"The run ended as {run.end!r} and showed {cell.outputs!r}."
