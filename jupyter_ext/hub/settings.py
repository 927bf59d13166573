"""What the Hub is told by its environment.

Variables shared with the tool keep the tool's names (`COURSEBRIDGE_HUB__SERVICE_TOKEN`, `COURSEBRIDGE_DATA_DIR`, ...);
those that only the Hub reads start with `COURSEBRIDGE_JUPYTERHUB_`.
"""

import json
import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
"""Folder that holds `jupyter_ext` and `config`: the checkout, or site-packages."""

ONLY_HUB = "COURSEBRIDGE_JUPYTERHUB_"


class HubSettingsError(Exception):
    """A setting is missing or wrong; the message says which and what to do."""


@dataclass(frozen=True)
class HubSettings:
    """Everything that can be set on the Hub's side; times in seconds, sizes in MiB."""

    tool_url: str
    """Address of the tool as the Hub and the single-user servers reach it."""
    service_token: str
    """Secret shared by Hub and tool."""
    data_dir: Path
    """The tool's data directory; the Hub keeps `hub/` and `homes/` in it and mounts parts of `courses/` for graders."""
    environments: Path = Path("environments")
    """Where servers find the environments of quizzes: in the data directory, unless something else mounts them."""
    kernel_folders: tuple[Path, ...] = ()
    """What other kernels need besides `/usr`: the tool's `quizzes.kernel_folders`."""
    public_url: str = "http://127.0.0.1:8402"
    """Address of the Hub as browsers reach it, without `/hub`."""
    subdomains: bool = False
    """Every person's servers answer on a host name of their own below the Hub's (docs/adr/0008)."""
    tool_origin: str = "http://localhost:8400"
    """Scheme, host and port of the tool as browsers reach it: where a ticket is posted from."""
    bind_url: str = "http://127.0.0.1:8402"
    """Where the proxy listens."""
    api_port: int = 8403
    """Loopback port of the Hub process itself."""
    proxy_port: int = 8404
    """Loopback port of the proxy's own API."""
    proxy_command: tuple[str, ...] = ("configurable-http-proxy",)
    """How to start configurable-http-proxy."""
    spawner: str = "bubblewrap"
    """`bubblewrap`, or the dotted name of another spawner class."""
    memory_mb: int = 2048
    """Most memory of one process of a server, 0 for no limit."""
    processes: int = 512
    """Most processes and threads of one server."""
    cpu_s: int = 0
    """Most CPU time of one process, 0 for no limit."""
    file_mb: int = 1024
    """Largest file a server may write."""
    idle_s: int = 1800
    """A server nobody used for this long is stopped."""
    role_check_s: int = 60
    """How often the tool is asked what people may still do: servers they may not have any more are stopped."""
    max_age_s: int = 0
    """A server this old is stopped even when it is in use, 0 for never."""
    concurrent_spawns: int = max(4, 2 * (os.cpu_count() or 1))
    """Servers that may be starting at the same time, 0 for no limit; the others wait in a line."""
    grade_servers: int = 20
    """Courses whose formgrader one person may have open."""
    keep_servers: bool = False
    """Leave servers running when the Hub stops, so that the next Hub finds them."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> "HubSettings":
        """Read the environment. Raises: HubSettingsError."""
        data_dir = Path(environ.get("COURSEBRIDGE_DATA_DIR") or "var").absolute()
        public_url = (environ.get("COURSEBRIDGE_HUB__URL") or cls.public_url).rstrip("/")
        bind_url = environ.get(ONLY_HUB + "BIND_URL") or _on_loopback(public_url)
        port = urlsplit(bind_url).port or 8402
        tool_url = environ.get("COURSEBRIDGE_URL") or environ.get("COURSEBRIDGE_BASE_URL") or "http://localhost:8400"
        return cls(
            tool_url=tool_url.rstrip("/"),
            tool_origin=origin_of(environ.get("COURSEBRIDGE_BASE_URL") or tool_url),
            service_token=environ.get("COURSEBRIDGE_HUB__SERVICE_TOKEN") or _token_file(data_dir / "hub.token"),
            data_dir=data_dir,
            environments=Path(environ.get(ONLY_HUB + "ENVIRONMENTS") or data_dir / "environments"),
            kernel_folders=_folders(environ, "COURSEBRIDGE_QUIZZES__KERNEL_FOLDERS"),
            public_url=public_url,
            subdomains=_subdomains(environ, public_url),
            bind_url=bind_url,
            api_port=_number(environ, "API_PORT", port + 1),
            proxy_port=_number(environ, "PROXY_PORT", port + 2),
            proxy_command=_proxy_command(environ),
            spawner=environ.get(ONLY_HUB + "SPAWNER") or cls.spawner,
            memory_mb=_number(environ, "MEMORY_MB", cls.memory_mb),
            processes=_number(environ, "PROCESSES", cls.processes),
            cpu_s=_number(environ, "CPU_S", cls.cpu_s),
            file_mb=_number(environ, "FILE_MB", cls.file_mb),
            idle_s=_number(environ, "IDLE_S", cls.idle_s),
            role_check_s=max(1, _number(environ, "ROLE_CHECK_S", cls.role_check_s)),
            max_age_s=_number(environ, "MAX_AGE_S", cls.max_age_s),
            concurrent_spawns=_number(environ, "CONCURRENT_SPAWNS", cls.concurrent_spawns),
            grade_servers=_number(environ, "GRADE_SERVERS", cls.grade_servers),
            keep_servers=_number(environ, "KEEP_SERVERS", 0) > 0,
        )

    @property
    def is_secure(self) -> bool:
        """Whether browsers take `Secure` cookies from the Hub: over https, and from names that are this machine."""
        return self.public_url.startswith("https:") or _is_this_machine(self.public_url)

    @property
    def state_dir(self) -> Path:
        """The Hub's database, cookie secret and pid file; no server ever sees it."""
        return self.data_dir / "hub"

    def home(self, user: str) -> Path:
        """Home folder of one person."""
        return self.data_dir / "homes" / user


