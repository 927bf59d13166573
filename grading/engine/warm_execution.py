"""Run cells in a process forked from a warm one, and keep of what it publishes what nbclient would keep.

The order of things is nbclient's with nbgrader's settings: the same time-outs, interrupts and errors, and the same
outputs of the same messages. All that comes is treated as written by the learner.
"""

import atexit
import json
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from grading.engine.model import MarkLimits
from grading.engine.nbgrader_parts import Cell
from grading.engine.outputs import MAX_OUTPUTS, Run, put_back
from grading.engine.places import path_of, python_of, shown_of, variables_of
from grading.sandbox import SandboxUnavailable
from grading.warm_sandbox import Ended, WarmOrder, WarmRun, WarmSandbox

SHELL = Path(__file__).with_name("sealed_shell.py")
SKIP = "skip-execution"
START_S = 20.0
"""How long a forked process may take until it can run cells."""
SETTLE_S = 4.0
"""How long a cell may take to end once it has been interrupted; nbclient's `iopub_timeout`."""
GRACE_S = 0.05
RUNS = 500
"""A warm process is replaced after as many submissions."""
PAUSE_S = 300.0
"""After a warm process could not be started or could not seal off, how long it is not tried again."""

KERNEL_MAGICS = re.compile(
    r"^\s*%(?:connect_info|qtconsole|subshell|gui\b|pylab\b|matplotlib\s+(?!inline\b|--list)\S)|\bipywidgets\b",
    re.MULTILINE,
)
"""What needs a real kernel and can be seen in the text. The rest is noticed when it happens."""

TIMED_OUT = {
    "output_type": "error",
    "ename": "CellTimeoutError",
    "evalue": "",
    "traceback": ["\x1b[0;31mCellTimeoutError\x1b[0m: No reply from kernel before timeout"],
}


class NeedsKernel(Exception):
    """This notebook uses something that only a real kernel has; nothing of this attempt counts."""


@dataclass
class _Pool:
    """Warm sandboxes of this process that are at rest, of all environments; the last one used is the last."""

    owner: int = 0
    idle: list[WarmSandbox] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    starting: threading.Lock = field(default_factory=threading.Lock)
    """Held while one is started: whoever needs it too waits for it, instead of starting another."""
    not_before: dict[str, float] = field(default_factory=dict)
    """By interpreter, when to try again after it could not be started."""

    def take(self, order: WarmOrder) -> WarmSandbox:
        """One that is ready. Raises: SandboxUnavailable: there is none, and none can be started."""
        found = self._find(order)
        if found is not None:
            return found
        with self.starting:
            found = self._find(order)
            if found is not None:
                return found
            try:
                return WarmSandbox(order)
            except SandboxUnavailable:
                self.pause(order)
                raise

    def _find(self, order: WarmOrder) -> WarmSandbox | None:
        with self.lock:
            if self.owner != os.getpid():  # a fork of this process leaves its parent's alone
                self.owner, self.idle = os.getpid(), []
            for found in reversed([each for each in self.idle if each.order == order]):
                self.idle.remove(found)
                if found.is_ready():
                    return found
                found.close()
            if time.monotonic() < self.not_before.get(order.python, 0.0):
                raise SandboxUnavailable("it could not be started a short while ago")
        return None

    def pause(self, order: WarmOrder) -> None:
        """Do not try again for a while."""
        self.not_before[order.python] = time.monotonic() + PAUSE_S

    def give_back(self, sandbox: WarmSandbox, limits: MarkLimits) -> None:
        """Keep it for the next submission, unless it is worn out; what was not used for longest makes room for it."""
        ended = []
        with self.lock:
            if sandbox.is_usable and sandbox.runs < RUNS:
                self.idle.append(sandbox)
            else:
                ended.append(sandbox)
            while len(self.idle) > 1 and self._is_too_much(limits):
                ended.append(self.idle.pop(0))
        for each in ended:
            each.close()

    def _is_too_much(self, limits: MarkLimits) -> bool:
        return len(self.idle) > limits.warm_kept or sum(each.bytes for each in self.idle) > limits.warm_bytes

    def close(self) -> None:
        """End all that are at rest."""
        if self.owner == os.getpid():
            while self.idle:
                self.idle.pop().close()


POOL = _Pool()
atexit.register(POOL.close)


def warm_up(limits: MarkLimits) -> None:
    """Start a warm process before the first submission needs it. Raises: SandboxUnavailable.

    It ends with the thread that calls this (`--die-with-parent` means a thread), so that one must not end.
    """
    POOL.give_back(POOL.take(_order_of(limits)), limits)


