"""A small seccomp filter for `grading.sandbox`, in classic BPF, without a library.

It denies (EPERM) the system calls that container runtimes deny as well: they reach kernel
code that marking a notebook never needs. Mounts, network and processes are fenced off by
namespaces already; this is the second fence. `clone3` answers ENOSYS so that the C library
falls back to `clone`, whose flags a filter can read.

seccomp(2), https://www.kernel.org/doc/html/latest/userspace-api/seccomp_filter.html
"""

import platform
import struct

LOAD, JUMP_EQUAL, JUMP_ANY_BIT, JUMP_AT_LEAST, RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
ALLOW, ERRNO, KILL = 0x7FFF0000, 0x00050000, 0x80000000
EPERM, ENOSYS = 1, 38
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16
"""Offsets into `struct seccomp_data`; the argument's low half, on a little-endian machine."""

NEW_NAMESPACES = 0x7E020000
"""CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}."""

DENIED = {
    "x86_64": {
        "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312,
        "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "setns": 308,
        "unshare": 272, "open_tree": 428, "move_mount": 429, "fsopen": 430,
        "fsconfig": 431, "fsmount": 432, "fspick": 433, "mount_setattr": 442,
        "add_key": 248, "request_key": 249, "keyctl": 250, "bpf": 321,
        "perf_event_open": 298, "userfaultfd": 323, "io_uring_setup": 425,
        "io_uring_enter": 426, "io_uring_register": 427, "init_module": 175,
        "finit_module": 313, "delete_module": 176, "kexec_load": 246,
        "kexec_file_load": 320, "open_by_handle_at": 304, "name_to_handle_at": 303,
        "swapon": 167, "swapoff": 168, "reboot": 169, "syslog": 103, "acct": 163,
        "personality": 135, "quotactl": 179, "settimeofday": 164, "clock_settime": 227,
        "adjtimex": 159, "iopl": 172, "ioperm": 173, "modify_ldt": 154, "fanotify_init": 300,
    },
    "aarch64": {
        "ptrace": 117, "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272,
        "mount": 40, "umount2": 39, "pivot_root": 41, "chroot": 51, "setns": 268,
        "unshare": 97, "open_tree": 428, "move_mount": 429, "fsopen": 430,
        "fsconfig": 431, "fsmount": 432, "fspick": 433, "mount_setattr": 442,
        "add_key": 217, "request_key": 218, "keyctl": 219, "bpf": 280,
        "perf_event_open": 241, "userfaultfd": 282, "io_uring_setup": 425,
        "io_uring_enter": 426, "io_uring_register": 427, "init_module": 105,
        "finit_module": 273, "delete_module": 106, "kexec_load": 104,
        "kexec_file_load": 294, "open_by_handle_at": 265, "name_to_handle_at": 264,
        "swapon": 224, "swapoff": 225, "reboot": 142, "syslog": 116, "acct": 89,
        "personality": 92, "quotactl": 60, "settimeofday": 170, "clock_settime": 112,
        "adjtimex": 171, "fanotify_init": 262,
    },
}  # fmt: skip
AUDIT_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
CLONE = {"x86_64": 56, "aarch64": 220}
CLONE3 = 435
X32_BIT = 0x40000000


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """One `struct sock_filter`; jumps count the instructions to skip."""
    return struct.pack("<HBBI", code, if_true, if_false, value)


def build_filter(machine: str | None = None) -> bytes | None:
    """The BPF program for this machine, or None where we have no table for it."""
    machine = machine or platform.machine()
    if machine not in DENIED:
        return None
    program = [
        _instruction(LOAD, ARCHITECTURE),
        _instruction(JUMP_EQUAL, AUDIT_ARCHITECTURE[machine], if_true=1),
        _instruction(RETURN, KILL),
        _instruction(LOAD, NUMBER),
        # the x32 numbers would slip past the table
        _instruction(JUMP_AT_LEAST, X32_BIT, if_false=1),
        _instruction(RETURN, ERRNO | ENOSYS),
        _instruction(JUMP_EQUAL, CLONE3, if_false=1),
        _instruction(RETURN, ERRNO | ENOSYS),
    ]
    for number in sorted(DENIED[machine].values()):
        program.append(_instruction(JUMP_EQUAL, number, if_false=1))
        program.append(_instruction(RETURN, ERRNO | EPERM))
    program += [
        _instruction(JUMP_EQUAL, CLONE[machine], if_false=3),
        _instruction(LOAD, FIRST_ARGUMENT),
        _instruction(JUMP_ANY_BIT, NEW_NAMESPACES, if_false=1),
        _instruction(RETURN, ERRNO | EPERM),
        _instruction(RETURN, ALLOW),
    ]
    return b"".join(program)
