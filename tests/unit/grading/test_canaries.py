"""Which code needs no watching, and what copies are made of a test."""

import ast
import random
from typing import Any

import pytest

from grading.engine.altering import MOST_CHANGED, alter
from grading.engine.plain_code import are_plain
from tests.factories import cheats

TEACHERS = ("import numpy as np\ndef check(found, expected):\n    assert found == expected", "check(add(1, 2), 3)")


@pytest.mark.parametrize(
    "source",
    [
        "def add(a, b):\n    return a + b",
        "import numpy as np, math\nfrom collections import Counter\ndef f(xs):\n    return np.mean(xs) + math.pi",
        "import matplotlib.pyplot as plt\n%matplotlib inline\nfig, ax = plt.subplots()\nax.plot([1, 2])\nplt.show()",
        "import pandas as pd\ndf = pd.read_csv('data.csv')\ndf['c'] = df.a + df.b\ndf.groupby('a').sum()",
        "class Stack:\n    def __init__(self):\n        self.items = []\n    def push(self, x):\n"
        "        self.items.append(x)",
        "def f(list):\n    sum = 0\n    for _ in range(3): sum += 1\n    try: return [x for x in list]\n"
        "    except ValueError as error: raise KeyError(f'{error}') from None",
        "class Point:\n    'A place.'\n    far = 3\n    def __init__(self, x):\n        self.x = x\n"
        "    def move(self, by):\n        self.x += by\n        return self\np = Point(1)\np.move(2).x",
        "check(2, 2)",
        "",
        "# only words",
        "x = (",
        "import os\ndef f(x:\n    os._exit(0)",
        "if True:\nimport sys",
        "\nprint 'two'\n",
        "x = (\n%time 1",
    ],
)
def test_everyday_code_is_plain(source: str) -> None:
    assert are_plain([source], TEACHERS)


@pytest.mark.parametrize(
    "source",
    [
        "get_ipython()",
        "import sys",
        "import numpy.testing as t",
        "from numpy import testing",
        "from math import *",
        "import math as check",
        "from math import isfinite as np",
        "from random import choice as sum",
        "check = print",
        "def check(found, expected): pass",
        "def sum(xs): return 3",
        "np = 3",
        "class np:\n    def isclose(a, b): return True",
        "np.allclose = print",
        "np.testing.assert_equal",
        "class E:\n    def __eq__(self, other): return True",
        "class E:\n    __eq__ = lambda self, other: True",
        "class E(str): pass",
        "add.__globals__",
        "x = '__' + 'eq__'",
        "getattr(add, 'x')",
        "exec('1')",
        "type('E', (), {})",
        "def f():\n    yield f.gi_frame.f_back",
        "import statistics\nstatistics.sys.exit()",
        "import typing\ntyping.get_type_hints(f)",
        "In[-1]",
        "%load_ext x",
        "!ls",
        "    !ls\nx = (",
        "!ls (",
        "x = (; check?",
        ">>> x = (",
        "  import sys\n  x = (",
        "%%bash\nx = (",
        "del check",
        "def f():\n    global check\n    check = None",
        "import pandas as pd\npd.eval('1')",
        "%%bash\nls",
        "def f(self):\n    self.allclose = print\nf(np)",
        "class A:\n    def f(self):\n        self.allclose = print\nA.f(np)",
        "class A:\n    def f(self):\n        self.allclose = print\nB = A\nB.f(np)",
        "class A:\n    @staticmethod\n    def f(self):\n        self.allclose = print\nA().f(np)",
        "class A:\n    def f(self):\n        self.allclose = print\n    f(np)",
        "class A:\n    def f(self):\n        self = np\n        self.allclose = print\nA().f()",
        "class A:\n    def f(self):\n        def g(self):\n            self.allclose = print\n        g(np)\nA().f()",
        "(lambda self: [setter for setter in self])(np)",
        "import numpy as self\nself.allclose = print",
        "np.savetxt('scipy.py', [])",
        "import pandas as pd\npd.DataFrame().to_csv('scipy.py')",
        "import pandas as pd\npd.api.extensions.register_dataframe_accessor('equals')(check)",
    ],
)
def test_code_that_might_reach_the_tests_is_not(source: str) -> None:
    assert not are_plain(["def add(a, b): return 1", source], TEACHERS)


