"""The rest of the corpus: what learners do to cells, and more kinds of code."""

import importlib.util
import json
from typing import Any

from tests.factories import notebooks as make
from tests.factories.parity import (
    ADD,
    OWN_CASES,
    PLOT,
    RIGHT,
    STOCK_CASES,
    WRONG,
    Case,
    Change,
    add_case,
    case,
    id_of,
)


def cell_of(notebook: dict[str, Any], grade_id: str) -> dict[str, Any]:
    """The cell of that grade id."""
    return next(cell for cell in notebook["cells"] if id_of(cell) == grade_id)


def claiming(grade_id: str, **claims: Any) -> Change:
    """Have a cell's nbgrader metadata say something else; None: leave it out."""

    def change(notebook: dict[str, Any]) -> None:
        found = cell_of(notebook, grade_id)["metadata"]["nbgrader"]
        found.update(claims)
        for key in [key for key, value in claims.items() if value is None]:
            del found[key]

    return change


def retyped(grade_id: str, kind: str) -> Change:
    """Make a cell one of another type, as a key in JupyterLab does."""

    def change(notebook: dict[str, Any]) -> None:
        cell = cell_of(notebook, grade_id)
        cell["cell_type"] = kind
        for key in ("outputs", "execution_count"):
            cell.pop(key, None)
        if kind == "code":
            cell.update(outputs=[], execution_count=None)

    return change


def rewritten(grade_id: str, source: str) -> Change:
    """Write something else into a cell."""

    def change(notebook: dict[str, Any]) -> None:
        cell_of(notebook, grade_id)["source"] = source

    return change


def unmarked(notebook: dict[str, Any]) -> None:
    """A test that has lost what makes it one."""
    del cell_of(notebook, "plain")["metadata"]["nbgrader"]


def backwards(notebook: dict[str, Any]) -> None:
    """Every test before what it tests."""
    notebook["cells"].reverse()


def with_own_cells(notebook: dict[str, Any]) -> None:
    """Cells of the learner's own between the others: code, text, raw, empty."""
    cells = notebook["cells"]
    cells.insert(1, make.code("add(20, 22)") | {"id": "own-1"})
    cells.insert(2, make.text("My thoughts, with a ![picture](attachment:dot.png)") | {"id": "own-2"})
    cells[2]["attachments"] = {"dot.png": {"image/png": "aGVsbG8="}}
    cells.insert(0, {"cell_type": "raw", "id": "own-3", "metadata": {}, "source": "raw \\LaTeX"})
    cells.append(make.code("") | {"id": "own-4"})
    cells.append(make.code("    \n# only a comment") | {"id": "own-5"})


def with_old_outputs(notebook: dict[str, Any]) -> None:
    """As learners hand in: it has run, and says that all is well."""
    for number, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] == "code":
            cell["execution_count"] = 90 - number
            cell["outputs"] = [
                {"output_type": "execute_result", "data": {"text/plain": "4"}, "metadata": {}, "execution_count": 7}
            ]


def with_cell_metadata(notebook: dict[str, Any]) -> None:
    """What JupyterLab and its extensions write into cells, and tags."""
    for cell in notebook["cells"]:
        cell["metadata"] |= {
            "collapsed": True,
            "jupyter": {"source_hidden": True, "outputs_hidden": False},
            "slideshow": {"slide_type": "skip"},
            "editable": True,
            "tags": ["raises-exception", "mine"],
        }
    notebook["metadata"] |= {
        "language_info": {"name": "python", "version": "3.99"},
        "toc": {"base": 1},
        "title": "Mine",
    }


def in_one_text(notebook: dict[str, Any]) -> None:
    """Sources as one text, where nbformat writes lists of lines."""
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])


