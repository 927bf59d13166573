"""Tell code that cannot reach the tests by its text: then nothing has to be watched.

An allow-list. What is not on it is not forbidden, it only has the notebook run a second time with tests that must fail
(`canaries`). Plain code computes with numbers, texts, tables and plots: it has no way to IPython, to Python's inner
parts, to the names of other modules or to the tests' own helpers.
"""

import ast
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

MODULES = frozenset(
    {
        "math", "cmath", "random", "statistics", "string", "itertools", "datetime", "fractions", "decimal", "re",
        "json", "collections", "typing", "numpy", "pandas", "matplotlib", "matplotlib.pyplot",
    }
)  # fmt: skip
"""What may be imported."""
BUILTINS = frozenset(
    {
        "ArithmeticError", "AssertionError", "AttributeError", "Exception", "IndexError", "KeyError", "LookupError",
        "NotImplemented", "NotImplementedError", "OverflowError", "RuntimeError", "StopIteration", "TypeError",
        "ValueError", "ZeroDivisionError", "abs", "all", "any", "bin", "bool", "bytes", "chr", "complex", "dict",
        "divmod", "enumerate", "filter", "float", "frozenset", "hash", "hex", "int", "isinstance", "issubclass", "iter",
        "len", "list", "map", "max", "min", "next", "oct", "ord", "pow", "print", "property", "range", "repr",
        "reversed", "round", "set", "slice", "sorted", "staticmethod", "str", "sum", "super", "tuple", "zip",
    }
)  # fmt: skip
"""What may be used by its name."""
SPECIAL = frozenset({"__init__", "__len__", "__iter__", "__next__", "__name__", "__main__", "__doc__", "_"})
"""The only names of that form. `__eq__` is not one of them."""
CLOSED = frozenset(
    {
        "testing", "ctypeslib", "f2py", "core", "lib", "compat", "eval", "query", "agg", "aggregate", "apply", "pipe",
        "transform", "load", "read_pickle", "read_hdf", "memmap", "util", "Formatter", "get_type_hints", "*", "api",
        "extensions", "set_numeric_ops", "set_string_function", "dump", "tofile",
    }
)  # fmt: skip
"""Attributes that lead from an allowed module to others, run a text, find something by a text, or change a class."""
WRITES = re.compile(r"register\w*|save\w*|to_(?!numpy|list|dict|frame|string|datetime|numeric|timedelta|period)\w+")
"""Those that change a class, or write a file that a test might import."""
FRAMES = re.compile(r"(?:gi|cr|ag|f|tb|co)_(?:frame|code|back|globals|locals|builtins|next|await|trace|consts)")
USUAL = frozenset({"np", "pd", "plt", "npt", "tm"}) | sys.stdlib_module_names
"""Names of modules: whoever gives them to something else may mean what a test calls."""
INLINE = re.compile(r"^%matplotlib inline[ \t]*$", re.MULTILINE)
make_transformer: Callable[[], Any] = TransformerManager
"""Not typed by IPython."""
Imports = dict[str, str]
"""What is imported, by the name that it gets."""


def are_plain(learners: Iterable[str], trusted: Iterable[str], *, is_ours: bool = True) -> bool:
    """Whether no cell of the learner can reach the tests. `trusted`: the teacher's cells, which are restored anyway.

    `is_ours`: they run in the Python and the IPython of this process, so what this one cannot read never runs.
    """
    try:
        theirs = [_parse_trusted(source) for source in trusted]
        is_known = is_ours and set(_imports(theirs).values()) <= MODULES and not any(map(_names_ipython, theirs))
        mine = [_parse(source) if is_known else ast.parse(INLINE.sub("", source)) for source in learners]
        return _are_plain(mine, theirs)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False  # IPython may make something of it


@lru_cache(maxsize=256)
def _parse_trusted(source: str) -> ast.Module:
    """A cell of the teacher, which is the same in every submission; its tree is only read."""
    return ast.parse(INLINE.sub("", source))


def _parse(source: str) -> ast.Module:
    """A cell. One with an error in its syntax does nothing; what a plain IPython reads otherwise is another matter.

    Raises: SyntaxError: it is neither.
    """
    text = INLINE.sub("", source)
    try:
        return ast.parse(text)
    except SyntaxError:
        if make_transformer().transform_cell(text).strip("\n") == text.strip("\n"):
            return ast.Module([], [])
        raise


