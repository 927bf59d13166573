"""The sandbox itself, with small commands."""

import json
import os
import struct
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from grading import sandbox
from grading.sandbox import Limits, SandboxUnavailable, SealedResult, python, run_sealed
from grading.sealed_slots import FIRST_UID, SLOTS, take_slot
from grading.seccomp import DENIED, build_filter

LIMITS = Limits(wall_s=20, memory_bytes=256 << 20, disk_bytes=16 << 20, file_bytes=8 << 20, processes=30)


def _run(code: str, limits: Limits = LIMITS, collect: tuple[str, ...] = (), **inputs: bytes) -> SealedResult:
    return run_sealed([python(), "-I", "-c", code], limits=limits, inputs=inputs, collect=collect)


def test_inputs_go_in_and_files_come_out() -> None:
    result = _run("open('out','w').write(open('given').read() * 2); print('hi')", collect=("out", "none"), given=b"ab")

    assert (result.outcome, result.exit_code, result.stdout) == ("ok", 0, b"hi\n")
    assert result.files == {"out": b"abab"}


@pytest.mark.parametrize(
    ("code", "limits", "outcome"),
    [
        ("import sys; sys.exit(3)", LIMITS, "failed"),
        ("while True: pass", replace(LIMITS, wall_s=0.5), "timeout"),
        ("import time; time.sleep(60)", replace(LIMITS, wall_s=0.5), "timeout"),
        ("while True: print('x' * 9999)", LIMITS, "output"),
        ("import os; os.kill(os.getpid(), 9)", LIMITS, "killed"),
        ("while True: pass", replace(LIMITS, cpu_s=1), "killed"),
        ("open('x', 'wb').write(b'x' * (40 << 20))", replace(LIMITS, file_bytes=64 << 20), "disk"),
        ("open('x', 'wb').write(b'x' * (4 << 20))", replace(LIMITS, file_bytes=1 << 20), "failed"),
        ("x = bytearray(400 << 20)", LIMITS, "failed"),
    ],
)
def test_each_limit_has_its_outcome(code: str, limits: Limits, outcome: str) -> None:
    assert _run(code, limits).outcome == outcome


def test_shared_memory_is_counted() -> None:
    result = _run("import mmap, time; m = mmap.mmap(-1, 400 << 20); m.write(b'x' * (400 << 20)); time.sleep(9)")

    assert result.outcome in ("memory", "failed")
    assert result.wall_s < 9


def test_nobody_is_left_when_the_command_ends() -> None:
    code = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    os.fork() or time.sleep(77.125)\n    os._exit(0)"

    assert _run(code).outcome == "ok"
    time.sleep(0.2)
    commands = [p.read_bytes() for p in Path("/proc").glob("[0-9]*/cmdline") if p.exists()]
    assert not any(b"77.125" in command and b"setsid" in command for command in commands)


def test_processes_are_limited_and_each_sandbox_counts_its_own() -> None:
    code = "import os, time\nn = 0\ntry:\n    while True:\n        os.fork() or time.sleep(9)\n        n += 1\n"
    code += "except OSError: print(n)"

    first, second = _run(code), _run(code)

    assert 20 < int(first.stdout) <= 30
    assert int(second.stdout) == int(first.stdout)


def test_rights_are_gone() -> None:
    code = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
print(os.getuid() != 0, status["CapEff"], status["CapBnd"], status["NoNewPrivs"], status["Seccomp"])
print(libc.unshare(0x10000000), libc.ptrace(0, 0, 0, 0), libc.mount(b"a", b"/", b"tmpfs", 0, None))
for path in ("/x", "/dev/x", "/usr/x", "/etc/x"):
    try: open(path, "w"); print("WROTE", path)
    except OSError: pass
print(sorted(os.environ), os.listdir("/home"), os.uname().nodename, os.getppid())
"""
    out = _run(code).stdout.decode()

    zero = "0" * 16
    assert out.splitlines()[0] == f"True {zero} {zero} 1 2"
    assert out.splitlines()[1] == "-1 -1 -1"
    assert "WROTE" not in out
    assert "sealed" in out and "['learner']" in out
    assert not [name for name in os.environ if name.startswith("PYTEST") and name in out]


LOOK = """
import os, pwd
print(sorted(os.listdir("/etc")))
print(pwd.getpwuid(os.getuid()).pw_name, os.access("/etc", os.W_OK), open(SHOWN + "/open.txt").read())
for path in (SHOWN + "/secret.txt", HIDDEN, "/etc/shadow", "/etc/hostname"):
    try: open(path).read(); print("READ", path)
    except OSError: pass
