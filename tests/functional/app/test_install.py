"""`config/install.sh` says in one line what is missing, does each step once, and repeats one that failed."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "config" / "install.sh"
TOOLS = ("bash", "sh", "dirname", "cat", "sha256sum", "cut", "mkdir", "chmod")
pytestmark = pytest.mark.one_database

PYTHON = """#!/bin/sh
case "$*" in
    "-c import sys; sys.exit(sys.version_info < (3, 11))") exit {too_old} ;;
    "-V") echo "Python 3.9.2" ;;
    "-c import venv, ensurepip") exit 0 ;;
    "-m venv --clear .venv") mkdir -p .venv/bin; cat "$VENV_PYTHON" > .venv/bin/python; chmod +x .venv/bin/python ;;
esac
"""
VENV_PYTHON = """#!/bin/sh
case "$*" in
    "-c import pip") exit 0 ;;
    *"pip install"*) echo "pip $*" >> said; echo "Collecting flask (from x)"
        echo "Installing collected packages: flask"
        [ ! -e broken ] ;;
    *) echo "$*" >> said ;;
esac
"""


class Machine:
    """A machine with these programs and no others, and a project to install."""

    def __init__(self, folder: Path) -> None:
        self.root, self.bin = folder / "project", folder / "bin"
        (self.root / "config").mkdir(parents=True)
        shutil.copy(SCRIPT, self.root / "config" / "install.sh")
        self.bin.mkdir()
        for name in TOOLS:
            (self.bin / name).symlink_to(str(shutil.which(name)))
        self.add("python3", PYTHON.format(too_old=0))
        self.add("bwrap")
        self.add("node", "#!/bin/sh\necho 18.20.4\n")
        self.add("npm", '#!/bin/sh\necho "npm $*" >> said\n')
        self.add("id", "#!/bin/sh\necho 1000\n")
        self.add("apt-get", "#!/bin/sh\nexit 1\n")
        self.add("python-of-venv", VENV_PYTHON)

    def add(self, name: str, text: str = "#!/bin/sh\n") -> None:
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def remove(self, name: str) -> None:
        (self.bin / name).unlink()

    def install(self, purpose: str = "demo") -> tuple[int, list[str], list[str]]:
        """Exit code, lines on standard output, lines on standard error."""
        environment = {"PATH": str(self.bin), "VENV_PYTHON": str(self.bin / "python-of-venv"), "HOME": os.devnull}
        script = [str(self.bin / "bash"), str(self.root / "config" / "install.sh"), purpose]
        done = subprocess.run(script, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()

    def did(self) -> list[str]:
        """What pip, npm and the build were asked since the last time."""
        said = self.root / "said"
        lines = said.read_text().splitlines() if said.exists() else []
        said.unlink(missing_ok=True)
        return lines


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_an_old_python_is_one_line(machine: Machine) -> None:
    machine.add("python3", PYTHON.format(too_old=1))
    code, out, err = machine.install()
    assert (code, out) == (1, [])
    assert err == [
        "Python 3.11 or newer is needed, python3 is 3.9.2. Name a newer one: make demo PYTHON=python3.12",
    ]


def test_no_python_is_one_line(machine: Machine) -> None:
    machine.remove("python3")
    assert machine.install() == (1, [], ["Python 3.11 or newer is needed: apt-get install python3 python3-venv"])


def test_missing_packages_are_one_line_for_who_is_not_root(machine: Machine) -> None:
    machine.remove("bwrap")
    machine.remove("npm")
    code, out, err = machine.install()
    assert (code, out) == (1, [])
    assert err == ["These packages are missing, run this first: sudo apt-get install -y bubblewrap npm"]


def test_packages_that_cannot_be_installed_are_one_line_for_root(machine: Machine) -> None:
    machine.add("id", "#!/bin/sh\necho 0\n")
    machine.remove("bwrap")
    code, _out, err = machine.install()
    assert code == 1
    assert err == ["apt-get could not install: bubblewrap"]


def test_an_old_node_is_one_line(machine: Machine) -> None:
    machine.add("node", "#!/bin/sh\necho 12.22.9\n")
    code, _out, err = machine.install()
    assert code == 1
    assert err == [f"Node.js 18 or newer is needed, {machine.bin}/node is 12.22.9."]


def test_each_step_is_done_once(machine: Machine) -> None:
    (machine.root / "requirements.lock").write_text("flask==3.1.3\n")
    code, out, err = machine.install()
    assert (code, err) == (0, [])
    assert "      1 packages are here, installing them" in out
    first = machine.did()
    assert [line.split()[0] for line in first] == ["pip", "npm", "npm", "-m"]
    assert "-c requirements.lock -e .[hub,demo]" in first[0]
    assert machine.install() == (0, [], [])
    assert machine.did() == []
    (machine.root / "requirements.lock").write_text("flask==3.1.4\n")
    machine.install()
    assert [line.split()[0] for line in machine.did()] == ["pip"]


def test_a_step_that_failed_is_repeated(machine: Machine) -> None:
    (machine.root / "broken").touch()
    code, _out, _err = machine.install()
    assert code != 0
    assert len(machine.did()) == 1
    (machine.root / "broken").unlink()
    assert machine.install()[0] == 0
    assert len(machine.did()) == 4


def test_what_the_tests_need_is_enough_for_the_demo(machine: Machine) -> None:
    for program in ("chromium", "redis-server", "pdftoppm", "git"):
        machine.add(program)
    assert list(Path("/usr/lib/postgresql").glob("*/bin/initdb")), "PostgreSQL is not installed"
    assert machine.install("test")[0] == 0
    machine.did()
    assert machine.install("demo") == (0, [], [])
    assert machine.did() == []
