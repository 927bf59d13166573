"""Installing the packages of a quiz into a virtual environment, with uv. Knows no database.

Only wheels are taken, which are unpacked and not run; nothing of a package is executed out here, then or later: an
interpreter of the environment is started in the sandbox only. Whether it can mark a notebook is tried there at the end.

An environment is a folder: `bin`, `lib` and `pyvenv.cfg` as in every virtual environment, and `parts`, links to what a
kernel and its runner are made of here (ipykernel, nbclient, nbformat and what they need). Those come behind
the environment's own packages, so a notebook finds what the quiz asks for, and not what else is installed for the tool.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path, PurePosixPath

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from uv import find_uv_bin

from grading.engine.files import locked, move_into_place
from grading.engine.model import Environment

PARTS = ("ipykernel", "nbclient", "nbformat")
"""What a kernel and its runner need; with all that these need, about thirty packages."""
LOOK_EVERY_S = 0.5
SAID = 600
"""Characters of what uv says that are kept."""


class BuildFailed(Exception):
    """It cannot be built; the text is for teachers."""


@dataclass(frozen=True)
class Order:
    """What to build, from where, within what."""

    requirements: str
    """One a line."""
    source: str
    """An index's address, or a folder of wheels."""
    longest_s: float
    most_bytes: int
    try_out: Callable[[Environment], str]
    """Marks something in it, sealed off: why that does not go, or nothing."""


@dataclass(frozen=True)
class Built:
    """What came of it."""

    packages: list[str]
    """`numpy 2.3.1`, by name."""
    size_bytes: int


def environment_at(folder: Path) -> Environment:
    """What marks in the environment of a folder."""
    return Environment(folder=folder)


def is_built(folder: Path) -> bool:
    """Whether a whole environment is there."""
    return (folder / "pyvenv.cfg").is_file()


def lock_of(folder: Path) -> str:
    """The file beside it that whoever builds or deletes it holds."""
    return f".{folder.name}.lock"


def build(folder: Path, order: Order) -> Built:
    """Build an environment into its folder, or find it there. Killed at any point, it can be done again.

    Raises: BuildFailed: nothing is there.
    """
    with locked(folder.parent, lock_of(folder)):
        if not is_built(folder):
            _build(folder, order)
        return Built(list_packages(folder), size_of(folder))


def _build(folder: Path, order: Order) -> None:
    fresh = folder.parent / f".new-{folder.name}"
    shutil.rmtree(fresh, ignore_errors=True)  # of a build that was killed
    try:
        # its own paths are written into it, but only scripts use them, which no notebook does
        venv.EnvBuilder(symlinks=True, with_pip=False).create(fresh)
        _install(fresh, order)
        _link_parts(fresh / "parts")
        why_not = order.try_out(environment_at(fresh))
        if why_not:
            raise BuildFailed(
                "The packages were installed, but no notebook can be run with them, so they do not go with what marks "
                f"notebooks here. Ask for other versions. It says: {why_not[-SAID:]}"
            )
        move_into_place(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _install(folder: Path, order: Order) -> None:
    wanted = folder / "requirements.txt"
    wanted.write_text(f"{order.requirements}\n")
    is_index = "://" in order.source
    source = ["--default-index", order.source] if is_index else ["--no-index", "--find-links", order.source]
    command = [find_uv_bin(), "pip", "install", "--only-binary", ":all:", *source]
    command += ["--python", str(folder / "bin" / "python"), "--no-python-downloads", "--no-config", "--no-progress"]
    command += ["--cache-dir", str(folder / "cache"), "--link-mode", "hardlink", "--color", "never"]
    kept = {name: os.environ[name] for name in ("PATH", "SSL_CERT_FILE", "HTTPS_PROXY") if name in os.environ}
    with _running([*command, "-r", str(wanted)], kept | {"HOME": str(folder), "UV_NO_ENV_FILE": "1"}) as process:
        _watch(process, folder, order)
        said = process.stderr.read().decode(errors="replace") if process.stderr else ""
    if process.returncode != 0:
        raise BuildFailed(_plainly(said, order.source))
    shutil.rmtree(folder / "cache")


@contextmanager
def _running(command: list[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has ended, with all that it started, when the block does."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


def _watch(process: subprocess.Popen[bytes], folder: Path, order: Order) -> None:
    """Wait for its end. Raises: BuildFailed: it takes too long or too much."""
    deadline = time.monotonic() + order.longest_s
    while True:
        try:
            process.wait(LOOK_EVERY_S)
        except subprocess.TimeoutExpired:
            is_over = False
        else:
            is_over = True
        if size_of(folder) > order.most_bytes:
            raise BuildFailed(
                f"The packages take more than the {order.most_bytes // 1_000_000} MB that are allowed. Ask for fewer "
                "or smaller ones, or ask the people who run this tool (quizzes.build_mb)."
            )
        if is_over:
            return
        if time.monotonic() > deadline:
            raise BuildFailed(
                f"Installing took longer than {order.longest_s:.0f} seconds and was stopped. Build it again, ask for "
                "fewer packages, or ask the people who run this tool (quizzes.build_s)."
            )


def _plainly(said: str, source: str) -> str:
    """What uv said, as a teacher reads it: without the operator's addresses and folders."""
    words = " ".join(re.sub(r"[×╰─▶│├]", " ", said).split())
    place = "the package index" if "://" in source else "the folder of wheels"
    words = re.sub(r"https?://\S+", "…", words.replace(source, place))
    for path in (sys.prefix, str(Path.cwd())):
        words = words.replace(path, "…")
    return f"The packages could not be installed from {place}. uv says: {words[-SAID:]}"


def _link_parts(folder: Path) -> None:
    """Links to the installed parts, each where Python looks for it."""
    folder.mkdir()
    for name in sorted(_closure(PARTS)):
        for path in metadata.distribution(name).files or ():
            top = PurePosixPath(path).parts[0]
            found = Path(str(metadata.distribution(name).locate_file(top)))
            link = folder / top
            if top not in ("..", "__pycache__") and found.exists() and not link.is_symlink():
                link.symlink_to(found)


def _closure(names: tuple[str, ...]) -> set[str]:
    """These installed packages and all that they need here."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found:
            continue
        found.add(name)
        for line in metadata.requires(name) or ():
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                waiting.append(needed.name)
    return found


def list_packages(folder: Path) -> list[str]:
    """What is installed in an environment, read from files: its interpreter is not run out here."""
    places = [str(path) for path in folder.glob("lib/python*/site-packages")]
    found = {f"{each.name} {each.version}" for each in metadata.distributions(path=places)}
    return sorted(found, key=str.casefold)


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder, links not followed."""
    total = 0
    for path, _folders, files in os.walk(folder):
        for name in files:
            with suppress(FileNotFoundError):  # it has just been moved
                total += Path(path, name).lstat().st_size
    return total
