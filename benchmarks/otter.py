"""otter-grader beside us: its command, without a container, on the same notebooks with tests that say the same.

It has a virtual environment of its own (0.6 GB, made at the first run), because its requirements are not ours.
"""

import json
import subprocess
import sys
import tempfile
import venv
import zipfile
from collections.abc import Mapping
from pathlib import Path

VERSION = "7.0.0"
HOME = Path(__file__).with_name(".otter")
OTTER = HOME / "bin" / "otter"
TEST = """OK_FORMAT = False
from otter.test_files import test_case
name = "{name}"
points = {points}


@test_case(points={points})
def check(env):
    {name} = env["{name}"]
    {check}
"""


def install() -> None:
    """Make the environment, unless it is there."""
    if not OTTER.exists():
        print(f"otter-grader {VERSION}: installing it in {HOME.relative_to(HOME.parents[1])}", flush=True)
        venv.create(HOME, with_pip=True, clear=True)
        wanted = [f"otter-grader[grading]=={VERSION}", "numpy", "pandas"]
        subprocess.run([HOME / "bin" / "python", "-m", "pip", "install", "-q", *wanted], check=True, stdout=sys.stderr)


class Otter:
    """One assignment, as otter packs it."""

    def __init__(self, folder: Path, points: int, checks: Mapping[str, str]) -> None:
        """`checks`: the statement that must not raise, by the name of the function that it is about."""
        install()
        folder.mkdir(parents=True)
        self.points: dict[str, float] = {}
        """Of each learner's submission."""
        self.autograder = folder / "autograder.zip"
        with zipfile.ZipFile(self.autograder, "w") as packed:
            packed.writestr("otter_config.json", "{}")
            for name, check in checks.items():
                packed.writestr(f"tests/{name}.py", TEST.format(name=name, points=points, check=check))

    def mark(self, learner: str, files: Mapping[str, bytes]) -> None:
        """`otter run` on a submission; keeps its points.

        Raises:
            RuntimeError: the command failed.
        """
        with tempfile.TemporaryDirectory() as place:
            ((name, content),) = files.items()
            (Path(place) / name).write_bytes(content)
            command = [str(OTTER), "run", name, "-a", str(self.autograder), "-o", place, "--no-logo"]
            done = subprocess.run(command, capture_output=True, text=True, cwd=place, check=False)
            if done.returncode != 0:
                raise RuntimeError(done.stderr)
            results = json.loads((Path(place) / "results.json").read_text())
        self.points[learner] = sum(float(test.get("score", 0.0)) for test in results["tests"])