def try_out() -> None:
    """Start a warm process and have it seal off a fork. Raises: SandboxUnavailable: one of both cannot be done here."""
    cells: list[Cell] = [SimpleNamespace(source="1", metadata={})]
    with closing(WarmSandbox(_order_of(MarkLimits()))) as sandbox, sandbox.run(MarkLimits().sealed(), 1 << 20) as run:
        notebook = _Notebook(run, MarkLimits(), [_Row()])
        notebook.begin({"notebook": {}})
        notebook.run_cells(cells)


def _order_of(limits: MarkLimits) -> WarmOrder:
    environment = limits.environment
    return WarmOrder(
        program=SHELL,
        python=python_of(environment),
        path=path_of(environment),
        variables=variables_of(environment),
        shown=tuple(shown_of(environment)),
        control_groups=limits.control_groups,
    )


@contextmanager
def _sandbox(limits: MarkLimits) -> Iterator[WarmSandbox]:
    order = _order_of(limits)
    sandbox = POOL.take(order)
    try:
        yield sandbox
    except SandboxUnavailable:
        if sandbox.is_usable:  # it lives and cannot seal off: neither could the next one
            POOL.pause(order)
        sandbox.close()
        raise
    finally:
        POOL.give_back(sandbox, limits)


def execute_warm(cells: list[Cell], files: Mapping[str, Mapping[str, bytes]], limits: MarkLimits) -> Run:
    """Run every cell and put its outputs into it; `files` by folder, of which there is one.

    Raises:
        NeedsKernel: it must be done in a real kernel.
        SandboxUnavailable: there is no warm sandbox here.
    """
    if any(KERNEL_MAGICS.search(cell.source) for cell in cells):
        raise NeedsKernel("magics")
    with _sandbox(limits) as sandbox, sandbox.run(limits.sealed(), 2 * limits.output_bytes + (1 << 20)) as run:
        notebook = _Notebook(run, limits, [_Row() for _ in cells])
        notebook.begin(files)
        end = notebook.run_cells(cells)
    return put_back(cells, end, [row.report() for row in notebook.rows], limits.output_bytes)


@dataclass
class _Row:
    """What is known of one cell."""

    outputs: list[dict[str, Any]] = field(default_factory=list)
    execution_count: Any = None
    end: str = "ok"
    clear_next: bool = False
    ms: int = 0

    def report(self) -> dict[str, Any]:
        return {"outputs": self.outputs, "execution_count": self.execution_count, "end": self.end, "ms": self.ms}