def origin_of(url: str) -> str:
    """Scheme, host and port as a browser writes them in `Origin`: lower case, without the scheme's usual port."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port and parts.port != usual else "")


def _is_this_machine(url: str) -> bool:
    """Whether the host is a name below `localhost`, which browsers resolve by themselves (RFC 6761, section 6.3)."""
    return (urlsplit(url).hostname or "").endswith(".localhost")


def _on_loopback(url: str) -> str:
    """The same port by number where the name is one that browsers know but the C library may not."""
    return f"http://127.0.0.1:{urlsplit(url).port or 80}" if _is_this_machine(url) else url


def _subdomains(environ: Mapping[str, str], public_url: str) -> bool:
    """What the environment says; without a word, yes where names below the Hub's need no DNS."""
    wanted = _number(environ, "SUBDOMAINS", int(_is_this_machine(public_url))) > 0
    if wanted and not can_have_subdomains(public_url):
        raise HubSettingsError(
            f"{ONLY_HUB}SUBDOMAINS needs a host name that others can stand below, and COURSEBRIDGE_HUB__URL is "
            f"{public_url}: use a name of its own (docs/hub.md), or http://hub.localhost:8402 on one machine."
        )
    return wanted


def can_have_subdomains(url: str) -> bool:
    """Whether the host is a name of at least two parts, not an address, and nothing follows it."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return "." in host and ":" not in host and not host.split(".")[-1].isdecimal() and parts.path in {"", "/"}


def _number(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(ONLY_HUB + name, "").strip()
    if not text:
        return default
    if not text.isdigit():
        raise HubSettingsError(f"{ONLY_HUB}{name} is {text!r}: give a whole number.")
    return int(text)


def _folders(environ: Mapping[str, str], name: str) -> tuple[Path, ...]:
    """A list of folders as the tool reads it from its environment: JSON."""
    try:
        found = json.loads(environ.get(name) or "[]")
    except ValueError:
        found = None
    if not isinstance(found, list) or not all(isinstance(path, str) and path.startswith("/") for path in found):
        raise HubSettingsError(f'{name} is a list of folders in JSON: ["/etc/R"].')
    return tuple(map(Path, found))


def _token_file(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError as error:
        raise HubSettingsError(
            "COURSEBRIDGE_HUB__SERVICE_TOKEN is not set and the tool has not made one yet in its data directory. "
            "Start the tool first, or set the variable to the same secret for the tool and the Hub."
        ) from error


def _proxy_command(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The proxy named by the environment, the one `npm ci --prefix config/hub` installs, or one on PATH."""
    if named := environ.get(ONLY_HUB + "PROXY_COMMAND"):
        return tuple(shlex.split(named))
    script = ROOT / "config" / "hub" / "node_modules" / "configurable-http-proxy" / "bin" / "configurable-http-proxy"
    node = shutil.which("node", path=environ.get("PATH")) or shutil.which("nodejs", path=environ.get("PATH"))
    if script.exists() and node:
        return (node, str(script))
    if on_path := shutil.which("configurable-http-proxy", path=environ.get("PATH")):
        return (on_path,)
    missing = "Node.js 18 or newer (Debian: `apt-get install nodejs npm`), then " if not node else ""
    raise HubSettingsError(
        f"The Hub's proxy is not installed: {missing}run `npm ci --prefix {ROOT / 'config' / 'hub'}`."
    )


def python() -> str:
    """The interpreter that runs the Hub, which also runs the servers on this machine."""
    return sys.executable