CHANGED_CASES = (
    add_case("tampered-points", WRONG, claiming("plain", points=1000, locked=False)),
    add_case("tampered-source", WRONG, rewritten("plain", "pass")),
    add_case("tampered-hidden", RIGHT, rewritten("hidden", "raise SystemExit")),
    add_case("tampered-checksum", WRONG, claiming("why", checksum="0" * 32)),
    add_case("tampered-type", RIGHT, retyped("plain", "markdown")),
    add_case("retyped-answer", RIGHT, retyped("add", "markdown"), why="Text."),
    add_case("retyped-writing", RIGHT, retyped("why", "code"), why="print('text')"),
    add_case("unmarked-test", RIGHT, unmarked),
    add_case("backwards", RIGHT, backwards),
    add_case("own-cells", RIGHT, with_own_cells),
    add_case("old-outputs", WRONG, with_old_outputs),
    add_case("cell-metadata", WRONG, with_cell_metadata, why="With tags."),
    add_case("one-text", RIGHT, in_one_text, why="One\ntwo\n"),
    add_case("unanswered", RIGHT),
    add_case("emptied", "", why=""),
    add_case("task-answered", RIGHT, rewritten("task", "Done: see the picture.")),
    add_case("shadowed-names", "sum = len = 3\ndef add(a, b):\n    return a + b\nsum"),
    add_case("exits", "def add(a, b):\n    raise SystemExit('enough')"),
    add_case("prints-errors", "import sys\ndef add(a, b):\n    print('odd', file=sys.stderr)\n    return a + b"),
    add_case("asks", "def add(a, b):\n    return int(input('a+b? '))"),
)
CODE_CASES = (
    case(
        "partial-kinds",
        *("0", "2.5 - 2", "'half'", "None", "True", "print(3)", "0.25; 0.5", "[0.5]", "1e-3"),
        "import fractions; fractions.Fraction(1, 4)",
        "import numpy as np; np.float64(0.5)",
        "from IPython.display import display; display(0.5)",
        "-0.5",
    ),
    case(
        "hidden-regions",
        ADD,
        make.tests(
            "twice",
            3,
            make.HIDDEN.format("assert add(1, 1) == 2")
            + "\nassert add(2, 2) == 4\n"
            + make.HIDDEN.format("for n in range(3):\n    assert add(n, -n) == 0, n"),
        ),
        make.tests("points", 4, "score = 0\n" + make.HIDDEN.format("score += 2 * (add(1, 2) == 3)") + "\nscore"),
        make.tests("nothing-else", 1, make.HIDDEN.format("assert add('a', 'b') == 'ab'")),
        answers={"add": "def add(a, b):\n    return int(a) + int(b)"},
    ),
    case(
        "written-code",
        {**make.answer("code", 4), "cell_type": "code", "outputs": [], "execution_count": None, "source": "# write"},
        {**make.answer("left", 2), "cell_type": "code", "outputs": [], "execution_count": None, "source": "1 / 0"},
        make.answer("text", 2, "Discuss."),
        make.answer("blank", 2, "Discuss more."),
        answers={"code": "print(sorted({3, 1}))", "text": "Grüße, *discussed*.\n\n$x^2$"},
    ),
    case(
        "seeded-numbers",
        make.code(
            "import random, numpy as np\nrng = np.random.default_rng(7)\nrandom.seed('a')\nrng.integers(9, size=5)"
        ),
        "assert rng.normal() < 9\nprint(random.sample(range(100), 5), rng.choice(['a', 'b', 'c'], 4))",
        make.code("np.random.seed(5)\nnp.random.permutation(6), random.Random(3).random(), np.random.get_state()[0]"),
        "np.random.seed(1)\nassert abs(np.random.rand(1000).mean() - 0.5) < 0.05\nround(float(np.random.rand()), 6)",
    ),
    case(
        "pandas-errors",
        make.code("import pandas as pd\nframe = pd.read_csv('data.txt', names=['a'])\nframe"),
        "assert len(frame) == 3\nframe.a.str.len().mean() / 10",
        make.code("frame['none']"),
        make.code("pd.merge(frame, frame, on='b')"),
        make.code("pd.DataFrame({'n': [1.0, None], 't': pd.to_datetime(['2026-01-01', None])}).dtypes"),
        make.code("pd.DataFrame({'x': range(200)})"),
        make.code("frame.style.hide()\npd.Series([1, 2], name='s')"),
    ),
    case(
        "async-more",
        make.code(
            "import asyncio\nasync def up(n):\n    for x in range(n):\n        await asyncio.sleep(0)\n        yield x"
        ),
        "assert [x async for x in up(3)] == [0, 1, 2]",
        make.code(
            "async with asyncio.TaskGroup() as g:\n    ts = [g.create_task(asyncio.sleep(0, n)) for n in [1, 2]]"
        ),
        "assert sum(t.result() for t in ts) == 3",
        make.code("await asyncio.wait_for(asyncio.sleep(9), 0.01)"),
        make.code(
            "async def bad():\n    raise LookupError('in a task')\nawait asyncio.gather(bad(), return_exceptions=True)"
        ),
        "await bad()",
    ),
    case(
        "magics-more",
        make.code("%%html\n<b>bold</b>"),
        make.code("%%latex\n$x$"),
        make.code("%pprint\nlist(range(30))"),
        make.code("%xmode Minimal\n1 / 0"),
        make.code("%env SOME_NAME=7\n%env SOME_NAME"),
        "import os\nassert os.environ['SOME_NAME'] == '7'",
        make.code("%alias say echo said\n%say it"),
        make.code("%load_ext nothing_of_that_name"),
        make.code("%%nothing\ncell"),
        make.code("x = %sx printf 'a b'\nx"),
        make.code("%reset -f\n'x' in globals()"),
        make.code("%history -n 1-2"),
        "assert 'os' not in globals()",
    ),
    case(
        "ask-and-answer",
        make.solution("ask", make.SOLUTION.format("def ask():\n    return 'Ada'")),
        "assert ask() == 'Ada'",
        "import builtins\nbefore, builtins.input = builtins.input, lambda prompt='': 'Ada'\nassert ask() == 'Ada'",
        make.code("builtins.input = before"),
        answers={"ask": "def ask():\n    return input('Name: ')"},
    ),
    case(
        "long-output",
        make.code("import sys\nfor n in range(3000): print('e', n, file=sys.stderr)"),
        make.code("'z' * 200_000"),
        make.code("for n in range(150): display(n)"),
        make.code("print('\\n' * 5000)"),
        "print('x' * 100_000)\nraise ValueError('y' * 5_000)",
        make.code("{n: list(range(n)) for n in range(60)}"),
    ),
    case(
        "unicode-names",
        make.code(
            "größe, π, 変数 = 1, 3.14, '値'\nprint(größe, π, 変数, '\\u202eright to left', 'e\\u0301', '\\x00|')"
        ),
        "assert 変数 == '値' and 'ﬁ'.casefold() == 'fi'",
        make.code("class Ünï(Exception): pass\nraise Ünï('𝔘𝔫𝔦\\ttab')"),
        make.code("open('später 🎈.txt', 'w').write('ö')\nimport os; 'später 🎈.txt' in os.listdir()"),
        make.code("x = “quoted”"),
    ),
    case(
        "threads-that-fail",
        make.code(
            "import threading, queue\nq = queue.Queue()\n"
            "def work():\n    q.put(threading.current_thread().name)\n    raise RuntimeError('in a thread')\n"
            "t = threading.Thread(target=work, name='worker')\nt.start(); t.join()"
        ),
        "assert q.get(timeout=5) == 'worker'",
        make.code(
            "local = threading.local(); local.x = 1\nthreading.Timer(60, print).daemon, threading.active_count() > 0"
        ),
        "lock = threading.Lock()\nwith lock: assert lock.locked()",
        racy=True,
    ),
    case(
        "classes",
        make.solution("point", make.SOLUTION.format("class Point: pass")),
        "assert Point(1, 2) + Point(3, 4) == Point(4, 6)\nrepr(Point(0, 1))",
        "assert Point.__match_args__ == ('x', 'y')\nmatch Point(1, 2):\n    case Point(x, y): assert (x, y) == (1, 2)",
        "assert hash(Point(1, 2)) == hash(Point(1, 2))",
        answers={
            "point": "from dataclasses import dataclass\n@dataclass\nclass Point:\n    x: int\n    y: int\n"
            "    def __add__(self, other):\n        return Point(self.x + other.x, self.y + other.y)"
        },
    ),
    case(
        "deep-recursion",
        make.solution("down", make.SOLUTION.format("def down(n):\n    return 0 if n <= 0 else down(n - 1)")),
        "assert down(5) == 0",
        "down(10 ** 6)",
        answers={"down": "def down(n):\n    return down(n - 1)"},
        racy=True,
    ),
    case(
        "warnings-and-logs",
        make.code("import warnings\nwarnings.simplefilter('error')\nwarnings.warn('now an error')"),
        make.code("warnings.resetwarnings()\nwarnings.warn('old', DeprecationWarning)"),
        "warnings.warn('costs the point')",
        make.code(
            "import logging, sys\nlogging.basicConfig(stream=sys.stdout, level=10, force=True)\nlogging.debug('d')"
        ),
        "logging.getLogger('x').info('costs nothing')",
    ),
)
MORE_PLOTS = case(
    "plots-more",
    make.code(
        "import matplotlib.pyplot as plt\nimport numpy as np\nfig, axes = plt.subplots(2, 2)\nfig.savefig('out.png')"
    ),
    "import os\nassert os.path.getsize('out.png') > 500 and axes.shape == (2, 2)",
    make.code("plt.bar(['a', 'b'], [1, 2]); plt.xlabel('ß'); plt.legend(['l'])"),
    make.code("for n in range(2):\n    plt.figure(); plt.plot(np.arange(n + 2))"),
    "plt.close('all')\nassert plt.get_fignums() == []",
    make.code("plt.plot([1], [1, 2])"),
    make.code("%config InlineBackend.figure_formats = ['svg']\nplt.gcf().number"),
)


