"""What the demo starts with."""

from pathlib import Path

import pytest

from lti_tool.app.demo import Ports, list_processes, make_environment
from lti_tool.app.supervise import StartError
from tests.conftest import make_settings


def test_ports_can_be_moved() -> None:
    assert Ports.from_env({}) == Ports(8400, 8401, 8402)
    assert Ports.from_env({"COURSEBRIDGE_DEMO_LMS_PORT": "9401"}) == Ports(8400, 9401, 8402)


@pytest.mark.parametrize("value", ["", "x", "0", "-1", "65534", "1e3"])
def test_a_port_that_is_none_is_one_line(value: str) -> None:
    with pytest.raises(StartError, match=r"COURSEBRIDGE_DEMO_HUB_PORT is .* not a port number from 1 to 65533"):
        Ports.from_env({"COURSEBRIDGE_DEMO_HUB_PORT": value})


def test_each_set_of_ports_has_its_own_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSEBRIDGE_DATA_DIR", "/srv/data")
    usual = make_environment("canvas", Ports())["COURSEBRIDGE_DATA_DIR"]
    moved = make_environment("canvas", Ports(hub=9402))["COURSEBRIDGE_DATA_DIR"]
    assert (usual, moved) == ("/srv/data/demo-canvas", "/srv/data/demo-canvas-8400-8401-9402")


def test_the_hub_has_a_name_that_others_can_stand_below(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COURSEBRIDGE_HUB__URL", raising=False)
    assert make_environment("moodle", Ports(hub=9402))["COURSEBRIDGE_HUB__URL"] == "http://hub.localhost:9402"
    monkeypatch.setenv("COURSEBRIDGE_HUB__URL", "http://127.0.0.1:9402")  # for a browser that does not know it
    assert make_environment("moodle", Ports(hub=9402))["COURSEBRIDGE_HUB__URL"] == "http://127.0.0.1:9402"


def test_everything_listens_on_this_machine_only(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, "sqlite:///x")
    processes = list_processes(settings, "moodle", Ports())
    hosts = {host for process in processes for host, _port in process.ports}
    assert hosts == {"127.0.0.1"}
    assert all(process.port_setting.startswith("COURSEBRIDGE_DEMO_") for process in processes if process.ports)


def test_the_data_directory_is_private(tmp_path: Path) -> None:
    settings = make_settings(tmp_path / "new", "sqlite:///x")
    assert settings.data_dir.stat().st_mode & 0o777 == 0o700
