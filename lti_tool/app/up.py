"""`coursebridge up`: web server and workers on this machine, migrated first."""

from config.settings import Settings
from lti_tool.app.migrate import migrate
from lti_tool.app.process import make_process
from lti_tool.app.supervise import Process, Supervisor, python
from lti_tool.kernel.logging import configure_logging


def serve_command(settings: Settings) -> list[str]:
    """The command line of the web server (granian)."""
    web = settings.web
    serve = python(
        "-m", "granian", "--interface", "wsgi", "--factory", "lti_tool.app.factory:create_app", "--no-access-log"
    )
    serve += ["--host", web.host, "--port", str(web.port), "--workers", str(web.workers)]
    return [*serve, "--blocking-threads", str(web.threads), "--log-level", "warning"]


def list_processes(settings: Settings, port_setting: str = "COURSEBRIDGE_WEB__PORT") -> list[Process]:
    """The web server, a worker for marking, and one for everything else that sweeps too."""
    web, serve = settings.web, serve_command(settings)
    host = f"[{web.host}]" if ":" in web.host else web.host
    work = python("-m", "lti_tool.app", "worker", "--queues")
    return [
        Process("web", serve, {}, f"http://{host}:{web.port}/readyz", [(web.host, web.port)], port_setting),
        Process("marking", [*work, "grade", "--concurrency", str(settings.jobs.concurrency), "--no-beat"]),
        Process("worker", [*work, "passback,mail,default", "--concurrency", "4", "--threads"]),
    ]


def run(settings: Settings) -> None:
    """Migrate, start, and run until Ctrl-C. Raises: StartError."""
    configure_logging(settings.log_level)
    supervisor = Supervisor(list_processes(settings))
    supervisor.check()
    runtime, _plugins = make_process(settings)
    migrate(runtime.db)
    runtime.db.close()
    supervisor.start()
    print(f"Coursebridge is up at {settings.root_url} (Ctrl-C stops it).", flush=True)
    supervisor.run()
