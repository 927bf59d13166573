"""What a sandbox sees: the bubblewrap arguments for `grading.sandbox`."""

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from grading.seccomp import build_filter

PASSWD = b"learner:x:%d:%d:Learner:/home/learner:/usr/sbin/nologin\n"
GROUP = b"learner:x:%d:\n"
ETC = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime")


def interpreter() -> str:
    """The path of the Python that runs this process, which the sandbox runs as well."""
    return sys.executable


def layout_arguments(
    read_only: Sequence[Path], disk_bytes: int, init_path: Path, uid: int | None, *, warm: bool = False
) -> tuple[list[str], list[int]]:
    """Arguments for bwrap, and the file descriptors to pass on and then close.

    `warm`: the command is one of ours that seals off processes itself, so it keeps the rights to do that.
    """
    fds: list[int] = []
    arguments = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
    arguments += ["--unshare-cgroup-try", "--die-with-parent", "--new-session", "--clearenv"]
    arguments += ["--hostname", "sealed", "--cap-drop", "ALL"]
    if uid is None:
        arguments += ["--unshare-user"]
    else:
        arguments += _keep("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP")
    if warm:
        arguments += _keep("CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_KILL")
    arguments += _system()
    size = str(max(disk_bytes, 1 << 20))
    arguments += ["--perms", "1777", "--size", size, "--tmpfs", "/home/learner"]
    shown = _distinct([*_prefixes(), *read_only, init_path])
    if shown_in_tmp(shown):
        arguments += ["--perms", "1777", "--size", size, "--tmpfs", "/tmp"]
    else:
        arguments += ["--symlink", "home/learner/tmp", "/tmp"]
    # bwrap makes missing folders for its own eyes only; the account inside must pass as well
    for folder in sorted({parent for path in shown for parent in path.parents} - {Path("/")}):
        if not folder.is_relative_to("/usr"):
            arguments += ["--perms", "0755", "--dir", str(folder)]
    for path in shown:
        arguments += ["--ro-bind", str(path), str(path)]
    account = os.getuid() if uid is None else uid
    for name, text in (
        ("passwd", PASSWD % (account, account)),
        ("group", GROUP % account),
    ):
        fds.append(_memory_file(name, text))
        arguments += ["--perms", "0444", "--ro-bind-data", str(fds[-1]), f"/etc/{name}"]
    half = max(disk_bytes // 2, 1 << 20)
    arguments += ["--proc", "/proc", "--dev", "/dev"]
    arguments += ["--perms", "1777", "--size", str(half), "--tmpfs", "/dev/shm"]
    # what is not listed above is an empty tmpfs, and full from the start
    arguments += ["--remount-ro", "/dev", "--remount-ro", "/"]
    program = None if warm else build_filter()
    if program is not None:
        fds.append(_memory_file("seccomp", program))
        arguments += ["--seccomp", str(fds[-1])]
    return arguments, fds


def _keep(*capabilities: str) -> list[str]:
    return [word for name in capabilities for word in ("--cap-add", name)]


def shown_in_tmp(paths: Iterable[Path]) -> bool:
    """Whether any of it, or this Python itself, is below /tmp, which all in one sandbox then share."""
    return any(path.is_relative_to("/tmp") for path in (*_prefixes(), *paths))


def _system() -> list[str]:
    """`/usr`, the top-level links or folders that belong to it, and harmless `/etc`."""
    # the folder that bwrap would make around the files is its own account's only
    arguments = ["--ro-bind", "/usr", "/usr", "--perms", "0755", "--dir", "/etc"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        path = Path("/", name)
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), str(path)]
        elif path.exists():
            arguments += ["--ro-bind", str(path), str(path)]
    for name in ETC:
        arguments += ["--ro-bind-try", name, name]
    return arguments


def _prefixes() -> list[Path]:
    """The folders of this Python: its environment, what that is based on, its packages."""
    roots = (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix)
    return [Path(p) for p in (*roots, *package_folders())]


def package_folders() -> list[str]:
    """The folders of installed packages, which a sealed Python may need to be told of."""
    ends = ("/site-packages", "/dist-packages")
    return [path for path in sys.path if path.endswith(ends) and Path(path).is_dir()]


def _distinct(paths: Iterable[Path]) -> list[Path]:
    """Without repeats, and without what `/usr` or an earlier path already shows."""
    found: list[Path] = [Path("/usr")]
    for path in paths:
        if path == Path("/"):
            raise ValueError("the whole file system cannot be shown to a sandbox")
        if not any(path.is_relative_to(other) for other in found):
            found.append(path)
    return found[1:]


def _memory_file(name: str, content: bytes) -> int:
    fd = os.memfd_create(name)
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd
