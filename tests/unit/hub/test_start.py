"""What the Hub and single-user servers start with."""

import subprocess
import sys
from importlib.util import find_spec


def test_grammar_that_takes_seconds_to_build_and_nobody_asks_for_is_left_out() -> None:
    assert find_spec("lark"), "jsonschema would use it"
    code = "import jupyter_ext, jsonschema, sys; sys.exit('lark' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
