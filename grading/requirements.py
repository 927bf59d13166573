"""A quiz's requirements file: names and versions of packages, and nothing that runs or leads elsewhere."""

import hashlib
import sys
import sysconfig
from collections.abc import Iterator

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

MOST = 50
"""Packages that one file may name."""
MOST_BYTES = 20_000


class RequirementsError(ValueError):
    """A requirements file that is not taken; each line says which line of it, why, and what to write instead."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


def read_requirements(body: bytes) -> str:
    """The packages that a file asks for, one a line, evened out and in order: the same for files that mean the same.

    Raises: RequirementsError.
    """
    if len(body) > MOST_BYTES:
        raise RequirementsError([f"It is larger than {MOST_BYTES // 1000} kB."])
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RequirementsError(["It is not UTF-8 text; save it as UTF-8."]) from error
    found, problems = set(), []
    for number, line in _lines(text):
        try:
            found.add(_even(line))
        except ValueError as error:
            problems.append(f"Line {number}: {error}")
    if not found and not problems:
        problems.append("It names no package; write one a line, as numpy==2.3.1.")
    if len(found) > MOST:
        problems.append(f"It names {len(found)} packages; at most {MOST} are taken.")
    if problems:
        raise RequirementsError(problems)
    return "\n".join(sorted(found))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        plain = line.partition(" #")[0].strip()
        if plain and not plain.startswith("#"):
            yield number, plain


def _even(line: str) -> str:
    if line.startswith("-"):
        raise ValueError("options are not taken here, packages by name only, as numpy==2.3.1.")
    try:
        wanted = Requirement(line)
    except InvalidRequirement as error:
        raise ValueError(f"{line[:60]!r} is not the name of a package; write one as numpy==2.3.1.") from error
    if wanted.url:
        raise ValueError("addresses are not taken here, packages by name only, as numpy==2.3.1.")
    wanted.name = canonicalize_name(wanted.name)
    return str(wanted)


def python_tag() -> str:
    """Which Python packages are installed for: `cpython-311-linux-x86_64`."""
    return f"{sys.implementation.cache_tag}-{sysconfig.get_platform()}"


def digest_of(requirements: str) -> str:
    """What the environment with these packages, for this Python, is known by."""
    return hashlib.sha256(f"{python_tag()}\n{requirements}".encode()).hexdigest()
