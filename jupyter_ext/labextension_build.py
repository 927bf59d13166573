"""Build the JupyterLab extension when its sources changed, and show it to this environment's JupyterLab.

    python -m jupyter_ext.labextension_build

Needs Node.js 18 or newer with npm. Run it before building a wheel, and once in a development environment; it does
nothing when everything is up to date, and then it needs no Node.js either.
"""

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

SOURCE = Path(__file__).parent / "labextension"
DIST = SOURCE / "dist"
NAME = "@coursebridge/jupyterlab"

_HASH_FILE = DIST / ".source-sha256"
_INPUTS = ("package.json", "package-lock.json", "tsconfig.json", ".npmrc", "src", "style")


class BuildError(Exception):
    """The extension cannot be built; the message says what is missing."""


def source_hash() -> str:
    """The hash of everything that the build depends on."""
    digest = hashlib.sha256(version("jupyterlab").encode())
    for path in _input_files():
        digest.update(f"{path.relative_to(SOURCE).as_posix()}\0{_sha256(path)}\n".encode())
    return digest.hexdigest()


def is_built() -> bool:
    """Whether `dist` was built from the sources as they are."""
    return (DIST / "package.json").is_file() and _HASH_FILE.is_file() and _HASH_FILE.read_text("ascii") == source_hash()


def build() -> bool:
    """Build if needed; True when something was built. Raises: BuildError."""
    if is_built():
        return False
    npm = shutil.which("npm")
    if npm is None:
        raise BuildError("npm is not installed. Install Node.js 18 or newer with npm (Debian: apt install nodejs npm).")
    if not _is_installed():
        _run([npm, "ci"])
    shutil.rmtree(DIST, ignore_errors=True)
    _run([npm, "run", "build"])
    _HASH_FILE.write_text(source_hash(), "ascii")
    return True


def install(prefix: Path) -> Path:
    """Copy `dist` to where the JupyterLab of the environment at `prefix` looks, as a wheel would; gives the folder.

    A copy, not a link: pip owns these paths too, and would follow a link into the sources.
    """
    target = prefix / "share" / "jupyter" / "labextensions" / NAME
    if target.is_symlink():
        target.unlink()
    if not _is_same(target):
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(DIST, target)
    return target


def main() -> int:
    """Build and link; the exit code."""
    try:
        built = build()
    except BuildError as error:
        print(f"JupyterLab extension: {error}", file=sys.stderr)
        return 1
    target = install(Path(sys.prefix))
    print(f"JupyterLab extension: {'built' if built else 'up to date'}, at {target}")
    return 0


def _is_same(target: Path) -> bool:
    """Whether the files of a folder are those of `dist`."""
    files = {path.relative_to(DIST): _sha256(path) for path in DIST.rglob("*") if path.is_file()}
    there = {path.relative_to(target): _sha256(path) for path in target.rglob("*") if path.is_file()}
    return files == there


def _is_installed() -> bool:
    """Whether node_modules holds what the lock file says; npm notes what it installed in a lock file of its own."""
    try:
        wanted = json.loads((SOURCE / "package-lock.json").read_text("utf-8"))["packages"]
        there = json.loads((SOURCE / "node_modules" / ".package-lock.json").read_text("utf-8"))["packages"]
    except FileNotFoundError:
        return False
    needed = {name for name, package in wanted.items() if name and not package.get("optional")}
    same = all(wanted.get(name, {}).get("version") == package.get("version") for name, package in there.items())
    return same and needed <= there.keys()


def _input_files() -> Iterator[Path]:
    for name in _INPUTS:
        path = SOURCE / name
        yield from sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _run(command: Sequence[str]) -> None:
    spec = importlib.util.find_spec("jupyterlab")
    if spec is None or spec.origin is None:
        raise BuildError("JupyterLab is not installed here. Install the project with its extra 'hub' first.")
    environment = os.environ | {"JUPYTERLAB_STAGING": str(Path(spec.origin).parent / "staging")}
    done = subprocess.run(command, cwd=SOURCE, env=environment, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise BuildError(f"'{' '.join(command[1:])}' failed:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    sys.exit(main())
