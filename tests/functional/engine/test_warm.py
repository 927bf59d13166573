"""What a submission in a fork of the warm process can reach, and what of it is believed."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from grading.engine import warm_execution
from grading.engine.execution import execute
from grading.engine.model import MarkLimits
from grading.engine.nbgrader_parts import formats
from grading.engine.outputs import Run
from grading.engine.warm_execution import POOL, NeedsKernel, execute_warm
from grading.sandbox import SandboxUnavailable

LIMITS = MarkLimits(cell_s=10, notebook_s=30, memory_bytes=512 << 20, output_bytes=1 << 20, disk_bytes=64 << 20)


def _cells(*sources: str) -> list[Any]:
    return [formats.v4.new_code_cell(textwrap.dedent(source)) for source in sources]


def _run(
    *sources: str, files: dict[str, bytes] | None = None, limits: MarkLimits = LIMITS
) -> tuple[Run, list[dict[str, str]]]:
    """How it ended, and of each cell what it showed: by stream name, `text/plain` or `error`."""
    cells = _cells(*sources)
    run = execute_warm(cells, {"notebook": files or {}}, limits)
    return run, [_shown(cell) for cell in cells]


def _count_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _shown(cell: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for output in cell.outputs:
        if output.output_type == "stream":
            found[output.name] = found.get(output.name, "") + output.text
        elif output.output_type == "error":
            found["error"] = f"{output.ename}: {output.evalue}"
        else:
            found |= output.data
    return found


def test_cells_share_a_namespace_and_show_what_they_show() -> None:
    run, shown = _run("x = 2", "print(x)", "x + 1", "1 / 0", "import sys; print('!', file=sys.stderr); Out[3]")

    assert run.end == "ok"
    assert shown[1:4] == [{"stdout": "2\n"}, {"text/plain": "3"}, {"error": "ZeroDivisionError: division by zero"}]
    assert shown[4] == {"stderr": "!\n", "text/plain": "3"}


def test_nothing_is_left_for_the_next_submission() -> None:
    first = """
        import builtins, os, sys, time, __main__
        builtins.secret = os.environ["SECRET"] = sys.secret = __main__.secret = secret = "first was here"
        for folder in (os.path.expanduser("~"), "/tmp", "/dev/shm", "."):
            open(f"{folder}/secret", "w").write(secret)
        if os.fork() == 0:
            os.setsid()
            time.sleep(60)
    """
    second = """
        import builtins, os, sys, glob, __main__
        print([hasattr(m, "secret") for m in (builtins, sys, __main__)], "SECRET" in os.environ)
        places = "~/secret", "/tmp/secret", "/dev/shm/secret", "secret"
        print([f for f in places if os.path.exists(os.path.expanduser(f))])
        print(sorted(int(p) for p in os.listdir("/proc") if p.isdigit()))
    """
    _run(first)
    kept = POOL.idle[-1]
    _, shown = _run(second)

    assert POOL.idle[-1] is kept  # it was the same warm process
    assert shown[0]["stdout"].splitlines() == ["[False, False, False] False", "[]", "[1, 2]"]


def test_rights_are_gone() -> None:
    probe = """
        import ctypes, os
        libc = ctypes.CDLL(None, use_errno=True)
        status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
        print(os.getuid() != 0, [status[f"Cap{kind}"].strip("0") for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")])
        print(status["NoNewPrivs"], status["Seccomp"], status["Groups"].split())
        mounted = libc.mount(b"a", b"/", b"tmpfs", 0, None)
        print(libc.unshare(0x10000000), libc.ptrace(0, 0, 0, 0), mounted, libc.setns(0, 0))
        inner = "/proc/sys/kernel/hostname", "/proc/1/mem", "/proc/1/environ"
        for path in ("/x", "/dev/x", "/usr/x", "/etc/x", *inner):
            try: open(path, "r+" if "proc" in path else "w"); print("OPENED", path)
            except OSError: pass
        for number in range(-1, 2):
            if number != 0:
                try: os.kill(number, 0 if number == -1 else 15); print("SENT", number)
                except OSError: pass
    """
    _, shown = _run(probe)

    lines = shown[0]["stdout"].splitlines()
    assert lines[:3] == ["True ['', '', '', '', '']", "1 2 []", "-1 -1 -1 -1"]
    assert not [line for line in lines[3:] if line.startswith("OPENED")] or os.geteuid() != 0
    assert all(line.startswith(("OPENED /proc/1", "SENT")) for line in lines[3:])


def test_account_can_read_what_is_shown_of_etc() -> None:
    _, shown = _run("import os, pwd\npwd.getpwuid(os.getuid()).pw_name, 'passwd' in os.listdir('/etc')")

    assert shown[0] == {"text/plain": "('learner', True)"}


def test_descriptors_lead_to_the_worker_only() -> None:
    probe = """
        import os, socket
        folder, kinds = "/proc/self/fd", []
        found = {fd: os.readlink(f"{folder}/{fd}") for fd in os.listdir(folder) if os.path.lexists(f"{folder}/{fd}")}
        for fd in found:
            try: kinds.append(socket.socket(fileno=os.dup(int(fd))).type.name)
            except OSError: pass
        print(sorted(kinds))
        print([target for target in found.values() if target.startswith("/") and not target.startswith("/dev/null")])
    """
    _, shown = _run(probe)

    # commands, messages, and the two ends by which the event loop wakes itself; the zygote's is SOCK_SEQPACKET
    assert shown[0]["stdout"].splitlines() == [str(["SOCK_STREAM"] * 4), "[]"]


FORGER = """
    import json, os, stat, struct, time
    def is_socket(fd):
        try: return stat.S_ISSOCK(os.fstat(fd).st_mode)
        except OSError: return False
    sockets = [fd for fd in range(3, 40) if is_socket(fd)]
    def frame(*message):
        body = json.dumps(message).encode()
        return struct.pack("<I", len(body)) + body
    forged = frame("execute_result", "cell-1", {"data": {"text/plain": "forged"}}) + frame("idle", "cell-1", {})
"""


def test_process_left_behind_cannot_report() -> None:
    fork = """
        if os.fork() == 0:
            os.setsid()
            while True:
                for fd in sockets:
                    try: os.write(fd, forged)
                    except OSError: pass
                time.sleep(0.001)
    """
    run, shown = _run(textwrap.dedent(FORGER) + textwrap.dedent(fork), "time.sleep(0.5)\nprint('honest')")

    assert run.end == "ok"
    assert shown[1] == {"stdout": "honest\n"}


@pytest.mark.parametrize(
    "message",
    [
        "struct.pack('<I', 2**32 - 1) + b'x' * 100",
        "frame(1, 2, 3) + frame() + frame([], {}, None) + struct.pack('<I', 3) + b'abc' + struct.pack('<I', 0)",
        "struct.pack('<I', 100_000) + b'[' * 100_000",
        "b''.join(frame('display_data', 'cell-0', {'data': n, 'transient': n, 'x': {}}) for n in ([], {}, 1))",
        "frame('clear_output', 'cell-0', {'wait': []}) + frame('stream', 'cell-0', {'text': {}}) * 2",
        "frame('execute_reply', 'cell-0', {'status': 'error', 'ename': {}, 'evalue': [], 'traceback': 7})",
        "frame('error', 'cell-0', {'ename': [], 'traceback': {}})",
    ],
)
def test_malformed_messages_hurt_nobody(message: str) -> None:
    send = f"""
        for fd in sockets:
            try: os.write(fd, {message})
            except OSError: pass
    """
    run, shown = _run(textwrap.dedent(FORGER) + textwrap.dedent(send), "print('next')")

    assert run.end in ("ok", "died", "output")
    assert _run("print(1)")[1] == [{"stdout": "1\n"}]
    assert shown[1] == {"stdout": "next\n"} or "error" in shown[1]


def test_descriptors_that_are_sent_along_are_not_taken() -> None:
    before = _count_descriptors()
    send = """
        import os, socket
        for fd in range(3, 20):
            try:
                with socket.socket(fileno=os.dup(fd)) as any_socket:
                    for _ in range(50): socket.send_fds(any_socket, [b"\\0"], [0, 1, 2])
            except OSError: pass
    """
    _run(send)

    assert _count_descriptors() <= before + 1  # a sandbox that was replaced may come on top


def test_points_of_what_ran_stay_when_the_process_dies() -> None:
    run, shown = _run("print('kept')", "import os; os.kill(os.getpid(), 9)", "print('never')")

    assert run.end == "died"
    assert [list(cell) for cell in shown] == [["stdout"], ["error"], ["error"]]
    assert [cell.get("error", "")[:10] for cell in shown] == ["", "KernelDied", "NotRun: Th"]


def test_interrupt_ends_its_own_cell_only() -> None:
    limits = replace(LIMITS, cell_s=0.5)
    run, shown = _run("while True: pass", "import time; time.sleep(0.3); print('whole')", limits=limits)

    assert run.end == "timeout"
    assert shown[0]["error"].startswith("CellTimeoutError")
    assert shown[1] == {"stdout": "whole\n"}


def test_submissions_draw_numbers_of_their_own() -> None:
    draw = "import random, numpy\nprint(random.random(), numpy.random.rand(), numpy.random.default_rng().random())"

    (_, first), (_, second) = _run(draw), _run(draw)

    assert not set(first[0]["stdout"].split()) & set(second[0]["stdout"].split())


@pytest.mark.parametrize(
    "source",
    [
        "get_ipython().kernel",
        "import ipywidgets",
        "from comm import create_comm; create_comm(target_name='x')",
        "%matplotlib widget",
        "%connect_info",
        "exit()",
    ],
)
def test_what_needs_a_kernel_gets_one(source: str) -> None:
    with pytest.raises(NeedsKernel):
        _run(source)


def test_file_in_place_of_a_loaded_module_needs_a_kernel() -> None:
    notebook = formats.v4.new_notebook(cells=_cells("import numpy, mine", "print(numpy.value, mine.value)"))
    files = {"numpy.py": b"value = 1", "mine.py": b"value = 2"}
    with pytest.raises(NeedsKernel, match="numpy"):
        execute_warm(notebook.cells, {"notebook": files}, LIMITS)

    execute(notebook, files, LIMITS)

    assert _shown(notebook.cells[1]) == {"stdout": "1 2\n"}


def test_files_beside_the_notebook_can_be_imported() -> None:
    _, shown = _run("import mine, random", "mine.value", files={"mine.py": b"value = 2", "random.py": b"1 / 0"})

    assert shown == [{}, {"text/plain": "2"}]  # the standard library comes first, as in a kernel


def test_marking_goes_on_without_warm_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise SandboxUnavailable("no namespaces here")

    monkeypatch.setattr(warm_execution, "WarmSandbox", broken)
    monkeypatch.setattr(warm_execution, "POOL", type(POOL)())
    notebook = formats.v4.new_notebook(cells=_cells("6 * 7"))

    assert execute(notebook, {}, LIMITS).end == "ok"
    assert _shown(notebook.cells[0]) == {"text/plain": "42"}


def test_end_of_the_warm_process_is_not_the_submissions_fault() -> None:
    _run("1")
    victim = POOL.idle[-1].pid
    notebook = formats.v4.new_notebook(cells=_cells("import time\ntime.sleep(1.5)\nprint('whole')"))
    killer = threading.Timer(0.7, os.kill, (victim, signal.SIGKILL))
    killer.start()

    run = execute(notebook, {}, LIMITS)

    killer.join()
    assert run.end == "ok"
    assert _shown(notebook.cells[0]) == {"stdout": "whole\n"}


WORKER = """
from tests.functional.engine.test_warm import LIMITS, _cells
from grading.engine.warm_execution import execute_warm
execute_warm(_cells("import os, time\\nif os.fork() == 0: os.setsid()\\ntime.sleep(71.375)"), {"notebook": {}}, LIMITS)
"""


def _children(pid: int) -> list[int]:
    """The processes below one."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found += [int(stat.parent.name), *_children(int(stat.parent.name))]
    return found


def _began(pid: int) -> str | None:
    """When a process began, which tells it from a later one with its number; None: it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return None


def _started(pids: list[int]) -> dict[int, str]:
    return {pid: began for pid in pids if (began := _began(pid)) is not None}


def test_killed_worker_leaves_nothing_behind() -> None:
    with subprocess.Popen([sys.executable, "-c", WORKER], cwd=Path(__file__).parents[3]) as worker:
        deadline = time.monotonic() + 60
        # bwrap twice, zygote, init, two
        while len(tree := _started(_children(worker.pid))) < 6 and time.monotonic() < deadline:
            time.sleep(0.1)
        worker.send_signal(signal.SIGKILL)
    assert len(tree) >= 6
    deadline = time.monotonic() + 30
    while (left := [pid for pid in tree if _began(pid) == tree[pid]]) and time.monotonic() < deadline:
        time.sleep(0.05)

    assert left == []


def test_many_submissions_leave_no_descriptor_and_no_process() -> None:
    _run("1")
    kept = POOL.idle[-1]
    before = _count_descriptors()
    for _ in range(20):
        _run("1")

    assert POOL.idle[-1] is kept
    assert _count_descriptors() == before
    assert len(_wait_for_fork()) == 2  # the one for the next, and the first process of its namespace


def _wait_for_fork() -> list[int]:
    """The processes of the fork that waits, once it is there and nothing else is."""
    kept = POOL.idle[-1]
    assert kept.is_ready()
    deadline = time.monotonic() + 30
    while len(found := _children(kept.pid)) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def test_fork_that_waits_serves_one_submission() -> None:
    _run("1")
    kept, first = POOL.idle[-1], _wait_for_fork()
    _, shown = _run("len(In), [name for name in dir() if not name.startswith('_')], random.random()")
    second = _wait_for_fork()

    assert POOL.idle[-1] is kept
    assert not set(first) & set(second)
    assert "NameError" in shown[0]["error"]  # nothing is imported, and nothing of ours is there


def test_silent_cell_of_a_fork_that_waits_leaves_no_trace() -> None:
    _run("1")
    _wait_for_fork()

    _, shown = _run("[len(In), Out, sorted(n for n in globals() if not n.startswith('_'))]", "_, __, ___")

    names = ["In", "Out", "exit", "get_ipython", "open", "quit"]
    assert shown[0]["text/plain"].replace("\n", "") == str([2, {}, names])
    assert shown[1]["text/plain"].count("''") == 2


def test_fork_with_other_limits_does_not_wait_for_the_next_submission() -> None:
    limit = "import os; found = os.statvfs('.'); found.f_blocks * found.f_frsize >> 20"
    other = replace(LIMITS, disk_bytes=32 << 20)
    _run("1")
    kept = POOL.idle[-1]
    _wait_for_fork()

    sizes = [int(_run(limit, limits=each)[1][0]["text/plain"]) for each in (other, LIMITS, other)]

    assert sizes == [sizes[0], sizes[0] + 32, sizes[0]]
    assert POOL.idle[-1] is kept


def test_fork_that_was_killed_while_it_waited_is_made_anew() -> None:
    _run("1")
    kept = POOL.idle[-1]
    for pid in _wait_for_fork():
        os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while not kept._has_something_to_say() and time.monotonic() < deadline:
        time.sleep(0.02)

    run, shown = _run("6 * 7")

    assert (run.end, shown[0]["text/plain"]) == ("ok", "42")
    assert POOL.idle[-1] is kept


def test_module_that_is_loaded_later_is_found_by_its_file() -> None:
    """The look through all modules is left out only while nothing new is there."""
    cells = (
        "import inspect, sys\ntry: 1 / 0\nexcept ZeroDivisionError: found = inspect.getmodule(sys._getframe())\nfound",
        "import late\ninspect.getmodule(late.add.__code__) is late, inspect.getmodule(sys._getframe()) is None",
        "late.add('')",
    )

    _, shown = _run(*cells, files={"late.py": b"def add(x):\n    return x + 1\n"})

    assert shown[0] == {}
    assert shown[1]["text/plain"] == "(True, True)"
    assert "TypeError" in shown[2]["error"]
