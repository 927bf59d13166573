"""IPython's kernel without its sockets; run inside the sandbox by `grading.sealed_zygote`, never imported outside.

It is ipykernel's own application, kernel, shell and output streams, so cells run and show what they would in Jupyter.
Only the ends differ: requests come over one socket, one cell at a time, and what the kernel would publish leaves over
another. What needs a client or a real kernel (widgets, `get_ipython().kernel`, `exit`) ends the attempt with
`needs_kernel`, and the notebook runs in a real one instead.
"""

import asyncio
import contextlib
import functools
import importlib
import importlib.util
import inspect
import io
import json
import os
import queue
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from types import CodeType, FrameType, SimpleNamespace, TracebackType
from typing import Any, NoReturn, cast

MODULES: dict[str, Any] = sys.modules
MODULES["rfc3987_syntax"] = None  # an optional dependency that costs a second and is not needed
os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"

import comm
import ipykernel.zmqshell
import pygments.formatters.terminal256
import stack_data
from ipykernel.iostream import IOPubThread, OutStream
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from jupyter_client.session import Session
from tornado.ioloop import IOLoop

PRELOADED = ("IPython.core.logger", "tornado.platform.asyncio", "numpy", "pandas", "matplotlib.pyplot")
"""What the first cell would load, and what quizzes import most. Loaded once, where it is installed."""
HEADER = struct.Struct("<I")
STATE: dict[str, Any] = {"pid": 0, "armed": False, "before": frozenset()}


class Publisher(IOPubThread):
    """The thread that sends what is published, in order; the same part as in ipykernel, without ZMQ."""

    def __init__(self, messages: socket.socket) -> None:
        self.messages, self.most_unsent = messages, 1
        self.unsent = 0
        self.waiting: queue.SimpleQueue[Callable[[], Any]] = queue.SimpleQueue()
        self.timers: list[tuple[float, Callable[[], Any]]] = []
        loop: Any = SimpleNamespace(call_later=self.call_later)
        self.io_loop = loop
        self.thread = threading.Thread(target=self.work, name="IOPub", daemon=True)
        self.thread.start()

    def schedule(self, f: Callable[[], Any]) -> None:
        """Have the thread do it; in a process that the notebook has forked, do it at once."""
        if self.thread.is_alive():
            self.waiting.put(f)
        else:
            f()

    def call_later(self, delay: float, f: Callable[[], Any]) -> None:
        """In the thread only."""
        self.timers.append((time.monotonic() + delay, f))

    def work(self) -> None:
        """Do what is asked, and what is due."""
        while True:
            due = min((when for when, _ in self.timers), default=None)
            with contextlib.suppress(queue.Empty):
                self.waiting.get(timeout=None if due is None else max(0.0, due - time.monotonic()))()
            if due is not None:
                now = time.monotonic()
                ready = [f for when, f in self.timers if when <= now]
                self.timers = [timer for timer in self.timers if timer[0] > now]
                for f in ready:
                    f()

    def send(self, body: bytes) -> None:
        """Send a message in its turn. Whoever publishes faster than is read waits."""
        if threading.get_ident() == self.thread.ident:
            self.messages.sendall(HEADER.pack(len(body)) + body)
            return
        while self.unsent > self.most_unsent:
            time.sleep(0.002)
        self.unsent += len(body)
        self.schedule(lambda: self.really_send(body))

    def really_send(self, body: bytes) -> None:
        """In the thread."""
        self.messages.sendall(HEADER.pack(len(body)) + body)
        self.unsent -= len(body)


class Wire(Session):
    """ipykernel's session: what it would send to clients goes to the publisher."""

    def send(self, stream: Any, msg_or_type: Any, content: Any = None, parent: Any = None, *_: Any, **__: Any) -> Any:
        """One message of any kind."""
        made = msg_or_type if isinstance(msg_or_type, dict) else self.msg(msg_or_type, content, parent)
        kind, content = made["msg_type"], made["content"]
        if os.getpid() != STATE["pid"]:
            if kind == "stream":  # a process that the notebook has forked prints: as if to the descriptor
                os.write(1 if content["name"] == "stdout" else 2, content["text"].encode(errors="replace"))
            return None
        if kind.startswith("comm"):
            need_kernel("a comm")
        body = self.pack([kind, made["parent_header"].get("msg_id", ""), content])
        STATE["publisher"].send(body if isinstance(body, bytes) else bytes(body))
        return made


class Application(IPKernelApp):
    """ipykernel's application, which sets up everything but its sockets."""

    def init_connection_file(self, **_: Any) -> None:
        """There is none."""

    init_poller = init_sockets = init_heartbeat = write_connection_file = log_connection_info = init_connection_file

    def init_io(self) -> None:
        """The streams come with the submission; here only what ipykernel mends."""
        mend: Any = self.patch_io
        mend()

    def init_kernel(self) -> None:
        """The kernel without streams."""
        self.session = Wire(key=b"", parent=self)
        self.kernel = IPythonKernel.instance(
            parent=self,
            session=self.session,
            iopub_socket="iopub",
            log=self.log,
            profile_dir=self.profile_dir,
            user_ns=self.user_ns,
        )