for folder, inner, names in os.walk("/"):
    inner[:] = [n for n in inner if n not in ("proc", "usr", "lib", "lib64", "root")]
    found = [os.path.join(folder, n) for n in [*inner, *names]]
    closed = [n for n in found if not os.path.islink(n) and os.path.exists(n) and not os.access(n, os.R_OK)]
    for path in closed: print("CLOSED", path)
"""


def test_account_inside_reads_what_is_shown_and_nothing_else(tmp_path: Path) -> None:
    for name, mode in (("shown/open.txt", 0o644), ("shown/secret.txt", 0o600), ("beside.txt", 0o644)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("hello")
        (tmp_path / name).chmod(mode)
    shown = tmp_path / "shown"
    code = LOOK.replace("SHOWN", repr(str(shown))).replace("HIDDEN", repr(str(tmp_path / "beside.txt")))

    result = run_sealed([python(), "-I", "-c", code], limits=LIMITS, read_only=[shown])

    etc, account, *rest = result.stdout.decode().splitlines()
    assert set(json.loads(etc.replace("'", '"'))) <= {"alternatives", "group", "ld.so.cache", "localtime", "passwd"}
    assert account == "learner False hello"
    secret = f"{shown}/secret.txt"
    assert rest == ([f"CLOSED {secret}"] if os.geteuid() == 0 else [f"READ {secret}"])


@pytest.mark.parametrize(
    "trick",
    [
        "os.symlink('/etc/passwd', 'out')",
        "os.mkfifo('out')",
        "os.mkdir('out')",
        "os.mkdir('real'); open('real/in', 'w').write('x'); os.symlink('real', 'folder')",
    ],
)
def test_only_small_regular_files_come_out(trick: str) -> None:
    result = _run(f"import os; {trick}", collect=("out", "folder/in"))

    assert result.files == {}


def test_no_more_comes_out_than_is_allowed() -> None:
    code = "import sys\ntry: open('out', 'wb').write(b'x' * (4 << 20))\nexcept OSError: pass"

    assert len(_run(code, replace(LIMITS, file_bytes=1 << 20), collect=("out",)).files["out"]) <= 1 << 20


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a//b", "a/../../b", "x\0y"])
def test_paths_outside_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a path inside"):
        run_sealed(["/bin/true"], limits=LIMITS, inputs={name: b""})


def test_missing_bubblewrap_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(SandboxUnavailable, match="apt-get install bubblewrap"):
        _run("pass")


def test_bubblewrap_that_may_not_work_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho setting up uid map: Permission denied >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(SandboxUnavailable, match="uid map: Permission denied"):
        _run("pass")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01",
        struct.pack("<I", 0xFFFFFFFF),
        struct.pack("<I", 2) + b"{}",
        struct.pack("<I", 4) + b"null",
        struct.pack("<I", 52) + b'{"status": 0, "disk_full": false, "files": [["y",1]]}'[:52],
        struct.pack("<I", 54) + b'{"status": 0, "disk_full": false, "files": [["x",-1]]}',
        struct.pack("<I", 53) + b'{"status": 0, "disk_full": false, "files": [["x",9]]}',
        struct.pack("<I", 47) + b'{"status": "0", "disk_full": 0, "files": [[]]}   ',
    ],
)
def test_malformed_result_is_no_result(data: bytes) -> None:
    assert sandbox._parse_result(data, {"x"}, 1 << 20) == (None, False, {})


def test_two_sandboxes_never_share_an_account(tmp_path: Path) -> None:
    with take_slot(tmp_path / "slots") as one, take_slot(tmp_path / "slots") as two:
        assert FIRST_UID <= one < two < FIRST_UID + SLOTS


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's sandboxes have accounts of their own")
def test_an_account_with_processes_that_are_still_dying_is_left_alone(tmp_path: Path) -> None:
    with take_slot(tmp_path / "slots") as before:
        pass
    with subprocess.Popen(["/bin/sleep", "60"], user=before) as dying:
        with take_slot(tmp_path / "slots") as after:
            assert after != before
        dying.kill()


def test_filter_is_made_for_known_machines_only() -> None:
    assert build_filter("pdp11") is None
    for machine in DENIED:
        program = build_filter(machine)
        assert program is not None
        assert len(program) % 8 == 0