class _Notebook:
    """One notebook while it runs."""

    def __init__(self, run: WarmRun, limits: MarkLimits, rows: list[_Row]) -> None:
        self.run, self.limits, self.rows = run, limits, rows
        self.deadline = time.monotonic() + limits.notebook_s
        self.output_left = limits.output_bytes
        self.displays: dict[str, list[dict[str, Any]]] = {}
        self.interrupt_at: float | None = None

    def begin(self, files: Mapping[str, Mapping[str, bytes]]) -> None:
        """Send the files, and wait until cells can run."""
        ((folder, bodies),) = files.items()
        order = {
            "cwd": folder,
            "files": [[name, len(body)] for name, body in [(".keep", b""), *bodies.items()]],
            "output_bytes": self.limits.output_bytes,
        }
        try:
            self.run.send(json.dumps(order).encode(), *bodies.values())
            message = self.run.receive(time.monotonic() + START_S)
        except Ended as error:
            raise SandboxUnavailable(f"the forked process did not start ({error.reason})") from error
        kind, _, content = message or ("", "", {})
        if kind == "needs_kernel":
            raise NeedsKernel(str(content.get("why")))
        if kind != "ready":
            raise SandboxUnavailable(f"the forked process did not start: {str(content)[:500]}")
        self.deadline = time.monotonic() + self.limits.notebook_s

    def run_cells(self, cells: list[Cell]) -> str:
        """Run every cell in order; how the whole ended."""
        for number, cell in enumerate(cells):
            if not cell.source.strip() or SKIP in cell.metadata.get("tags", []):
                continue
            if time.monotonic() >= self.deadline:
                self._skip_from(number)
                return "timeout"
            row, began = self.rows[number], time.monotonic()
            try:
                self.run.send(json.dumps([number, cell.source]).encode())
                has_settled = self._follow(number, row)
            except Ended as error:
                died = "output" if row.end == "output" or error.reason == "flood" else "died"
                row.end = "skipped" if error.reason == "memory" else died
                self._skip_from(number + 1)
                return "memory" if error.reason == "memory" else row.end
            finally:
                row.ms = round(1000 * (time.monotonic() - began))
            if not has_settled:  # it did not even stop when interrupted
                self._skip_from(number + 1)
                return row.end
        return "ok"

    def _skip_from(self, number: int) -> None:
        for row in self.rows[number:]:
            row.end = "skipped"

    def _follow(self, number: int, row: _Row) -> bool:
        """Take what a cell publishes until it has ended. False: it does not end."""
        now = time.monotonic()
        until = now + max(0.05, min(self.limits.cell_s, self.deadline - now))
        name, reply = f"cell-{number}", None
        self.interrupt_at = None
        while True:
            soon = until if self.interrupt_at is None else min(until, self.interrupt_at)
            message = self.run.receive(soon)
            if message is None:
                if self.interrupt_at is not None and time.monotonic() >= self.interrupt_at:
                    self.interrupt_at = None
                    self.run.interrupt()
                    until = min(until, time.monotonic() + SETTLE_S)
                elif reply is TIMED_OUT or row.end == "output":
                    return False
                else:
                    row.end, reply = "timeout", TIMED_OUT
                    self.run.interrupt()
                    until = time.monotonic() + SETTLE_S
                continue
            kind, cell, content = message
            if kind == "needs_kernel":
                raise NeedsKernel(str(content.get("why")))
            if cell != name:
                continue  # of a cell that has ended: nbclient leaves it out as well
            if kind == "idle":
                self._note_reply(row, reply)
                return True
            if kind == "execute_reply":
                reply = reply or content
            elif self._may_keep(kind, content, row):
                self._keep(kind, content, row)

    def _may_keep(self, kind: str, content: dict[str, Any], row: _Row) -> bool:
        """Count what the cell shows; past the limit, drop it and interrupt the cell."""
        if kind not in ("stream", "display_data", "execute_result", "update_display_data", "error"):
            return True
        room = self.output_left
        self.output_left -= _size(content)
        if self.output_left >= 0:
            return True
        if row.end != "output" and kind != "error":
            row.end = "output"
            self.interrupt_at = time.monotonic() + GRACE_S
        if self.output_left < -4 * self.limits.output_bytes:
            raise Ended("flood")
        if room > 0 and kind == "stream" and isinstance(content.get("text"), str):
            content["text"] = content["text"][:room]
            return True
        return kind == "error"

    def _keep(self, kind: str, content: dict[str, Any], row: _Row) -> None:
        """What nbclient's `process_message` does, and no more."""
        if "execution_count" in content:
            row.execution_count = content["execution_count"]
        transient = content.get("transient")
        display = transient.get("display_id") if isinstance(transient, dict) else None
        if isinstance(display, str):
            for shown in self.displays.get(display, ()):
                shown["data"] = content.get("data")
        if kind == "clear_output":
            row.clear_next = bool(content.get("wait"))
            if not row.clear_next:
                row.outputs = []
        if kind not in ("stream", "display_data", "execute_result", "error"):
            return
        if row.clear_next:
            row.outputs, row.clear_next = [], False
        last = row.outputs[-1] if row.outputs else {}
        if kind == "stream" == last.get("output_type") and last.get("name") == content.get("name"):
            last["text"].append(content.get("text"))
            return
        if len(row.outputs) >= MAX_OUTPUTS and kind != "error":
            return
        shown = {**content, "output_type": kind}
        if kind == "stream":
            shown["text"] = [content.get("text")]
        row.outputs.append(shown)
        if isinstance(display, str):
            self.displays.setdefault(display, []).append(shown)

    def _note_reply(self, row: _Row, reply: dict[str, Any] | None) -> None:
        """Show a failed reply as an error output, exactly when nbgrader's Execute does."""
        if reply is None or not (reply is TIMED_OUT or reply.get("status") == "error"):
            return
        name = reply.get("ename")
        if any(shown["output_type"] == "error" and shown.get("ename") == name for shown in row.outputs):
            return
        traceback = reply.get("traceback") or ["ERROR: An error occurred while showtraceback was disabled"]
        shown = {"ename": name, "evalue": reply.get("evalue"), "traceback": traceback}
        row.outputs.append({"output_type": "error", **shown})


def _size(content: dict[str, Any]) -> int:
    """About how many bytes a message adds to the notebook."""
    return len(json.dumps(content, ensure_ascii=False))