def need_kernel(why: str) -> NoReturn:
    """This notebook wants a real kernel: say so and end, whatever thread this is."""
    if os.getpid() == STATE["pid"]:
        publisher = STATE["publisher"]
        body = json.dumps(["needs_kernel", "", {"why": why}]).encode()
        if threading.get_ident() == publisher.thread.ident:
            publisher.send(body)
        else:
            sent = threading.Event()
            publisher.schedule(lambda: publisher.send(body))
            publisher.schedule(sent.set)
            sent.wait(5)
    os._exit(0)


class Guard:
    """Stands for `get_ipython().kernel`, of which there is none that a notebook could use."""

    def __get__(self, shell: Any, _owner: Any = None) -> Any:
        """The kernel, as long as no cell runs."""
        if shell is None:
            return self
        if STATE["armed"]:
            need_kernel("get_ipython().kernel")
        return STATE.get("kernel")

    def __set__(self, shell: Any, _kernel: Any) -> None:
        """Nothing takes its place."""
        need_kernel("get_ipython().kernel")


def warm() -> None:
    """In the zygote: load and set up everything that the submissions share."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    arguments = ["--HistoryManager.hist_file=:memory:", "--quiet", "--IPKernelApp.parent_handle=1"]
    sys.argv = [ipykernel_launcher(), "-f", "/home/learner/.kernel/connection.json"]
    application: Any = Application.instance()
    application.initialize([*sys.argv[1:], *arguments])
    add_working_directory()
    STATE["kernel"] = application.kernel
    shell: Any = ipykernel.zmqshell.ZMQInteractiveShell
    shell.kernel = Guard()
    comm.create_comm = lambda *_, **__: need_kernel("a comm")
    comm.get_comm_manager = lambda *_, **__: need_kernel("comms")
    for name in PRELOADED:
        with contextlib.suppress(Exception):  # it is not there, or broken: that is for the notebook to find
            importlib.import_module(name)
    # IPython makes both anew for every error, at 15 ms, always the same
    styles: Any = stack_data
    styles.style_with_executing_node = functools.cache(styles.style_with_executing_node)
    colours: Any = pygments.formatters.terminal256
    colours.Terminal256Formatter = functools.cache(colours.Terminal256Formatter)
    remember_modules()
    rehearse(application.kernel.shell)
    inspect.getmodule(sys._getframe(), "<cell>")
    STATE["loaded"] = {name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names


def remember_modules() -> None:
    """Have `inspect` look for the file of a cell once, and not for each line of a traceback.

    It looks at 2,000 modules, some ms each time, and writes to the memory of each. It finds nothing, because cells are
    in no module, and as long as none is loaded it would find nothing again.
    """
    look, seen = inspect.getmodule, (0, "")

    def getmodule(object: Any, _filename: str | None = None) -> Any:
        nonlocal seen
        if not isinstance(object, CodeType | FrameType | TracebackType):
            return look(object, _filename)
        modules = len(sys.modules), next(reversed(sys.modules))
        if modules == seen and is_nowhere(_filename or inspect.getfile(object)):
            return None
        found = look(object, _filename)
        if found is None:
            seen = modules
        return found

    inspect.getmodule = getmodule


def is_nowhere(filename: str) -> bool:
    """Whether no module is known to be from this file, which is not a compiled one."""
    known: dict[str, str] = vars(inspect)["modulesbyfile"]
    names = filename, os.path.normcase(os.path.abspath(filename))
    return not filename.endswith((".pyc", ".so")) and not any(name in known for name in names)


def ipykernel_launcher() -> str:
    """What a kernel is started by."""
    found = importlib.util.find_spec("ipykernel_launcher")
    return str(found.origin) if found else ""


def add_working_directory() -> None:
    """Let a notebook import the files beside it, after the standard library, where IPython has it.

    IPython leaves it out in a Python that was started with -I, as ours is.
    """
    ends = ("site-packages", "dist-packages")
    place = next((number for number, path in enumerate(sys.path) if path.endswith(ends)), 0)
    sys.path.insert(place, "")


REHEARSED = (
    "def f(x):\n    return g(x)\ndef g(x):\n    assert x == 2, 'no'\nf(1)",
    "import math, random\nmath.nothing",
    "1 +",
    "%who",
)


def rehearse(shell: Any) -> None:
    """Do once what every notebook does, so that it is loaded and looked up: errors, results, a plot.

    Silent cells leave no trace in history, counters and namespace; what they do leave is cleared away.
    """
    before = dict(shell.user_ns)
    STATE["pid"] = -1  # nothing is sent
    for source in REHEARSED:
        shell.run_cell(source, silent=True, store_history=False)
    for value in (1, "text", [1.5], {"a": None}, example_of("pandas", "DataFrame"), example_of("numpy", "zeros")):
        shell.display_formatter.format(value)
    for name in set(shell.user_ns) - set(before):
        del shell.user_ns[name]
    shell.user_ns.update(before)
    for name in ("last_type", "last_value", "last_traceback", "last_exc"):
        vars(sys).pop(name, None)
    shell._last_traceback = None


def example_of(module: str, maker: str) -> Any:
    """Something small of a library, where it is installed."""
    return getattr(sys.modules[module], maker)([2]) if module in sys.modules else None


def report(messages_fd: int, failure: str) -> None:
    """Tell the worker that the submission could not be sealed off; nothing of it has run."""
    body = json.dumps(["failed", "", {"why": failure}]).encode()
    with socket.socket(fileno=messages_fd) as messages:
        messages.sendall(HEADER.pack(len(body)) + body)


def run(commands_fd: int, messages_fd: int) -> None:
    """In the forked and sealed process: get ready, wait for the files, then run one cell after the other."""
    commands, messages = socket.socket(fileno=commands_fd), socket.socket(fileno=messages_fd)
    STATE["publisher"] = Publisher(messages)
    attach_streams(STATE["kernel"], STATE["publisher"])
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(serve(STATE["kernel"], commands))


async def serve(kernel: Any, commands: socket.socket) -> None:
    """All that is done for a submission; what comes before its first byte is done before it is there."""
    kernel.io_loop = IOLoop.current()
    kernel.shell_channel_thread = SimpleNamespace(parent_thread=threading.main_thread())
    await run_cell(kernel, "", "None", silent=True)  # nothing is sent; what a cell uses is this process's own now
    take_files(commands)
    await take_cells(kernel, commands)


def take_files(commands: socket.socket) -> None:
    """Wait for the submission, and say that its cells can come."""
    order = json.loads(receive(commands))
    STATE["pid"] = os.getpid()
    STATE["publisher"].most_unsent = order["output_bytes"]
    for name, size in order["files"]:
        write_file(f"{order['cwd']}/{name}", receive_exactly(commands, size))
    os.makedirs(order["cwd"], exist_ok=True)
    os.chdir(order["cwd"])
    shadowed = {name.partition("/")[0].removesuffix(".py") for name, _ in order["files"]} & STATE["loaded"]
    if shadowed:
        need_kernel(f"files in place of loaded modules: {sorted(shadowed)}")
    reseed()
    STATE["publisher"].send(json.dumps(["ready", "", {}]).encode())


def write_file(path: str, body: bytes) -> None:
    """One file of the notebook's folder."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(body)


