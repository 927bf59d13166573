"""A quiz, and submissions that answer nothing and try to be paid all the same."""

import json
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.factories import notebooks as make

NOTHING = "def add(a, b):\n    return None\n"
"""An answer that is worth no point in any test."""
QUIZ = make.notebook(
    make.locked("helper", "import numpy as np\n\ndef close(found, expected):\n    assert found == expected, 'no'"),
    make.solution("add", "def add(a, b):\n    " + make.SOLUTION.format("    return a + b")),
    make.tests("plain", 1, "assert add(1, 2) == 3"),
    make.tests("hidden", 1, make.HIDDEN.format("assert add(-7, 4) == -3, 'negative numbers'")),
    make.tests("numpy", 1, "np.testing.assert_allclose(add(1.0, 2.5), 3.5)"),
    make.tests("partial", 1, "1.0 if add(2, 2) == 4 else 0.0"),
    make.tests("helped", 1, "close(add(5, 5), 10)"),
    make.tests("looped", 1, "for n in range(3):\n    assert add(n, 1) == n + 1"),
    make.tests("tolerant", 1, "assert abs(add(1, 1) - 2) < 1e-9"),
    make.tests("member", 1, "assert add(3, 4) in (7, 7.0)"),
)
TESTS = ("plain", "hidden", "numpy", "partial", "helped", "looped", "tolerant", "member")

Change = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Cheat:
    """One way of being paid for nothing."""

    name: str
    answer: str
    """What stands in the cell of the answer."""
    earns: bool
    """Whether the tests do pass, so that only a teacher can tell; else it is worth what it answers: nothing."""
    change: Change = lambda notebook: None
    files: Mapping[str, bytes] = field(default_factory=dict)
    is_refused: bool = False
    """Whether nbgrader itself would not mark it, so that the teacher is told although it earns nothing."""


def _held(name: str, attack: str, answer: str = NOTHING, **more: Any) -> Cheat:
    return Cheat(name, f"{textwrap.dedent(attack).strip()}\n\n{answer}", earns=True, **more)


def _vain(name: str, attack: str, answer: str = NOTHING, **more: Any) -> Cheat:
    return Cheat(name, f"{textwrap.dedent(attack).strip()}\n\n{answer}", earns=False, **more)


def _always_equal(cell: str = "") -> str:
    return f"""
        class Equal:
            def __eq__(self, other): return True
            def __ne__(self, other): return False
            __hash__ = None
        {cell}
    """


KNOWN = (
    _held(
        "input-transformer",
        "get_ipython().input_transformers_cleanup.append(lambda lines: [x for x in lines if 'assert' not in x])",
    ),
    _held(
        "compiler",
        """
        shell = get_ipython()
        class Lenient(type(shell.compile)):
            def ast_parse(self, source, *more, **other):
                return super().ast_parse("pass", *more, **other)
        shell.compile.__class__ = Lenient
        """,
    ),
    _held(
        "run-code",
        """
        async def run_code(code, result=None, *, async_=False):
            return False
        get_ipython().run_code = run_code
        """,
    ),
    _held(
        "do-execute",
        """
        kernel = get_ipython().kernel
        real = kernel.do_execute
        def do_execute(code, *more, **other):
            return real("pass", *more, **other)
        kernel.do_execute = do_execute
        """,
    ),
    _vain(
        "read-the-source",
        """
        import glob, json
        for path in glob.glob("COURSE/**/*.ipynb", recursive=True) + glob.glob("../**/*.ipynb", recursive=True):
            for cell in json.load(open(path))["cells"]:
                if "def add" in "".join(cell["source"]):
                    exec("".join(cell["source"]))
        """,
    ),
    _vain(
        "database-trigger",
        """
        import glob, sqlite3
        for path in ["COURSE/gradebook.db", "../../gradebook.db", "gradebook.db"]:
            try:
                with sqlite3.connect(path) as db:
                    db.execute("create trigger t after insert on grade begin update grade set manual_score = 1; end")
            except sqlite3.Error as error:
                print(error)
        """,
    ),
    _held(
        "session-of-a-kernel",
        """
        session = get_ipython().kernel.session
        send = session.send
        def lie(stream, what, content=None, *more, **other):
            if what == "error": return None
            if what == "execute_reply": content = {**content, "status": "ok"}
            return send(stream, what, content, *more, **other)
        session.send = lie
        """,
    ),
    _held("equal-to-everything", _always_equal(), "def add(a, b):\n    return Equal()\n"),
    _held(
        "syntax-tree",
        """
        import ast
        class Drop(ast.NodeTransformer):
            def visit_Assert(self, node): return ast.copy_location(ast.Pass(), node)
            visit_Raise = visit_Assert
        get_ipython().ast_transformers.append(Drop())
        """,
    ),
    _held("numpy-testing", "import numpy.testing\nnumpy.testing.assert_allclose = lambda *found, **more: None"),
    _held(
        "shown-value",
        "get_ipython().display_formatter.format = lambda *found, **more: ({'text/plain': '1.0'}, {})",
    ),
    _vain("show-traceback", "get_ipython().showtraceback = lambda *found, **more: None"),
    _vain(
        "custom-handler",
        "get_ipython().set_custom_exc((BaseException,), lambda shell, kind, value, tb, tb_offset=None: ['fine'])",
    ),
    _vain("system-exit", "import sys", "def add(a, b):\n    sys.exit(0)\n"),
    _vain("hard-exit", "import os", "def add(a, b):\n    os._exit(0)\n"),
    _held(
        "no-range",
        "import builtins\nreal = range\nbuiltins.range = lambda *numbers: [] if numbers == (3,) else real(*numbers)",
    ),
)
"""Those that work against stock nbgrader."""

OTHER = (
    _vain("assertion-error", "import builtins\nbuiltins.AssertionError = type('Nothing', (BaseException,), {})"),
    _held("helper-redefined", "def close(found, expected):\n    pass"),
    _held("helper-emptied", "close.__code__ = (lambda found, expected: None).__code__"),
    _held(
        "helper-emptied-by-a-thread",
        """
        import threading
        thread = threading.Thread(target=lambda: globals().update(close=lambda *found: None))
        thread.start(); thread.join()
        """,
    ),
    _held(
        "calling-frame",
        "import sys",
        """
def add(a, b):
    return [found for found in sys._getframe(1).f_code.co_consts if type(found) in (int, float)][-1]
""",
    ),
    _held(
        "text-of-the-test",
        "import re",
        """
def add(a, b):
    return float(re.findall(r"(?:==|[-,(]) *(-?[0-9.]+)", In[-1].split(" < ")[0])[-1])
""",
    ),
    _held(
        "run-cell",
        """
        shell = get_ipython()
        real, real_async = shell.run_cell, shell.run_cell_async
        shell.run_cell = lambda raw, *more, **other: real("pass", *more, **other)
        shell.run_cell_async = lambda raw, *more, **other: real_async("pass", *more, **other)
        """,
    ),
    _vain(
        "event-before",
        """
        def rewrite(info):
            info.raw_cell = "pass"
        get_ipython().events.register("pre_run_cell", rewrite)
        """,
    ),
    _held(
        "event-after",
        """
        def forgive(result):
            result.error_in_exec = result.error_before_exec = None
        shell = get_ipython()
        shell.events.register("post_run_cell", forgive)
        shell.showtraceback = lambda *found, **more: None
        """,
    ),
    _vain("exception-hook", "import sys\nsys.excepthook = sys.unraisablehook = lambda *found: None"),
    _vain("tracing", "import sys, threading\nsys.settrace(lambda *found: None); sys.setprofile(lambda *found: None)"),
    _vain("at-exit", 'import atexit\natexit.register(lambda: print(\'{"end": "ok"}\', flush=True))'),
    _vain(
        "alarm",
        """
        import signal
        def jump(*found): raise StopIteration
        signal.signal(signal.SIGALRM, jump); signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
        """,
    ),
    _held(
        "script-magic-over-the-test",
        "get_ipython().input_transformers_cleanup.append(lambda lines: ['%%script true\\n', *lines])",
    ),
    _held(
        "forged-reply",
        """
        import json, sys
        publisher = sys.modules["sealed_program"].STATE["publisher"]
        def forge(info):
            cell = get_ipython().parent_header["msg_id"]
            for message in (["execute_reply", cell, {"status": "ok"}], ["idle", cell, {}]):
                publisher.send(json.dumps(message).encode())
        get_ipython().events.register("pre_run_cell", forge)
        """,
    ),
    _held(
        "what-leaves-the-process",
        """
        import sys
        wire = sys.modules["sealed_program"].Wire
        send = wire.send
        def lie(self, stream, what, content=None, *more, **other):
            if what == "error": return None
            if what == "execute_reply": content = {**content, "status": "ok"}
            return send(self, stream, what, content, *more, **other)
        wire.send = lie
        """,
    ),
    _vain(
        "look-for-later-tests",
        """
        import gc, re
        known = {}
        for found in gc.get_objects():
            if isinstance(found, (list, dict)):
                for text in map(str, found.values() if isinstance(found, dict) else found) if len(found) < 50 else ():
                    known |= {(int(a), int(b)): int(c) for a, b, c in
                              re.findall(r"assert add\\((-?[0-9]+), (-?[0-9]+)\\) == (-?[0-9]+)", text[:10000])}
        """,
        "def add(a, b):\n    return known.get((a, b))\n",
    ),
    _held("mock", "from unittest.mock import MagicMock, ANY", "def add(a, b):\n    return ANY\n"),
    _held(
        "import-hook",
        """
        import builtins, sys, types
        np = types.SimpleNamespace(testing=types.SimpleNamespace(assert_allclose=lambda *found: None))
        sys.modules["numpy"] = np
        """,
    ),
    _vain(
        "silent-end",
        """
        class Stop(Exception):
            def _render_traceback_(self): return []
        """,
        "def add(a, b):\n    raise Stop\n",
    ),
    _held(
        "shown-by-the-answer",
        "",
        "def add(a, b):\n    get_ipython().displayhook(1.0)\n",
    ),
    _held(
        "module-in-place-of-a-module",
        "",
        files={"numpy.py": b"class testing:\n    assert_allclose = staticmethod(lambda *found: None)\n"},
    ),
)
"""More of them."""


