"""Runs JupyterHub with our configuration: `python -m jupyter_ext.hub`.

The process becomes JupyterHub itself, so whoever supervises it signals JupyterHub: SIGTERM stops the Hub, its proxy and
(unless COURSEBRIDGE_JUPYTERHUB_KEEP_SERVERS=1) the servers. `--check` only says whether the Hub could start.
"""

import os
import sys
from collections.abc import Mapping

from jupyter_ext.hub.sandbox import bwrap
from jupyter_ext.hub.settings import ROOT, HubSettings, HubSettingsError, python

CONFIG_FILE = ROOT / "config" / "jupyterhub_config.py"


def command() -> list[str]:
    """The words that run JupyterHub with our configuration."""
    return [python(), "-m", "jupyter_ext.hub.start", "-f", str(CONFIG_FILE)]


def check(environ: Mapping[str, str] = os.environ) -> list[str]:
    """What stands in the way of starting, one readable line each."""
    try:
        settings = HubSettings.from_env(environ)
        if settings.spawner == "bubblewrap":
            bwrap()
    except (HubSettingsError, FileNotFoundError) as error:
        return [str(error)]
    return []


def notes(environ: Mapping[str, str] = os.environ) -> list[str]:
    """What the Hub starts with all the same, but whoever runs it should know."""
    settings = HubSettings.from_env(environ)
    found = []
    if not settings.subdomains:
        found.append(
            "Every person's server shares the address of the Hub, so a page on one learner's server can act in the Hub "
            "for whoever opens it: start and stop their servers, and read and change their files. Give the Hub a name "
            "with wildcard DNS and set COURSEBRIDGE_JUPYTERHUB_SUBDOMAINS=1 (docs/hub.md, Host names)."
        )
    elif not settings.is_secure:
        found.append("COURSEBRIDGE_HUB__URL is not https, so a learner's server can set cookies that the Hub reads.")
    return found


def main() -> int:
    """Become JupyterHub; returns only when something stands in the way, or for `--check`."""
    problems = check()
    for problem in problems:
        print(f"JupyterHub cannot start: {problem}", file=sys.stderr)
    for note in [] if problems else notes():
        print(f"JupyterHub starts, but: {note}", file=sys.stderr)
    if not problems and "--check" not in sys.argv[1:]:
        words = command()
        os.execv(words[0], words)  # noqa: S606 - our own words, and no shell is wanted
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
