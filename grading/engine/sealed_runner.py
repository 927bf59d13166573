"""Run the cells of one notebook; the command inside the sandbox, never imported outside it.

Uses nbclient as nbgrader's Execute does: the same time-out, interrupt and error rules, so the
outputs, and with them the scores, are the same. What differs is how the kernel starts: a real
ipykernel is forked from this process over ipc://, and is killed at the end, not asked to stop. A kernel of another
language is started by its own command, over TCP on the loopback device, which only this sandbox has.

Reads `request.json`, which it removes before any code of the learner runs, and writes
`result.json`. Its caller treats that file as written by the learner.
"""

import asyncio
import contextlib
import ctypes
import json
import os
import queue
import secrets
import signal
import sys
import time
from typing import Any, NoReturn

with open("request.json", "rb") as _file:
    REQUEST: dict[str, Any] = json.load(_file)
os.remove("request.json")
sys.path += [path for path in REQUEST["path"] if path not in sys.path]

from ipykernel.iostream import OutStream
from ipykernel.kernelapp import IPKernelApp

HERE = os.getcwd()
OTHER: list[str] = REQUEST["kernel"]
"""The command of another kernel; empty: ipykernel."""
NAMES = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")
SOCKETS = {name: (45001 if OTHER else 1) + number for number, name in enumerate(NAMES)}
CONNECTION: Any = {
    "transport": "tcp" if OTHER else "ipc",  # some kernels know no other
    "ip": "127.0.0.1" if OTHER else f"{HERE}/.kernel/socket",
    "key": secrets.token_hex(16),
    "signature_scheme": "hmac-sha256",
    "kernel_name": "python3",
    **SOCKETS,
}
START_TIMEOUT_S = 60
END_TIMEOUT_S = 5
GRACE_S = 0.05
BETWEEN_CELLS = -1
MOST_UNSENT: int = REQUEST["output_bytes"]
PR_SET_DUMPABLE = 4


class BoundedStream(OutStream):
    """A flood of output is noticed, and dropped where it starts, before it fills the memory."""

    flush_interval = 0.05

    def write(self, string: str) -> int:
        """Write, unless more than a whole notebook may print waits to be sent: then the cell is interrupted anyway."""
        if sum(buffer.tell() for buffer in list(self._buffers.values())) > MOST_UNSENT:
            return len(string)
        return super().write(string) or 0


def become_kernel(parent: int) -> NoReturn:
    """In the forked child: run a stock IPython kernel until it ends."""
    os.setsid()
    os.chdir(REQUEST["cwd"])
    # the files beside a notebook, where IPython has them: it leaves them out in a Python started with -I, as ours is
    places = [number for number, path in enumerate(sys.path) if path.endswith(("site-packages", "dist-packages"))]
    sys.path.insert(min(places, default=0), "")
    nothing = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nothing, fd)
    sys.argv = ["ipykernel_launcher.py", "-f", f"{HERE}/.kernel/connection.json"]
    arguments = [
        *sys.argv[1:],
        f"--IPKernelApp.parent_handle={parent}",
        "--HistoryManager.hist_file=:memory:",
        f"--IPKernelApp.outstream_class={__name__}.BoundedStream",
    ]
    try:
        IPKernelApp.launch_instance(argv=arguments)
    finally:
        os._exit(1)


def become_other_kernel() -> NoReturn:
    """In the forked child: run the command of another kernel."""
    try:
        os.setsid()
        os.chdir(REQUEST["cwd"])
        nothing = os.open("/dev/null", os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(nothing, fd)
        command = [word.replace("{connection_file}", f"{HERE}/.kernel/connection.json") for word in OTHER]
        os.execvpe(command[0], command, os.environ | REQUEST["variables"])
    finally:
        os._exit(1)


def start_kernel() -> int:
    """Fork the kernel; its process id, which is its process group's too."""
    os.makedirs(f"{HERE}/.kernel", exist_ok=True)
    with open(f"{HERE}/.kernel/connection.json", "w") as file:
        json.dump(CONNECTION, file)
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        kept = ("cwd", "variables")
        globals()["REQUEST"] = {name: REQUEST[name] for name in kept}  # no test may be found in memory
        become_other_kernel() if OTHER else become_kernel(parent)
    return pid


if __name__ == "__main__":
    KERNEL = start_kernel()
    # from here on the learner's processes can neither read nor change this one, although they are of its account
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)