def _are_plain(mine: list[ast.Module], theirs: list[ast.Module]) -> bool:
    imported, lent = _imports(mine), _imports(theirs)
    reserved = set(_bound_outside(theirs)) | BUILTINS
    if set(_bound_outside(mine)) & (reserved | USUAL | set(lent)) or set(imported) & reserved:
        return False  # what the tests are made of would mean something else
    if any(lent.get(name, what) != what for name, what in imported.items()) or "self" in imported:
        return False
    if not _are_classes_plain(mine, theirs):
        return False
    known = set(imported) | set(_bound(mine)) | BUILTINS
    known |= {node.name for tree in theirs for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    known |= {name for name, what in lent.items() if what in MODULES}
    if not set(lent.values()) <= MODULES or any(_names_ipython(tree) for tree in theirs):
        known -= set(_bound_outside(theirs)) | {name for name, what in lent.items() if what not in MODULES}
    return all(_is_plain(node, known) for tree in mine for node in ast.walk(tree))


def _is_plain(node: ast.AST, known: set[str]) -> bool:
    match node:
        case ast.Import(names=names):
            return all(each.name in MODULES for each in names)
        case ast.ImportFrom(module=module, names=names, level=level):
            return level == 0 and module in MODULES and all(_is_open(each.name) for each in names)
        case ast.Name(id=name, ctx=context):
            if not isinstance(context, ast.Load):
                return _is_open(name) and name != "self"
            return _is_open(name) and (name in known or name in SPECIAL)
        case ast.Attribute(attr=name, ctx=context, value=value):
            is_own = isinstance(value, ast.Name) and value.id == "self"
            return _is_open(name) and (isinstance(context, ast.Load) or is_own)
        case ast.Constant(value=str(text)):
            return "__" not in text or text == "__main__"
        case ast.ClassDef(name=name, keywords=keywords, decorator_list=decorators, bases=bases):
            return _is_open(name) and not (keywords or decorators or bases)
        case ast.ExceptHandler(name=str(name)):
            return _is_open(name) and name != "self"
        case ast.FunctionDef(name=name) | ast.arg(arg=name):
            return _is_open(name)
        case ast.Delete() | ast.Global() | ast.AsyncFunctionDef() | ast.Await() | ast.Match():
            return False
    return True


def _are_classes_plain(mine: list[ast.Module], theirs: list[ast.Module]) -> bool:
    """Whether `self`, of which attributes are set, is always an object of a class of one's own.

    So classes are only called, never asked for a method that something else could be given to, and nothing but the
    first argument of a method is named `self`.
    """
    names = {node.name for tree in (*mine, *theirs) for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    called, selves = set[int](), set[int]()
    for node in (node for tree in mine for node in ast.walk(tree)):
        if isinstance(node, ast.Call):
            called.add(id(node.func))
        elif isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, ast.FunctionDef):
                    selves |= {id(part.args.args[0])} if part.args.args and not part.decorator_list else set()
                elif not _is_inert(part):
                    return False
    return all(
        not (isinstance(node, ast.Name) and node.id in names and id(node) not in called)
        and not (isinstance(node, ast.arg) and node.arg == "self" and id(node) not in selves)
        for tree in mine
        for node in ast.walk(tree)
    )


def _is_inert(part: ast.stmt) -> bool:
    """A text, a constant, nothing."""
    return isinstance(part, ast.Pass) or (
        isinstance(part, ast.Expr | ast.Assign | ast.AnnAssign) and isinstance(part.value, ast.Constant | None)
    )


def _is_open(name: str) -> bool:
    """Whether nothing of Python's inner parts, no other module, and nothing that runs a text is behind a name."""
    if name in SPECIAL:
        return True
    if name.startswith("_") or name in CLOSED or FRAMES.fullmatch(name) or WRITES.fullmatch(name):
        return False
    return name in MODULES or name not in sys.stdlib_module_names


def _bound(trees: Iterable[ast.Module]) -> Iterator[str]:
    """Names that get a value anywhere, by an import apart."""
    for tree in trees:
        yield from _names_bound_by(ast.walk(tree))


def _bound_outside(trees: Iterable[ast.Module]) -> Iterator[str]:
    """The same outside of functions and classes, where the tests look."""
    for tree in trees:
        yield from _names_bound_by(_walk_outside(tree))


def _names_bound_by(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.arg(arg=name) | ast.ExceptHandler(name=str(name)):
                yield name


def _walk_outside(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield from _walk_outside(child)


def _imports(trees: Iterable[ast.Module]) -> Imports:
    found: Imports = {}
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for each in node.names:
                    found[each.asname or each.name.partition(".")[0]] = (
                        each.name if each.asname else each.name.partition(".")[0]
                    )
            elif isinstance(node, ast.ImportFrom):
                for each in node.names:
                    found[each.asname or each.name] = f"{node.module}:{each.name}"
    return found


def _names_ipython(tree: ast.Module) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "get_ipython" for node in ast.walk(tree))
