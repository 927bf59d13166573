"""JupyterHub for Coursebridge. Everything comes from the environment; `jupyter_ext/hub/settings.py` names it all.

Run it with `python -m jupyter_ext.hub`. To change something only on one machine, write a file of your own that starts
with `load_subconfig("…/config/jupyterhub_config.py")` and sets what differs.
"""

import sys
from pathlib import Path

from jupyter_ext.hub.admission import admission
from jupyter_ext.hub.line import Line, in_line
from jupyter_ext.hub.settings import ROOT, HubSettings, origin_of

c = get_config()  # JupyterHub defines it while it reads this file
settings = HubSettings.from_env()
settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
(settings.state_dir / "logs").mkdir(mode=0o700, exist_ok=True)

# what the Hub starts ends when the Hub ends
with_us = ["/usr/bin/setpriv", "--pdeathsig", "TERM", "--"] if Path("/usr/bin/setpriv").exists() else []

# ---- addresses: the proxy faces the browser, everything else stays on loopback ----
c.JupyterHub.bind_url = settings.bind_url
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{settings.api_port}"
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{settings.proxy_port}"
c.ConfigurableHTTPProxy.command = [*with_us, *settings.proxy_command]
c.ConfigurableHTTPProxy.pid_file = str(settings.state_dir / "proxy.pid")
if settings.subdomains:
    # every person's servers on a host name of their own: no page of theirs is a page of the Hub (docs/adr/0008)
    c.JupyterHub.subdomain_host = settings.public_url
    c.JupyterHub.cookie_host_prefix_enabled = settings.is_secure  # or a server could set the Hub's cookies
# CONFIGPROXY_AUTH_TOKEN may be given; else JupyterHub makes one at each start and hands it to the proxy it starts.

# ---- state: in the data directory, where no server reaches it ----
c.JupyterHub.db_url = f"sqlite:///{settings.state_dir / 'jupyterhub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(settings.state_dir / "cookie_secret")
c.JupyterHub.cookie_max_age_days = 1
c.JupyterHub.tornado_settings = {"cookie_options": {"samesite": "Lax", "secure": settings.is_secure}}
c.JupyterHub.cleanup_servers = not settings.keep_servers

# ---- people: the tool decided who may come before it gave a ticket, so everyone with a ticket may ----
c.JupyterHub.authenticator_class = "jupyter_ext.hub.authenticator.CoursebridgeAuthenticator"
c.CoursebridgeAuthenticator.tool_url = settings.tool_url
c.CoursebridgeAuthenticator.service_token = settings.service_token
c.CoursebridgeAuthenticator.tool_origin = settings.tool_origin
c.CoursebridgeAuthenticator.hub_origin = origin_of(settings.public_url)
c.CoursebridgeAuthenticator.allow_all = True
c.CoursebridgeAuthenticator.admin_users = set()
c.CoursebridgeAuthenticator.manage_groups = True
c.CoursebridgeAuthenticator.auth_refresh_age = settings.role_check_s

# ---- servers ----
c.JupyterHub.spawner_class = (
    "jupyter_ext.hub.spawner.BubblewrapSpawner" if settings.spawner == "bubblewrap" else settings.spawner
)
# KubeSpawner, DockerSpawner: set COURSEBRIDGE_JUPYTERHUB_SPAWNER to the class, make an image with `pip install
# coursebridge[hub]`, and mount the homes at /home/learner and, for a grader's server, what `places.course_mounts` says
# for its course (`spawner.grade_course` is the key). docs/hub.md shows both. The two lines below count for all.
c.Spawner.pre_spawn_hook = in_line(Line(settings.concurrent_spawns), admission(settings))
c.Spawner.cmd = [sys.executable, "-m", "jupyter_ext.server"]
c.Spawner.env_keep = ["LANG", "LC_ALL", "TZ"]
c.Spawner.default_url = "/lab"
c.Spawner.start_timeout = 60
c.Spawner.http_timeout = 60
c.Spawner.mem_limit = settings.memory_mb * 2**20 or None
c.BubblewrapSpawner.homes = str(settings.data_dir / "homes")
c.BubblewrapSpawner.writing = str(settings.data_dir / "writing")
c.BubblewrapSpawner.courses = str(settings.data_dir / "courses")
c.BubblewrapSpawner.environments = str(settings.environments)
c.BubblewrapSpawner.logs = str(settings.state_dir / "logs")
c.BubblewrapSpawner.read_only_paths = [
    str(path)
    for path in (ROOT / "jupyter_ext", ROOT / "config" / "nbgrader_config.py", *settings.kernel_folders)
    if path.exists()
]
c.BubblewrapSpawner.hidden_paths = [
    str(path)
    for path in (settings.data_dir, *(ROOT / name for name in ("config", "grading", "lti_tool", "plugins", "tests")))
]
c.BubblewrapSpawner.process_limit = settings.processes
c.BubblewrapSpawner.cpu_seconds = settings.cpu_s
c.BubblewrapSpawner.file_bytes = settings.file_mb * 2**20
c.JupyterHub.concurrent_spawn_limit = 0  # it would turn people away; they wait in our line instead
c.JupyterHub.allow_named_servers = True
c.JupyterHub.named_server_limit_per_user = settings.grade_servers

# ---- rights: people use and stop their own servers; one service stops those that nobody uses, one those that are not
# theirs any more; nobody is an administrator ----
c.JupyterHub.load_roles = [
    {
        "name": "user",
        "scopes": ["read:users!user", "servers!user", "access:servers!user", "users:activity!user"],
    },
    {
        "name": "idle-culler",
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
        "services": ["idle-culler"],
    },
    {
        "name": "role-watch",
        "scopes": ["list:users", "read:servers", "delete:servers"],
        "services": ["role-watch"],
    },
]
c.JupyterHub.services = [
    {
        "name": "idle-culler",
        "command": [
            *with_us,  # ends with the Hub
            *(sys.executable, "-m", "jupyterhub_idle_culler"),
            *(
                f"--timeout={settings.idle_s}",
                f"--max-age={settings.max_age_s}",
                f"--cull-every={max(1, min(60, settings.idle_s // 4))}",
            ),
            "--remove-named-servers=true",
        ],
    },
    {
        "name": "role-watch",
        "command": [*with_us, sys.executable, "-m", "jupyter_ext.hub.role_watch"],
        "environment": {
            "COURSEBRIDGE_URL": settings.tool_url,
            "COURSEBRIDGE_HUB__SERVICE_TOKEN": settings.service_token,
            "COURSEBRIDGE_JUPYTERHUB_ROLE_CHECK_S": str(settings.role_check_s),
        },
        "cwd": str(ROOT),
    },
]

# ---- pages ----
c.JupyterHub.template_paths = [str(ROOT / "jupyter_ext" / "hub" / "templates")]
c.JupyterHub.default_url = "/hub/home"
