"""The bubblewrap command line around one single-user server. Plain values in, a list of words out.

Everything in the sandbox is on an allow-list: the interpreter, /usr, a few files of /etc, our Jupyter extensions, and
the person's own home (or, for a grader, the one course). The network is shared, since the Hub, the tool and the server
talk over loopback.
"""

import os
import shutil
import subprocess
import sys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ETC = ("alternatives", "fonts", "ld.so.cache", "localtime", "mime.types", "nsswitch.conf", "ssl/certs", "timezone")
"""What programs need of /etc; passwd, group and hosts are made for the sandbox."""
USR_LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
PROC_READ_ONLY = ("sys", "sysrq-trigger", "irq", "bus", "fs", "acpi", "asound", "scsi")
"""Root's files of the host kernel. In a user namespace made by root, bwrap 0.8 leaves /proc/sys writable: the folder is
not writable, so bwrap does not cover it, but its files belong to root, which is who the sandbox is to the host."""
INSIDE_ID = 1000
TMP_BYTES = 512 * 2**20
RUNTIME_DIR = "/tmp/jupyter"


@dataclass(frozen=True)
class Limits:
    """What one server may use; 0 is no limit. Sizes in bytes, times in seconds."""

    memory: int = 0
    processes: int = 0
    cpu_s: int = 0
    file: int = 0


@dataclass(frozen=True)
class Confinement:
    """What one server sees and who it is."""

    home: Path | None
    """The person's home outside; None: an empty one that ends with the server."""
    home_inside: str
    readable: tuple[tuple[Path, str], ...] = ()
    """Further folders: (outside, inside)."""
    writable: tuple[tuple[Path, str], ...] = ()
    """The same for folders that may be written to; they may lie in readable ones."""
    read_only: tuple[Path, ...] = ()
    """Files and folders shown at their own place."""
    hidden: tuple[Path, ...] = ()
    """Folders that stay invisible even where they lie in something shown."""
    account: int | None = None
    """Account to become when the Hub is root; None: a user namespace."""
    limits: Limits = Limits()


def interpreter_paths() -> tuple[Path, ...]:
    """The virtual environment, the Python it was made from, and where the interpreter's links lead."""
    found = {Path(sys.prefix), Path(sys.base_prefix), Path(sys.base_exec_prefix)}
    executable = Path(sys.executable).resolve()
    if not any(executable.is_relative_to(path) for path in found):
        found.add(executable.parent.parent)
    return tuple(sorted(path for path in found if not path.is_relative_to("/usr")))


def arguments(confinement: Confinement, *, info_fd: int, etc: dict[str, int]) -> list[str]:
    """Bwrap's arguments. It writes its child's pid to `info_fd`; `etc` has open files for files of /etc."""
    return [
        *("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--hostname", "coursebridge"),
        *("--new-session", "--info-fd", str(info_fd)),
        *_identity(confinement),
        *_temporary(),  # first: what is shown may lie in it
        *_parents(confinement),
        *_system(etc),
        *_shown(confinement),
        *_own(confinement),
        *("--chdir", "/", "--remount-ro", "/"),
    ]


def inner_command(confinement: Confinement, command: Sequence[str]) -> list[str]:
    """The command with what leaves root and sets the limits before it."""
    return [
        *_become(confinement),
        "/usr/bin/env",
        "-C",
        confinement.home_inside,
        *_limited(confinement.limits),
        *command,
    ]


def _parents(confinement: Confinement) -> list[str]:
    """Folders above what is shown: bwrap would make them for their owner alone."""
    inside = [
        "/etc/ssl/certs",
        confinement.home_inside,
        *(target for _, target in (*confinement.readable, *confinement.writable)),
    ]
    inside += [str(path) for path in (*interpreter_paths(), *confinement.read_only)]
    above = {parent for path in inside for parent in Path(path).parents if parent != Path("/")}
    return [word for path in sorted(above) for word in ("--perms", "0755", "--dir", str(path))]


def _identity(confinement: Confinement) -> list[str]:
    if confinement.account is not None:
        # real root makes the mounts, then `_become` leaves root for good; these three are what leaving takes
        keep = ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP")
        return ["--cap-drop", "ALL", *(word for cap in keep for word in ("--cap-add", cap))]
    words = ["--unshare-user", "--uid", str(INSIDE_ID), "--gid", str(INSIDE_ID), "--cap-drop", "ALL"]
    return [*words, "--disable-userns"] if "--disable-userns" in _bwrap_help() else words