# imported while the kernel starts; the optional dependency costs a second and is not needed
MODULES: dict[str, Any] = sys.modules
MODULES["rfc3987_syntax"] = None
import nbformat
from jupyter_client.asynchronous.client import AsyncKernelClient
from nbclient import NotebookClient
from nbclient.exceptions import (
    CellControlSignal,
    CellTimeoutError,
    DeadKernelError,
)

V4: Any = nbformat.v4


class Runner(NotebookClient):
    """nbclient on our kernel, with nbgrader's settings and a limit on output."""

    def __init__(self, notebook: Any, kernel: int) -> None:
        super().__init__(
            notebook,
            timeout_func=self.seconds_for,
            allow_errors=True,
            interrupt_on_timeout=True,
            raise_on_iopub_timeout=True,
            store_widget_state=False,
            error_on_timeout={
                "ename": "CellTimeoutError",
                "evalue": "",
                "traceback": ["\x1b[0;31mCellTimeoutError\x1b[0m: No reply from kernel before timeout"],
            },
            on_cell_executed=record_error,
        )
        self.kernel = kernel
        self.deadline: float = time.monotonic() + REQUEST["total_s"]
        self.output_left: int = REQUEST["output_bytes"]
        self.ends: dict[int, str] = {}
        self.times: dict[int, int] = {}
        self.now_at = 0

    def seconds_for(self, _cell: Any) -> float:
        """How long the next cell may run."""
        return max(0.05, min(float(REQUEST["cell_s"]), self.deadline - time.monotonic()))

    def is_kernel_alive(self) -> bool:
        """Whether the kernel's process is still there."""
        try:
            return os.waitpid(self.kernel, os.WNOHANG)[0] == 0
        except ChildProcessError:
            return False

    async def _async_check_alive(self) -> None:
        if not self.is_kernel_alive():
            raise DeadKernelError("Kernel died")

    async def _async_poll_kernel_alive(self) -> None:
        while self.is_kernel_alive():
            await asyncio.sleep(0.1)
        if self.task_poll_for_reply is not None:
            self.task_poll_for_reply.cancel()

    async def _async_handle_timeout(self, timeout: float, cell: Any = None) -> Any:
        self.ends[self.now_at] = "timeout"
        self.interrupt()
        return {"content": {**self.error_on_timeout, "status": "error"}}

    def interrupt(self) -> None:
        """What "interrupt kernel" does: SIGINT to the kernel and its children."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.kernel, signal.SIGINT)

    def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
        """Count what the cell prints; past the limit, drop it and interrupt the cell."""
        if msg["msg_type"] in ("stream", "display_data", "execute_result"):
            room = self.output_left
            self.output_left -= message_size(msg["content"])
            if self.output_left < 0:
                if room > 0 and msg["msg_type"] == "stream":
                    msg["content"]["text"] = msg["content"]["text"][:room]
                    super().process_message(msg, cell, cell_index)
                if self.ends.get(cell_index) != "output":
                    self.ends[cell_index] = "output"
                    asyncio.get_running_loop().call_later(GRACE_S, self.interrupt_if_at, cell_index)
                if self.output_left < -4 * REQUEST["output_bytes"]:
                    os.killpg(self.kernel, signal.SIGKILL)
                return None
        return super().process_message(msg, cell, cell_index)

    def interrupt_if_at(self, index: int) -> None:
        """Interrupt a cell, unless it has ended: a kernel interrupted while it replies never replies."""
        if self.now_at == index:
            self.interrupt()


def record_error(**kwargs: Any) -> None:
    """Show a failed reply as an error output, exactly when nbgrader's Execute does."""
    cell, content = kwargs["cell"], kwargs["execute_reply"]["content"]
    if content["status"] != "error":
        return
    if any(o.output_type == "error" and o.ename == content["ename"] for o in cell.outputs):
        return
    traceback = content["traceback"] or ["ERROR: An error occurred while showtraceback was disabled"]
    cell.outputs.append(V4.new_output("error", ename=content["ename"], evalue=content["evalue"], traceback=traceback))


