"""`make test`: every check, one after the other, each with its time. Arguments go to pytest and run that part alone."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PYTEST = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder", "-q"]
ON_POSTGRESQL = ["tests/unit", "tests/functional", "tests/lti_conformance", "tests/durability"]

STEPS: list[tuple[str, list[str], dict[str, str]]] = [
    ("Style", [sys.executable, "-m", "ruff", "check", "."], {}),
    ("Format", [sys.executable, "-m", "ruff", "format", "--check", "--quiet", "."], {}),
    ("Floors", [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"], {}),
    ("Types", [sys.executable, "-m", "mypy"], {}),
    (
        "Tests on PostgreSQL",
        [*PYTEST, "-m", "not one_database", *ON_POSTGRESQL],
        {"COURSEBRIDGE_TEST_DATABASE": "postgresql"},
    ),
    ("Tests on SQLite", [*PYTEST, "tests"], {}),
]


def main() -> int:
    """Run the steps; stop at the first that fails, so that its output is the last to be read."""
    if len(sys.argv) > 1:
        return run([sys.executable, "-m", "pytest", *sys.argv[1:]], {})
    if any(Path(sys.prefix).is_relative_to(folder) for folder in ("/tmp", "/var/tmp")):
        print("Note: sandboxes have a /tmp and a /var/tmp of their own. Below these, marking has no warm process")
        print("(docs/adr/0017), notebook servers do not start, and tests of both fail. Clone elsewhere.")
    began = time.monotonic()
    passed = []
    for name, command, environment in STEPS:
        print(f"\n==> {name}", flush=True)
        since = time.monotonic()
        code = run(command, environment)
        print(f"==> {name}: {'ok' if code == 0 else 'FAILED'} after {time.monotonic() - since:.0f} s", flush=True)
        if code:
            return code
        passed.append(f"{name} {time.monotonic() - since:.0f} s")
    print(f"\nAll checks passed in {time.monotonic() - began:.0f} s: {', '.join(passed)}.")
    return 0


def run(command: list[str], environment: dict[str, str]) -> int:
    """Its exit code. Containers at times forbid bytecode: hundreds of processes would compile all that they import."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # in a shell's background all would ignore it, servers too
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.run(command, env=kept | environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
