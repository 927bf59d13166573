"""Processes run as one: started, awaited, restarted, stopped."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import pytest

from lti_tool.app.supervise import Process, StartError, Supervisor, check_ports, python
from tests.servers import free_port

SERVE = (
    "from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer;"
    "ThreadingHTTPServer(('127.0.0.1', {port}), SimpleHTTPRequestHandler).serve_forever()"
)


def server(port: int, name: str = "server") -> Process:
    return Process(
        name, python("-c", SERVE.format(port=port)), ready_url=f"http://127.0.0.1:{port}/", ports=[("127.0.0.1", port)]
    )


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_it_waits_until_ready_and_stops_all() -> None:
    port = free_port()
    supervisor = Supervisor([server(port)])
    supervisor.start()
    assert is_listening(port)
    supervisor.stop()
    assert not is_listening(port)


def test_a_port_in_use_is_one_clear_line_before_anything_starts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=f"Port {port} on 127.0.0.1, which server needs, is in use"):
            Supervisor([server(port)]).start()


def test_a_process_that_ends_at_its_start_stops_the_others() -> None:
    port = free_port()
    broken = Process("broken", python("-c", "raise SystemExit(3)"), ready_url="http://127.0.0.1:1/")
    with pytest.raises(StartError, match=r"broken ended at its start \(exit code 3\)"):
        Supervisor([server(port), broken]).start()
    assert not is_listening(port)


def run_supervisor(script: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True)


def wait_for(condition: object, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_dies_is_started_again_and_ctrl_c_stops_everything(tmp_path: Path) -> None:
    port = free_port()
    script = f"""
        from tests.unit.app.test_supervise import server
        from lti_tool.app.supervise import Supervisor
        supervisor = Supervisor([server({port})])
        supervisor.start()
        print(supervisor._running["server"].pid, flush=True)
        supervisor.run()
    """
    running = run_supervisor(script)
    assert running.stdout is not None
    os.kill(int(running.stdout.readline()), signal.SIGKILL)
    wait_for(lambda: not is_listening(port))
    wait_for(lambda: is_listening(port))
    running.send_signal(signal.SIGINT)
    assert running.wait(120) == 0
    assert not is_listening(port)
    running.stdout.close()


def test_children_end_when_the_supervisor_is_killed() -> None:
    port = free_port()
    running = run_supervisor(f"""
        from tests.unit.app.test_supervise import server
        from lti_tool.app.supervise import Supervisor
        supervisor = Supervisor([server({port})])
        supervisor.start()
        print("started", flush=True)
        supervisor.run()
    """)
    assert running.stdout is not None
    running.stdout.readline()
    running.kill()
    running.wait()
    running.stdout.close()
    wait_for(lambda: not is_listening(port))


def test_what_a_process_leaves_behind_in_a_session_of_its_own_is_stopped_too() -> None:
    port, other = free_port(), free_port()
    leave = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SERVE.format(port=other)!r}]"
    careless = Process(
        "careless",
        python("-c", f"{leave}, start_new_session=True); {SERVE.format(port=port)}"),
        ready_url=f"http://127.0.0.1:{other}/",
    )
    supervisor = Supervisor([careless])
    supervisor.start()
    supervisor.stop()
    wait_for(lambda: not is_listening(other))


def test_one_that_does_not_stop_is_killed_when_its_time_is_over() -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    port = free_port()
    supervisor = Supervisor([replace(server(port), argv=python("-c", deaf + SERVE.format(port=port)), stop_s=0.2)])
    supervisor.start()
    supervisor.stop()
    assert not is_listening(port)


def test_children_hear_an_interrupt_though_we_were_started_in_the_background(tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    code = f"import signal; open({str(heard)!r}, 'w').write(str(signal.getsignal(signal.SIGINT) is signal.SIG_IGN))"
    running = run_supervisor(f"""
        import signal
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        from lti_tool.app.supervise import Process, Supervisor, python
        supervisor = Supervisor([Process("child", python("-c", {code!r}))])
        supervisor.start()
        supervisor._running["child"].wait()
    """)
    assert running.wait(120) == 0
    assert running.stdout is not None
    running.stdout.close()
    assert heard.read_text() == "False"


def test_a_port_that_may_not_be_opened_names_the_setting() -> None:
    process = replace(server(1), ports=[("203.0.113.1", 9)], port_setting="COURSEBRIDGE_WEB__PORT")
    with pytest.raises(StartError, match=r"cannot be opened .*Choose another with COURSEBRIDGE_WEB__PORT"):
        check_ports(process)
