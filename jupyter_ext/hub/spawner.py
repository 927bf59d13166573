"""Single-user servers as local processes, each in a bubblewrap sandbox of its own."""

import asyncio
import json
import os
import signal
import subprocess
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO

from jupyterhub.spawner import LocalProcessSpawner, SpawnException
from jupyterhub.utils import random_port
from traitlets import Integer, List, Unicode

from jupyter_ext.hub.places import COURSES_MOUNT, course_mounts
from jupyter_ext.hub.processes import Process
from jupyter_ext.hub.sandbox import (
    RUNTIME_DIR,
    Confinement,
    Limits,
    account_for,
    arguments,
    bwrap,
    etc_files,
    inner_command,
    interpreter_paths,
)

PATH = "/usr/local/bin:/usr/bin:/bin"
MISSING = (
    "The packages of a quiz in your courses are not installed yet. Until they are, its notebooks open with the Python "
    "of JupyterHub, which may lack them."
)
STOP_S = 10
"""How long a server may take to end by itself."""


class BubblewrapSpawner(LocalProcessSpawner):
    """Runs a server where it sees the interpreter, the person's home, and nothing else of this machine's files.

    The sandbox outlives the Hub on purpose (no `--die-with-parent`): a Hub that was killed finds its servers again by
    the process numbers in its database. The sandbox's first process is remembered too, because ending it ends
    everything inside, whatever a learner started.
    """

    homes = Unicode(help="Folder that holds one home for each person.").tag(config=True)
    writing = Unicode(help="Folder for the work of those who write quizzes: a folder for each course in it.").tag(
        config=True
    )
    courses = Unicode(help="Folder that holds one folder for each course.").tag(config=True)
    environments = Unicode(help="Folder that holds the environments of quizzes.").tag(config=True)
    logs = Unicode(help="Folder for one log file for each server.").tag(config=True)
    read_only_paths = List(Unicode(), help="Further files and folders that servers may read.").tag(config=True)
    hidden_paths = List(Unicode(), help="Folders that servers never see, even inside what they may read.").tag(
        config=True
    )
    process_limit = Integer(512, help="Most processes and threads of a server, 0 for no limit.").tag(config=True)
    cpu_seconds = Integer(0, help="Most CPU time of one process, 0 for no limit.").tag(config=True)
    file_bytes = Integer(2**30, help="Largest file a server may write, 0 for no limit.").tag(config=True)

    grade_course = ""
    """Key of the course a grader's server is for; set by `admission`, and a named server does not start without."""

    write_course = ""
    """Key of the course that a server is for writing the quizzes of; set by `admission`, too."""

    quiz_environments: tuple[str, ...] = ()
    """Folders in `environments` that this server is shown: of its person's courses; set by `admission`, too."""

    is_an_environment_missing = False
    """Will there be more, which are not there yet?"""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._outer: Process | None = None
        self._inner: Process | None = None
        self._sandboxed = asyncio.Event()

    # ---- what the server gets ----

    @property
    def home_inside(self) -> str:
        """Home folder as the server sees it."""
        return "/home/grader" if self.grade_course else "/home/learner"

    def user_env(self, env: dict[str, str]) -> dict[str, str]:
        """The server's whole environment is what JupyterHub, the configuration and this method name."""
        scripts = [str(path / "bin") for path in interpreter_paths()]
        env["PATH"] = ":".join([*scripts, PATH])
        env["HOME"] = self.home_inside
        env["USER"] = env["LOGNAME"] = "learner"
        env["SHELL"] = "/bin/bash"
        env.setdefault("LANG", "C.UTF-8")
        env["JUPYTER_RUNTIME_DIR"] = RUNTIME_DIR
        env["JUPYTERHUB_ROOT_DIR"] = COURSES_MOUNT if self.grade_course else self.home_inside
        return env

    def confinement(self) -> Confinement:
        """What this server may see and use. Makes the person's home. Raises: SpawnException."""
        limits = Limits(self.mem_limit or 0, self.process_limit, self.cpu_seconds, self.file_bytes)
        read_only, hidden = (*map(Path, self.read_only_paths), *self._shown()), tuple(map(Path, self.hidden_paths))
        if self.name and not self.grade_course and not self.write_course:
            raise SpawnException("There is no such server.", reason="no-such-server", status_code=HTTPStatus.NOT_FOUND)
        if self.grade_course:
            mounts = course_mounts(Path(self.courses), self.grade_course)
            if not all(mount.outside.is_dir() for mount in mounts):
                raise SpawnException(
                    "The gradebook of this course is not ready on this machine. Open it again from your course.",
                    reason="no-course-root",
                    status_code=HTTPStatus.CONFLICT,
                )
            # The course's files belong to the tool's account, so this server stays that account, in a user namespace.
            # It writes to the gradebook alone: the tool trusts what it finds in the rest, and where links lead there.
            readable = tuple((mount.outside, mount.inside) for mount in mounts if not mount.is_writable)
            writable = tuple((mount.outside, mount.inside) for mount in mounts if mount.is_writable)
            return Confinement(None, self.home_inside, readable, writable, read_only, hidden, None, limits)
        account = account_for(self.user.name)
        home = make_home(self._homes, self.user.name, account)
        return Confinement(home, self.home_inside, (), (), read_only, hidden, account, limits)

    def _shown(self) -> list[Path]:
        """The environments that are there; one by one, so that nobody sees those of other courses."""
        found = (Path(self.environments, folder) for folder in self.quiz_environments)
        return [folder for folder in found if (folder / "pyvenv.cfg").is_file()]

    @property
    def _homes(self) -> Path:
        """Where the person's home for this server is: what is written of a course is no work of a learner's."""
        return Path(self.writing) / self.write_course.rpartition("-")[0] if self.write_course else Path(self.homes)

    # ---- start, look, stop ----

    async def start(self) -> tuple[str, int]:
        """Start the server and wait until it listens. Raises: SpawnException: with why it did not start."""
        confinement = self.confinement()
        self.port = random_port()
        self._sandboxed.clear()
        with self._launch(confinement) as info:
            told = await asyncio.get_running_loop().run_in_executor(None, info.read)
        self._inner = Process.find(json.loads(told)["child-pid"]) if told else None
        self._sandboxed.set()
        await self._listening()
        return ("127.0.0.1", self.port)

    def _launch(self, confinement: Confinement) -> BinaryIO:
        """Start bubblewrap; it writes the pid of what it starts to the file that is returned."""
        read_fd, info_fd = os.pipe()
        with ExitStack() as stack:
            stack.callback(os.close, info_fd)
            log_file = stack.enter_context(self._log_path.open("wb"))
            etc = {
                name: _memory_file(stack, text)
                for name, text in etc_files(confinement.account, confinement.home_inside).items()
            }
            words = arguments(confinement, info_fd=info_fd, etc=etc)
            # by way of a file, so that the list of processes inside does not tell where things are outside
            words_fd = _memory_file(stack, "\0".join(words).encode() + b"\0")
            command = inner_command(confinement, [*self.cmd, *self.get_args()])
            self.proc = subprocess.Popen(
                [bwrap(), "--args", str(words_fd), "--", *command],
                env=self.get_env(),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log_file,
                stderr=log_file,
                start_new_session=True,
                pass_fds=[info_fd, words_fd, *etc.values()],
            )
        self.pid = self.proc.pid
        self._outer = Process.find(self.pid)
        return os.fdopen(read_fd, "rb")

    async def _listening(self) -> None:
        """Wait for the server's port; the Hub's `start_timeout` bounds the wait."""
        while True:
            status = await self.poll()
            if status is not None:
                raise SpawnException(
                    f"The server ended while it was starting (exit code {status}).",
                    reason="ended",
                    log_message=f"exit code {status}; last words: {self._last_words()}",
                    status_code=HTTPStatus.INTERNAL_SERVER_ERROR,
                )
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.1)
                continue
            writer.close()
            return

    async def poll(self) -> int | None:
        """None while the sandbox runs, else its exit code (0 where it is not known)."""
        if self.proc is not None:
            status: int | None = self.proc.poll()
        else:
            status = None if self._outer is not None and self._outer.is_alive else 0
        if status is not None:
            if self._inner is not None:
                self._inner.send(signal.SIGKILL)  # bwrap alone was killed: what it kept must not go on
            self.clear_state()
        return status

    async def stop(self, now: bool = False) -> None:
        """Ask the server to end, then end the whole sandbox."""
        if await self.poll() is not None:
            return
        if not now and self._inner is not None:
            self._inner.send_to_children(signal.SIGTERM)
            await self.wait_for_death(STOP_S)
        if await self.poll() is not None:
            return
        for process in (self._inner, self._outer):
            if process is not None:
                process.send(signal.SIGKILL)
        await self.wait_for_death(self.kill_timeout)
        if await self.poll() is None:
            self.log.warning("Sandbox %i of %s does not die", self.pid, self._log_name)

    async def progress(self) -> Any:
        """What is happening, for the page that waits."""
        if place := getattr(self, "coursebridge_place", None):
            async for event in place.tell():
                yield event
        yield {"progress": 20, "message": "Your files are ready. Starting JupyterLab."} | self._hint
        await self._sandboxed.wait()
        # once more: whoever looks early hears the first before the tool was asked what is missing
        yield {"progress": 50, "message": "JupyterLab is loading its parts."} | self._hint

    @property
    def _hint(self) -> dict[str, str]:
        """What the page that waits says besides, if anything."""
        return {"hint": MISSING} if self.is_an_environment_missing else {}

    # ---- what a restarted Hub knows ----

    def get_state(self) -> dict[str, Any]:
        """Numbers and start times of the sandbox's outer and first inner process."""
        state: dict[str, Any] = super().get_state()
        for key, process in (("outer", self._outer), ("inner", self._inner)):
            if process is not None:
                state[key] = [process.pid, process.started]
        for key in ("grade_course", "write_course"):
            if course := getattr(self, key):
                state[key] = course
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        """Find the sandbox again."""
        super().load_state(state)
        self._outer = Process(*state["outer"]) if "outer" in state else None
        self._inner = Process(*state["inner"]) if "inner" in state else None
        self.grade_course, self.write_course = state.get("grade_course", ""), state.get("write_course", "")

    def clear_state(self) -> None:
        """Forget the sandbox."""
        super().clear_state()
        self._outer = self._inner = None

    @property
    def _log_path(self) -> Path:
        return Path(self.logs) / f"{self.user.name}{'-' + self.name if self.name else ''}.log"

    def _last_words(self) -> str:
        lines = self._log_path.read_text(errors="replace").strip().splitlines()
        return " | ".join(line.strip() for line in lines[-3:])[-600:]


def make_home(homes: Path, user_name: str, account: int | None) -> Path:
    """The person's home, theirs alone. Never follows a link that the person may have made."""
    homes.mkdir(mode=0o700, parents=True, exist_ok=True)
    home = homes / user_name
    home.mkdir(mode=0o700, exist_ok=True)
    owner = os.geteuid() if account is None else account
    if home.lstat().st_uid != owner:
        for _, folders, files, fd in os.fwalk(home, follow_symlinks=False):
            for name in (*folders, *files):
                os.chown(name, owner, owner, dir_fd=fd, follow_symlinks=False)
        os.chown(home, owner, owner, follow_symlinks=False)
    return home


def _memory_file(stack: ExitStack, text: bytes) -> int:
    fd = os.memfd_create("etc")
    stack.callback(os.close, fd)
    os.write(fd, text)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd
