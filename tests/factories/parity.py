"""Notebooks of many kinds, with what a learner made of them: a corpus to compare two ways of marking with."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbgrader

from tests.factories import notebooks as make

Change = Callable[[dict[str, Any]], None]
STOCK = Path(nbgrader.__file__).parent / "tests"


@dataclass(frozen=True)
class Case:
    """One notebook: its source, and the answers by grade id; `change` does what answers cannot."""

    name: str
    source: bytes
    answers: Mapping[str, str] = field(default_factory=dict)
    change: Change = lambda notebook: None
    submitted: bytes | None = None
    """A submission that does not come from the release."""
    in_kernel: bool = False
    """Whether it needs a real kernel."""
    racy: bool = False
    """Whether its outputs differ from run to run, so that only its marks are compared."""


def case(name: str, *cells: dict[str, Any] | str, **more: Any) -> Case:
    """A case of cells, where a text is a test of one point."""
    made = [
        make.tests(f"test-{number}", 1, cell) if isinstance(cell, str) else cell for number, cell in enumerate(cells)
    ]
    return Case(name, make.notebook(*made), **more)


def minor(number: int) -> Change:
    """Make the notebook one of format 4.`number`."""

    def change(notebook: dict[str, Any]) -> None:
        notebook["nbformat_minor"] = number
        for index, cell in enumerate(notebook["cells"]):
            cell.pop("id", None)
            if number >= 5:
                cell["id"] = f"x{index}"
            if number < 2:
                notebook["metadata"].pop("title", None)

    return change


def without(grade_id: str) -> Change:
    """Delete a cell."""

    def change(notebook: dict[str, Any]) -> None:
        notebook["cells"] = [c for c in notebook["cells"] if id_of(c) != grade_id]

    return change


def reordered(notebook: dict[str, Any]) -> None:
    """The last cell first."""
    notebook["cells"].insert(0, notebook["cells"].pop())


def id_of(cell: dict[str, Any]) -> str:
    found: str = cell["metadata"].get("nbgrader", {}).get("grade_id", "")
    return found


def _stock(name: str, source: str, submitted: str = "") -> Case:
    """A notebook of nbgrader's own tests, as its teacher and as its learner has it."""

    def read(path: str) -> bytes:
        raw = json.loads((STOCK / path).read_bytes())
        raw["metadata"]["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        return json.dumps(raw).encode()

    return Case(f"stock-{name}", read(source), submitted=read(submitted or source))


UNCHANGED = "apps/files/submitted-unchanged.ipynb"
STOCK_CASES = (
    _stock("unchanged", UNCHANGED),
    _stock("changed", UNCHANGED, "apps/files/submitted-changed.ipynb"),
    _stock("grade-cell-changed", UNCHANGED, "apps/files/submitted-grade-cell-changed.ipynb"),
    _stock("locked-cell-changed", UNCHANGED, "apps/files/submitted-locked-cell-changed.ipynb"),
    _stock("cheat", UNCHANGED, "apps/files/submitted-cheat-attempt.ipynb"),
    _stock("cheat-alternative", UNCHANGED, "apps/files/submitted-cheat-attempt-alternative.ipynb"),
    _stock("squares", "apps/files/test.ipynb"),
    _stock("hidden", "apps/files/test-hidden-tests.ipynb"),
    _stock("task", "preprocessors/files/test_taskcell.ipynb"),
    _stock("manual-code", "preprocessors/files/manually-graded-code-cell.ipynb"),
    _stock("relative-file", "apps/files/open_relative_file.ipynb"),
    _stock("environment", "apps/files/validating-environment-variable.ipynb"),
)

ADD = make.solution("add", "def add(a, b):\n    " + make.SOLUTION.format("    return a + b"))
ADD_TESTS = (
    make.tests("plain", 2, "assert add(1, 2) == 3"),
    make.tests("hidden", 1, "assert add(0, 0) == 0\n" + make.HIDDEN.format('assert add(-7, 4) == -3, "negative"')),
    make.tests("partial", 4, "4 if add(2, 2) == 4 else 1.5"),
)
RIGHT, WRONG = "def add(a, b):\n    return a + b", "def add(a, b):\n    return abs(a) + abs(b)"
TASK = make.task("task", 2, "Do it.")
TASK["metadata"]["nbgrader"]["locked"] = True  # stock nbgrader stumbles over one that is not
WORDS = (make.answer("why", 3, "Why?"), TASK)


def add_case(name: str, answer: str, change: Change = lambda notebook: None, **more: str) -> Case:
    return case(name, ADD, *ADD_TESTS, *WORDS, answers={"add": answer, **more}, change=change)


OWN_CASES = (
    add_case("right", RIGHT, why="Because."),
    add_case("wrong", WRONG),
    add_case("raises", "def add(a, b):\n    raise KeyError('x' * 50)"),
    add_case("syntax-error", "def add(a, b:\n    return 1"),
    add_case("partial-too-much", "class N(int):\n    pass\ndef add(a, b):\n    return N(a) + N(b)"),
    add_case("deleted-test", RIGHT, without("plain")),
    add_case("deleted-answer", RIGHT, without("add")),
    add_case("reordered", RIGHT, reordered),
    *(add_case(f"format-4-{number}", WRONG, minor(number), why="Old.") for number in range(6)),
    case(
        "pandas",
        make.code(
            "import pandas as pd, numpy as np\nframe = pd.DataFrame({'a': np.arange(3), 'b': list('xyz')})\nframe"
        ),
        "assert frame.a.sum() == 3",
        "assert frame.loc[0, 'nothing']",
        make.code("frame.describe()"),
        make.code("print(frame.groupby('b').sum().to_string())\nframe['a'].dtype, np.float64(1.5)"),
    ),
    case(
        "seeds",
        make.code("import random, numpy as np\nrandom.seed(3); np.random.seed(3)\nrandom.random(), np.random.rand()"),
        "assert random.randint(0, 9) == 8 or True\nprint(random.random(), np.random.default_rng(1).normal())",
    ),
    case(
        "threads",
        make.code(
            "import threading, concurrent.futures as cf\nfound = []\n"
            "ts = [threading.Thread(target=lambda n=n: (found.append(n), print('in thread', n))) for n in range(3)]\n"
            "for t in ts: t.start(); t.join()"
        ),
        "assert sorted(found) == [0, 1, 2]\n"
        "with cf.ThreadPoolExecutor(2) as pool: print(list(pool.map(abs, [-1, 2])))\n"
        "assert threading.current_thread() is threading.main_thread()",
    ),
    case(
        "processes",
        make.code(
            "import multiprocessing as mp\nwith mp.get_context('fork').Pool(2) as pool: print(pool.map(abs, [-1, -2]))"
        ),
        "import subprocess\nassert subprocess.run(['printf', '5'], capture_output=True).stdout == b'5'",
    ),
    case(
        "async",
        make.code("import asyncio\nasync def later(x):\n    await asyncio.sleep(0.01)\n    return x\nawait later(4)"),
        "assert await later(5) == 5",
        "assert (await asyncio.gather(later(1), later(2))) == [1, 2]\nawait later(missing)",
        make.code("task = asyncio.create_task(later(7))"),
        "assert await task == 7 and asyncio.get_running_loop().is_running()",
        make.code("asyncio.run(later(1))"),
        make.code("async for x in (i for i in []): pass"),
    ),
    case(
        "magics",
        make.code("%%capture caught\nprint('inside')"),
        "assert caught.stdout == 'inside\\n'",
        make.code("!echo $HOME_NOT_SET shell; exit 3"),
        make.code("files = !printf 'a\\nb'\nfiles, _exit_code"),
        make.code("%%bash\necho from bash"),
        make.code("%%writefile mod.py\nvalue = 11"),
        "import mod\nassert mod.value == 11",
        make.code("%run mod.py\nprint(value)"),
        make.code("%precision 3\n3.14159265"),
        make.code("%nothing_like_this"),
        make.code("%matplotlib inline"),
        make.code("abs?"),
        make.code("%who int\n%config InlineBackend.figure_format"),
    ),
    case(
        "input",
        make.code("name = input('Who? ')"),
        "assert name",
        make.code("import getpass; getpass.getpass()"),
        make.code("import sys; repr(sys.stdin.read())"),
    ),
    case("big-output", make.code("for n in range(20_000): print(n)"), "print('y' * 300_000)\nassert True"),
    case(
        "unicode",
        make.code("print('Grüße 日本語 🎉 \\x1b[31mred\\x1b[0m \\u200b')\n'é', b'\\xff', '\\ud83d'"),
        "assert 'ß'.upper() == 'SS', 'ünïcode ☃'",
        make.code("raise ValueError('☃ \\ud800')"),
    ),
    case(
        "displays",
        make.code(
            "from IPython.display import HTML, Image, Latex, Markdown, SVG, clear_output, display, update_display\n"
            "h = display(HTML('<b>1</b>'), display_id='d')\ndisplay(Markdown('*m*'), Latex('$x$'), SVG('<svg></svg>'))"
        ),
        make.code("update_display(HTML('<b>2</b>'), display_id='d')\nprint('updated')"),
        make.code("print('gone'); clear_output(); print('stays'); clear_output(wait=True); print('last')"),
        make.code("class R:\n    def _repr_html_(self): return '<i>r</i>'\n    def __repr__(self): return 'R'\nR()"),
        make.code("class Bad:\n    def __repr__(self): raise TypeError('no repr')\nBad()"),
        make.code("[R(), R()]"),
        "display(1, 2); print('a'); display('b')\nassert R",
    ),
    case(
        "streams",
        make.code(
            "import sys, os\nprint('o'); print('e', file=sys.stderr); print('o2', end=''); sys.stdout.write('x')"
        ),
        make.code("import logging, warnings\nlogging.warning('logged')\nwarnings.warn('warned')"),
        make.code(
            "import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()) as f: print('hidden')\nf.getvalue()"
        ),
        make.code("sys.stdout.isatty(), sys.stdout.encoding, type(sys.stdout).__name__, sys.stdin.isatty()"),
        "print('\\r50%\\r100%')\nassert sys.stdout.fileno() >= 0",
        make.code("import traceback\ntry: 1 / 0\nexcept ZeroDivisionError: traceback.print_exc()"),
    ),
    case(
        "errors",
        make.code("class Mine(Exception): pass\nraise Mine('own') from KeyError('cause')"),
        make.code("raise KeyboardInterrupt"),
        make.code("import sys; sys.exit(3)"),
        make.code("def deep(n):\n    return 1 / n if n == 0 else deep(n - 1)\ndeep(5)"),
        make.code("import json; json.loads('{')"),
        make.code("raise ExceptionGroup('g', [ValueError(1), TypeError(2)])"),
        make.code("assert False"),
        make.code("x = 1\n  y = 2"),
        "raise StopIteration",
    ),
    case(
        "introspection",
        make.code("import inspect, pickle, sys\ndef f(x):\n    return x\ninspect.getsource(f)"),
        "assert __name__ == '__main__' and pickle.loads(pickle.dumps(f)) is f",
        make.code("1 + 1"),
        make.code("_ + 1, Out, In[-2]"),
        make.code(
            "get_ipython().__class__.__module__, get_ipython().__class__.__name__, get_ipython().execution_count"
        ),
        make.code("sys.argv[0], sys.path[0], '__file__' in globals(), sys.flags.dev_mode, sys.getrecursionlimit()"),
        make.code(
            "import os; names = ('MPLBACKEND', 'PAGER', 'FORCE_COLOR', 'NBGRADER_EXECUTION')\n"
            "[os.environ.get(name) for name in names]"
        ),
        make.code("from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int = 1\nP()"),
        make.code("import contextvars\nv = contextvars.ContextVar('v'); v.set(5)\nNone"),
        make.code("v.get(0)"),
    ),
    case(
        "files",
        make.code("open('out.txt', 'w').write('text')\nimport pathlib, csv, sqlite3, tempfile"),
        "assert pathlib.Path('out.txt').read_text() == 'text'",
        make.code("open('missing.txt')"),
        make.code("db = sqlite3.connect(':memory:'); db.execute('select 6 * 7').fetchall()"),
        make.code("with tempfile.NamedTemporaryFile('w') as f: print(f.write('abc'))"),
    ),
    case("endless", make.code("print('before')\nwhile True: pass"), "assert True"),
    case("no-code", make.text("# Nothing"), make.answer("only", 2, "Write."), answers={"only": "Written."}),
    case("widgets", make.code("import ipywidgets\nipywidgets.IntSlider().value"), "assert True", in_kernel=True),
    case("kernel", make.code("type(get_ipython().kernel).__name__"), "assert get_ipython().kernel", in_kernel=True),
    case("own-module", make.code("import tokenize_me_not"), "assert 'json' in __import__('sys').modules"),
)
PLOT = case(
    "plots",
    make.code("import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nax.plot([1, 2, 3]); None"),
    "assert len(ax.lines) == 1\nassert plt.get_backend().endswith('inline')",
    make.code("%matplotlib inline\nplt.plot([3, 1])\nplt.title('t')\nplt.show()\nprint('after')"),
    make.code("ax.get_figure()"),
)


def submission(one: Case, released: bytes) -> bytes:
    """What the learner hands in."""
    if one.submitted is not None:
        return one.submitted
    filled = make.fill(released, one.answers)
    one.change(filled)
    return json.dumps(filled).encode()