def list_own_cases() -> list[Case]:
    """Those that are not nbgrader's, as far as they can run here."""
    plots = [PLOT, MORE_PLOTS] if importlib.util.find_spec("matplotlib") else []
    return [*OWN_CASES, *CHANGED_CASES, *CODE_CASES, *plots]


def list_cases() -> list[Case]:
    """Every case that can run here."""
    return [*STOCK_CASES, *list_own_cases()]


REFUSED: dict[str, Change] = {
    "test that claims to be an answer": claiming("plain", solution=True),
    "test that claims to be none": claiming("plain", grade=False),
    "test without points": claiming("plain", points=None),
    "points that are no number": claiming("plain", points="many"),
    "test that claims to be a task": claiming("plain", task=True),
    "answer that claims points": claiming("add", grade=True, points=100),
    "newer schema": claiming("hidden", schema_version=99),
    "key of one's own": claiming("hidden", auto_score=7),
    "flag that is no flag": claiming("hidden", locked="no", grade="yes"),
    "written answer that is none": claiming("why", solution=False),
}
"""What nbgrader itself does not mark, by what was done."""


def copied(notebook: dict[str, Any]) -> None:
    """An answer and a test pasted once more above; nbgrader takes the last of each and stumbles over the others."""
    for grade_id, source in (("add", "def add(a, b):\n    return 0"), ("plain", "pass")):
        fake = json.loads(json.dumps(cell_of(notebook, grade_id)))
        notebook["cells"].insert(0, fake | {"source": source, "id": f"copy-of-{grade_id}"})