def _become(confinement: Confinement) -> list[str]:
    if confinement.account is None:
        return []
    account = str(confinement.account)
    return [
        "/usr/bin/setpriv",
        "--reuid",
        account,
        "--regid",
        account,
        "--clear-groups",
        "--inh-caps=-all",
        "--bounding-set=-all",
        "--no-new-privs",
        "--",
    ]


def _system(etc: dict[str, int]) -> list[str]:
    words = ["--ro-bind", "/usr", "/usr", "--proc", "/proc", "--dev", "/dev"]
    for name in PROC_READ_ONLY:
        words += ["--ro-bind-try", f"/proc/{name}", f"/proc/{name}"]
    for name in USR_LINKS:
        path = Path("/", name)
        if path.is_symlink():
            words += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            words += ["--ro-bind", str(path), str(path)]
    for name in ETC:
        words += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    for name, fd in etc.items():
        words += ["--perms", "0444", "--ro-bind-data", str(fd), f"/etc/{name}"]
    return words


def _temporary() -> list[str]:
    size = ["--size", str(TMP_BYTES)] if "--size BYTES" in _bwrap_help() else []
    var = ["--perms", "0755", "--dir", "/var", "--symlink", "/tmp", "/var/tmp"]
    return ["--perms", "1777", *size, "--tmpfs", "/tmp", *var]


def _shown(confinement: Confinement) -> list[str]:
    words: list[str] = []
    shown = (*interpreter_paths(), *confinement.read_only)
    folders = [path for path in shown if path.is_dir()]
    for path in folders:
        words += ["--ro-bind", str(path), str(path)]
    for path in confinement.hidden:
        if any(path.is_relative_to(folder) for folder in (*folders, Path("/usr"))) and path.is_dir():
            words += ["--tmpfs", str(path)]
    for path in confinement.read_only:  # again, above what was hidden
        hidden = [parent for parent in path.parents if any(map(parent.is_relative_to, confinement.hidden))]
        words += [word for parent in reversed(hidden) for word in ("--perms", "0755", "--dir", str(parent))]
        words += ["--ro-bind", str(path), str(path)]
    return words


def _own(confinement: Confinement) -> list[str]:
    home = confinement.home_inside
    words = ["--bind", str(confinement.home), home] if confinement.home else ["--perms", "0700", "--tmpfs", home]
    for outside, inside in confinement.readable:
        words += ["--ro-bind", str(outside), inside]
    for outside, inside in confinement.writable:
        words += ["--bind", str(outside), inside]
    return words


def _limited(limits: Limits) -> list[str]:
    """Limits are set inside: a process limit set outside would count what else the Hub's account runs."""
    wanted = {"data": limits.memory, "nproc": limits.processes, "cpu": limits.cpu_s, "fsize": limits.file}
    words = [f"--{name}={value}:{value}" for name, value in wanted.items() if value]
    return ["/usr/bin/prlimit", "--core=0:0", *words, "--"]


def etc_files(account: int | None, home_inside: str) -> dict[str, bytes]:
    """Contents of passwd, group and hosts inside."""
    number = INSIDE_ID if account is None else account
    return {
        "passwd": f"learner:x:{number}:{number}:Learner:{home_inside}:/bin/bash\n".encode(),
        "group": f"learner:x:{number}:\n".encode(),
        "hosts": b"127.0.0.1 localhost coursebridge\n",
    }


@cache
def bwrap() -> str:
    """Path of bubblewrap. Raises: FileNotFoundError: with what to install."""
    if found := shutil.which("bwrap", path="/usr/local/bin:/usr/bin:/bin"):
        return found
    raise FileNotFoundError("bubblewrap is not installed: `apt-get install bubblewrap`")


@cache
def _bwrap_help() -> str:
    answer = subprocess.run([bwrap(), "--help"], capture_output=True, text=True, check=False)
    return answer.stdout + answer.stderr


def account_for(user_name: str) -> int | None:
    """A real account number of the person's own when the Hub is root and may use it, else None.

    An account apart keeps learners' processes and files apart for the kernel too, and process limits only count for
    accounts that are not root. 200000 to 265535 belongs to no distribution's own accounts.
    """
    if os.geteuid() != 0 or not Path("/usr/bin/setpriv").exists():
        return None
    number = 200_000 + zlib.crc32(user_name.encode()) % 65_536
    ranges = [tuple(map(int, line.split())) for line in Path("/proc/self/uid_map").read_text().splitlines()]
    return number if any(inside <= number < inside + count for inside, _, count in ranges) else None