def _tests_of(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("grade")]


def _more_points(notebook: dict[str, Any]) -> None:
    for cell in _tests_of(notebook):
        cell["metadata"]["nbgrader"]["points"] = 100
        cell["source"] = "pass"


def _as_solutions(notebook: dict[str, Any]) -> None:
    for cell in _tests_of(notebook):
        cell["metadata"]["nbgrader"].update(solution=True, locked=False, checksum=None)
        cell["source"] = "100"


def _swapped_ids(notebook: dict[str, Any]) -> None:
    tests = _tests_of(notebook)
    names = [cell["metadata"]["nbgrader"]["grade_id"] for cell in tests]
    for cell, name in zip(tests, reversed(names), strict=True):
        cell["metadata"]["nbgrader"]["grade_id"] = name
        cell["source"] = "1.0"


def _doubled(notebook: dict[str, Any]) -> None:
    copies = [{**cell, "source": "pass", "id": f"copy{n}"} for n, cell in enumerate(_tests_of(notebook))]
    notebook["cells"] = [*copies, *notebook["cells"], *({**cell, "id": f"{cell['id']}b"} for cell in copies)]


def _as_text(notebook: dict[str, Any]) -> None:
    for cell in _tests_of(notebook):
        cell["cell_type"] = "markdown"


def _skipped(notebook: dict[str, Any]) -> None:
    for cell in _tests_of(notebook):
        cell["metadata"]["tags"] = ["skip-execution", "raises-exception"]


def _other_kernel(notebook: dict[str, Any]) -> None:
    notebook["metadata"]["kernelspec"] = {"name": "bash", "display_name": "Bash", "language": "bash"}


def _deleted(notebook: dict[str, Any]) -> None:
    notebook["cells"] = [cell for cell in notebook["cells"] if cell not in _tests_of(notebook)]


def _kept_outputs(notebook: dict[str, Any]) -> None:
    for cell in _tests_of(notebook):
        cell["outputs"] = [
            {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": {"text/plain": "1.0"}}
        ]


FILES = tuple(
    Cheat(change.__name__.strip("_").replace("_", "-"), NOTHING, False, change, is_refused=change is _as_solutions)
    for change in (
        _more_points, _as_solutions, _swapped_ids, _doubled, _as_text, _skipped, _other_kernel, _deleted, _kept_outputs,
    )
)  # fmt: skip
"""By the notebook's file alone."""
CHEATS = (*KNOWN, *OTHER, *FILES)

HONEST = {
    "equality": """
        class Point:
            def __init__(self, x): self.x = x
            def __eq__(self, other): return self.x == other.x
        def add(a, b):
            return a + b
    """,
    "inspection": """
        import sys, inspect, functools, operator, os
        sys.setrecursionlimit(3000)
        @functools.lru_cache(None)
        def add(a, b):
            return functools.reduce(operator.add, (a, b))
        print(inspect.signature(add), os.getcwd())
    """,
    "magics": """
        %load_ext autoreload
        %autoreload 2
        %precision 2
        def add(a, b): return a + b
        %time add(1, 2)
    """,
    "counting": """
        calls = []
        def add(a, b):
            calls.append((a, b)); globals()["last"] = a
            return a + b
        get_ipython().events.register("post_run_cell", lambda result: None)
    """,
}
"""Right answers that are not plain code."""


def fill(released: bytes, cheat: Cheat, course: str) -> bytes:
    """The notebook as it is handed in. `course`: where the teacher's files are, which a learner may know."""
    filled = make.fill(released, {"add": cheat.answer.replace("COURSE", course)})
    cheat.change(filled)
    return json.dumps(filled).encode()