def reseed() -> None:
    """Forks of one process must not draw the same numbers. (Python's own `random` sees to it itself.)"""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


def attach_streams(kernel: Any, publisher: Publisher) -> None:
    """Standard output and error as ipykernel has them, descriptors included."""
    streams, make = [], cast("Any", OutStream)
    for fd, name in ((1, "stdout"), (2, "stderr")):
        plain = io.TextIOWrapper(io.FileIO(fd, "w", closefd=False), encoding="utf-8", write_through=True)
        setattr(sys, f"__{name}__", plain)
        setattr(sys, name, plain)
        streams.append(make(kernel.session, publisher, name))
    sys.stdout, sys.stderr = streams
    kernel._stdout, kernel._stderr = streams


def receive_exactly(commands: socket.socket, count: int) -> bytes:
    """As many bytes."""
    parts = []
    while count:
        part = commands.recv(min(count, 1 << 20))
        if not part:
            os._exit(0)  # the worker has enough
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def receive(commands: socket.socket) -> bytes:
    """One command."""
    return receive_exactly(commands, HEADER.unpack(receive_exactly(commands, HEADER.size))[0])


async def take_cells(kernel: Any, commands: socket.socket) -> None:
    """Wait for cells, with the event loop running meanwhile, as in a kernel."""
    loop = asyncio.get_running_loop()
    arrived = asyncio.Event()
    loop.add_reader(commands, arrived.set)
    while True:
        await arrived.wait()
        arrived.clear()
        number, source = json.loads(receive(commands))
        with contextlib.suppress(KeyboardInterrupt):  # one that came when the cell had ended
            await run_cell(kernel, f"cell-{number}", source)
        STATE["publisher"].send(json.dumps(["idle", f"cell-{number}", {}]).encode())


async def run_cell(kernel: Any, number: str, source: str, *, silent: bool = False) -> None:
    """What ipykernel does with one execute_request; a silent one leaves no trace in counter and history."""
    header = kernel.session.msg_header("execute_request") | {"msg_id": number, "session": "worker"}
    header = {key: value for key, value in header.items() if isinstance(value, str)}
    content = {"code": source, "silent": silent, "store_history": not silent, "allow_stdin": False}
    content["stop_on_error"] = False
    request = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "msg_id": number}
    kernel.set_parent([b"worker"], request, channel="shell")
    kernel.pre_handler_hook()
    STATE["armed"] = True
    try:
        await kernel.execute_request(None, [b"worker"], request)
        sys.stdout.flush()
        sys.stderr.flush()
    except Exception as error:
        need_kernel(f"{type(error).__name__} in the kernel")
    finally:
        STATE["armed"] = False
        kernel.post_handler_hook()
