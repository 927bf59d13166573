"""What the Hub reads from its environment."""

from pathlib import Path

import pytest

from jupyter_ext.hub.settings import HubSettings, HubSettingsError


def environment(data_dir: Path, **more: str) -> dict[str, str]:
    return {
        "COURSEBRIDGE_DATA_DIR": str(data_dir),
        "COURSEBRIDGE_JUPYTERHUB_PROXY_COMMAND": "node proxy.js",
        "COURSEBRIDGE_HUB__SERVICE_TOKEN": "secret",
        **more,
    }


def test_ports_follow_the_hubs_address(tmp_path: Path) -> None:
    settings = HubSettings.from_env(environment(tmp_path, COURSEBRIDGE_HUB__URL="http://127.0.0.1:9000/"))
    assert (settings.public_url, settings.api_port, settings.proxy_port) == ("http://127.0.0.1:9000", 9001, 9002)


def test_token_is_read_from_the_data_directory(tmp_path: Path) -> None:
    (tmp_path / "hub.token").write_text("made-by-the-tool\n")
    settings = HubSettings.from_env(environment(tmp_path, COURSEBRIDGE_HUB__SERVICE_TOKEN=""))
    assert settings.service_token == "made-by-the-tool"


def test_missing_token_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(HubSettingsError, match="Start the tool first"):
        HubSettings.from_env(environment(tmp_path, COURSEBRIDGE_HUB__SERVICE_TOKEN=""))


def test_a_number_that_is_none_names_its_variable(tmp_path: Path) -> None:
    with pytest.raises(HubSettingsError, match="COURSEBRIDGE_JUPYTERHUB_IDLE_S is 'soon'"):
        HubSettings.from_env(environment(tmp_path, COURSEBRIDGE_JUPYTERHUB_IDLE_S="soon"))


def test_proxy_is_a_command_line(tmp_path: Path) -> None:
    assert HubSettings.from_env(environment(tmp_path)).proxy_command == ("node", "proxy.js")