def message_size(content: Any) -> int:
    """About how many bytes a message adds to the notebook."""
    size = len(content.get("text", "")) + sum(map(len, content.get("traceback", ())))
    for value in content.get("data", {}).values():
        size += len(value) if isinstance(value, str) else len(json.dumps(value))
    return size + 100


async def connect() -> Any:
    """A client of the kernel, once the kernel's sockets are there."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not (OTHER or all(os.path.exists(f"{CONNECTION['ip']}-{n}") for n in SOCKETS.values())):
        if time.monotonic() > deadline or os.waitpid(KERNEL, os.WNOHANG)[0]:
            raise DeadKernelError("the kernel did not start")
        await asyncio.sleep(0.005)
    client = AsyncKernelClient()
    client.load_connection_info(CONNECTION)
    client.start_channels(hb=False, stdin=False)
    client.allow_stdin = False
    # as jupyter_client's wait_for_ready, without its 0.2 s of silence at the end, which only
    # drains messages that nbclient ignores anyway
    while time.monotonic() < deadline:
        client.kernel_info()
        try:
            await client.get_shell_msg(timeout=2)
            await client.get_iopub_msg(timeout=0.2)
        except queue.Empty:
            if os.waitpid(KERNEL, os.WNOHANG)[0]:
                break
            continue
        return client
    raise DeadKernelError("the kernel does not answer")


async def run_cells(runner: Runner) -> str:
    """Run every code cell in order; how the whole ended."""
    for index, cell in enumerate(runner.nb.cells):
        runner.now_at = index
        if time.monotonic() >= runner.deadline:
            runner.ends.update(dict.fromkeys(range(index, len(runner.nb.cells)), "skipped"))
            return "timeout"
        end, began = None, time.monotonic()
        try:
            await runner.async_execute_cell(cell, index, store_history=True)
            runner.now_at = BETWEEN_CELLS
        except DeadKernelError:
            end = "output" if runner.ends.get(index) == "output" else "died"
        except (CellTimeoutError, CellControlSignal):
            end = "timeout"  # it did not even stop when interrupted
        runner.times[index] = round(1000 * (time.monotonic() - began))
        if end is not None:
            runner.ends[index] = end
            runner.ends.update(dict.fromkeys(range(index + 1, len(runner.nb.cells)), "skipped"))
            return end
    return "ok"


def end_others() -> bool:
    """Kill the kernel and whatever it has left running, which might change the result. False if they do not end."""
    spared = {1, os.getppid(), os.getpid()}  # bubblewrap, the launcher, this
    deadline = time.monotonic() + END_TIMEOUT_S
    while time.monotonic() < deadline:
        others = [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) not in spared]
        if sum(end(pid) for pid in others) == 0:
            return True
    return False


def end(pid: int) -> bool:
    """Kill a process; False if it is dead already."""
    try:
        os.kill(pid, signal.SIGKILL)
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False


def write_result(result: dict[str, Any]) -> None:
    """Write a file of our own, whatever the notebook has put in its place."""
    path = f"{HERE}/result.json"
    with contextlib.suppress(FileNotFoundError):
        os.remove(path)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(result, file)


async def main() -> None:
    """Run the request and write the result."""
    cells = []
    for wanted in REQUEST["cells"]:
        cell = V4.new_code_cell(wanted["source"])
        cell.metadata["tags"] = wanted["tags"]
        cells.append(cell)
    runner = Runner(V4.new_notebook(cells=cells), KERNEL)
    try:
        runner.kc = await connect()
        runner.deadline = time.monotonic() + REQUEST["total_s"]
        end = await run_cells(runner)
    except (DeadKernelError, RuntimeError):
        end = "not_started"
        runner.ends = dict.fromkeys(range(len(cells)), "skipped")
    if not end_others():
        os._exit(1)
    result = {
        "end": end,
        "cells": [
            {
                "outputs": cell.outputs,
                "execution_count": cell.execution_count,
                "end": runner.ends.get(index, "ok"),
                "ms": runner.times.get(index, 0),
            }
            for index, cell in enumerate(cells)
        ],
    }
    write_result(result)
    os._exit(0)  # no clean-up: everything ends with the sandbox


if __name__ == "__main__":
    asyncio.run(main())