def test_what_cannot_be_read_here_may_run_in_another_python() -> None:
    for source in ("x = (", "f'{get_ipython()!r:{'a'}}'"):
        assert not are_plain([source], TEACHERS, is_ours=False)
    for teachers in ("import cython", "get_ipython().input_transformers_post.append(print)"):
        assert not are_plain(["x = ("], [teachers])


def test_what_a_teacher_lends_is_not_plain_if_it_leads_further() -> None:
    assert are_plain(["data"], ["data = [1]\ndef f(): pass"]) is False  # it is not known what it is
    assert are_plain(["f()"], ["import os\ndef f(): pass"]) is False
    assert are_plain(["f()"], ["def f(): pass"]) is True


@pytest.mark.parametrize("cheat", [each for each in cheats.CHEATS if each.earns], ids=lambda cheat: cheat.name)
def test_no_attack_is_plain(cheat: cheats.Cheat) -> None:
    teachers = ["import numpy as np\ndef close(found, expected):\n    assert found == expected"]

    assert cheat.files or not are_plain([cheat.answer], teachers)


def _altered(source: str, points: float = 2) -> dict[Any, str]:
    found = alter(source, points, random.Random(1))
    for each in found:
        ast.parse(each.source)
        assert not each.may_earn(points)
        assert each.may_earn(0)
    return {each.key: each.source for each in found}


@pytest.mark.parametrize(
    ("source", "pattern"),
    [
        ("assert add(1, 2) == 3", "assert add(1, 2) == {}"),
        ("assert 3 == add(1, 2)", "assert {} == add(1, 2)"),
        ("assert f('ü') == [1, 4]  # ü", "assert f('ü') == [{}, 4]  # ü"),
        ("assert abs(f(2) - 1.5) < 1e-6", "assert abs(f(2) - {}) < 1e-6"),
        ("np.testing.assert_allclose(f(1), -2)", "np.testing.assert_allclose(f(1), -{})"),
        ("for x in xs:\n    assert f(x) == x", "for x in xs:\n    assert f(x) == [x, {}]"),
        ("if f(1) != 'ab': raise ValueError", "if f(1) != {}: raise ValueError"),
        ("assert f(1) == approx(2)", "assert f(1) == [approx(2), {}]"),
    ],
)
def test_copy_expects_something_else_and_looks_like_the_test(source: str, pattern: str) -> None:
    before, after = pattern.split("{}")
    changed = _altered(source)["change", 0]

    assert changed != source
    assert changed.startswith(before)
    assert changed.endswith(after)


def test_other_copies() -> None:
    shown = _altered("score = f(1)\nscore")
    assert shown["value", 0].startswith("score = f(1)\n[score, ")
    assert shown["raise", 0].startswith("score = f(1)\nscore\nassert ")
    assert list(_altered("%time f(1)\nassert x".replace("%time f(1)\n", ""))) == [("raise", 0)]
    assert [each.key for each in alter("%time f(1)\nassert x == 1", 1, random.Random())] == [("raise", 0)]
    assert alter("%%bash\nexit 1", 1, random.Random()) == []
    assert alter("", 1, random.Random()) == []


def test_copies_of_a_long_test_are_few_and_always_the_same_places() -> None:
    source = "\n".join(f"assert f({n}) == {n}" for n in range(50))
    first, second = ([each.key for each in alter(source, 1, random.Random(seed))] for seed in (1, 2))

    assert first == second
    assert len(first) == MOST_CHANGED + 1
