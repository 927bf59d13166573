"""Start a campus: ``python -m lti_tool.demo --profile moodle``."""

from __future__ import annotations

import argparse
import signal
import sys
from types import FrameType

from lti_tool.demo.config import CampusConfig
from lti_tool.demo.profiles import PROFILES
from lti_tool.demo.server import run_campus


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted or terminated; returns the exit code."""
    usual = CampusConfig()
    parser = argparse.ArgumentParser(prog="python -m lti_tool.demo", description=__doc__)
    parser.add_argument("--profile", choices=sorted(PROFILES), default=usual.profile)
    parser.add_argument("--host", default=usual.host, help="a loopback address")
    parser.add_argument("--port", type=int, default=usual.port)
    parser.add_argument("--base-url", help="public URL, when it is not http://HOST:PORT")
    parser.add_argument("--issuer", help="issuer, when it is not the base URL")
    parser.add_argument("--database", default=usual.database, help="SQLite file; by default nothing is kept")
    parser.add_argument("--test-api", action="store_true", help="serve the JSON test API under /_test, without login")
    config = CampusConfig(**vars(parser.parse_args(arguments)))
    signal.signal(signal.SIGTERM, _stop)
    try:
        run_campus(config)
    except OSError as error:
        print(f"The demo LMS cannot listen on {config.host}:{config.port}: {error.strerror}.", file=sys.stderr)
        return 1
    return 0


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
