"""The virus scanner, if the operator has one. What it does not pass is not given out (fails closed)."""

import shlex
import socket
import struct
import subprocess
from pathlib import Path

from config.settings_files import FilesSettings
from lti_tool.kernel.errors import ExternalError
from plugins.files.refusals import Refused
from plugins.files.storage import BLOCK

SCAN_FAILED = "scan_failed"
CLEAN, FOUND = 0, 1
"""Exit codes of the command, as of clamscan(1) and clamdscan(1)."""


def is_wanted(settings: FilesSettings) -> bool:
    """Is there a scanner?"""
    return bool(settings.scan_command or settings.scan_clamd)


def scan(path: Path, settings: FilesSettings) -> None:
    """Pass the file by every scanner that is set. Raises: Refused. ExternalError (retryable): one did not answer."""
    if settings.scan_command:
        _run_command([*shlex.split(settings.scan_command), str(path)], settings.scan_s)
    if settings.scan_clamd:
        _ask_clamd(path, settings.scan_clamd, settings.scan_s)


def _run_command(command: list[str], limit_s: int) -> None:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=limit_s, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _failure(f"The command did not do its work: {type(error).__name__}") from error
    if done.returncode == FOUND:
        raise Refused("infected")
    if done.returncode != CLEAN:
        raise _failure(f"The command ended with {done.returncode}: {done.stderr[-500:].decode(errors='replace')}")


def _ask_clamd(path: Path, address: str, limit_s: int) -> None:
    """INSTREAM of clamd(8): chunks with their length before them in network order, an empty one ends it."""
    try:
        with _connect(address, limit_s) as clamd, path.open("rb") as file:
            clamd.sendall(b"zINSTREAM\0")
            while block := file.read(BLOCK):
                clamd.sendall(struct.pack("!I", len(block)) + block)
            clamd.sendall(struct.pack("!I", 0))
            answer = _read_answer(clamd)
    except OSError as error:
        raise _failure(f"clamd did not answer: {error}") from error
    if answer.endswith("FOUND"):
        raise Refused("infected")
    if answer != "stream: OK":
        raise _failure(f"clamd answered: {answer[:200]}")


def _connect(address: str, limit_s: int) -> socket.socket:
    kind, _colon, where = address.partition(":")
    if kind == "unix":
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(limit_s)
        try:
            made.connect(where)
        except OSError:
            made.close()
            raise
        return made
    host, _colon, port = where.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=limit_s)


def _read_answer(clamd: socket.socket) -> str:
    answer = b""
    while not answer.endswith(b"\0") and len(answer) < 4096:
        more = clamd.recv(4096)
        if not more:
            break
        answer += more
    return answer.rstrip(b"\0\n").decode(errors="replace")


def _failure(why: str) -> ExternalError:
    return ExternalError(SCAN_FAILED, f"{SCAN_FAILED}: the virus scanner did not do its part. {why}", retryable=True)
