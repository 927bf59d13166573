"""What the Hub reads from its environment."""

from pathlib import Path

import pytest

from jupyter_ext.hub.__main__ import notes
from jupyter_ext.hub.settings import HubSettings, HubSettingsError, origin_of


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


def test_environments_are_in_the_data_directory_unless_something_else_mounts_them(tmp_path: Path) -> None:
    assert HubSettings.from_env(environment(tmp_path)).environments == tmp_path / "environments"
    elsewhere = environment(tmp_path, COURSEBRIDGE_JUPYTERHUB_ENVIRONMENTS="/environments")
    assert HubSettings.from_env(elsewhere).environments == Path("/environments")


def test_folders_of_other_kernels_are_those_that_the_tool_shows_them(tmp_path: Path) -> None:
    name = "COURSEBRIDGE_QUIZZES__KERNEL_FOLDERS"
    assert HubSettings.from_env(environment(tmp_path, **{name: '["/etc/R"]'})).kernel_folders == (Path("/etc/R"),)
    for wrong in ("/etc/R", '"/etc/R"', "[3]", '["etc/R"]'):
        with pytest.raises(HubSettingsError, match=f"{name} is a list of folders"):
            HubSettings.from_env(environment(tmp_path, **{name: wrong}))


def test_proxy_is_a_command_line(tmp_path: Path) -> None:
    assert HubSettings.from_env(environment(tmp_path)).proxy_command == ("node", "proxy.js")


def test_names_below_localhost_need_no_dns_and_are_bound_by_number(tmp_path: Path) -> None:
    settings = HubSettings.from_env(environment(tmp_path, COURSEBRIDGE_HUB__URL="http://hub.localhost:9000"))
    assert settings.subdomains
    assert settings.is_secure  # browsers keep `Secure` cookies there
    assert (settings.bind_url, settings.api_port) == ("http://127.0.0.1:9000", 9001)


def test_subdomains_are_asked_for_where_they_need_dns(tmp_path: Path) -> None:
    where = {"COURSEBRIDGE_HUB__URL": "https://hub.example.org"}
    assert not HubSettings.from_env(environment(tmp_path, **where)).subdomains
    assert HubSettings.from_env(environment(tmp_path, **where, COURSEBRIDGE_JUPYTERHUB_SUBDOMAINS="1")).subdomains
    local = environment(
        tmp_path, COURSEBRIDGE_HUB__URL="http://hub.localhost:1", COURSEBRIDGE_JUPYTERHUB_SUBDOMAINS="0"
    )
    assert not HubSettings.from_env(local).subdomains


@pytest.mark.parametrize("url", ["http://127.0.0.1:8402", "http://[::1]:8402", "http://localhost:8402", "https://hub"])
def test_subdomains_need_a_name_to_stand_below(tmp_path: Path, url: str) -> None:
    with pytest.raises(HubSettingsError, match="needs a host name"):
        HubSettings.from_env(environment(tmp_path, COURSEBRIDGE_HUB__URL=url, COURSEBRIDGE_JUPYTERHUB_SUBDOMAINS="1"))


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Tool.Example.org/x/", "https://tool.example.org"),
        ("https://tool.example.org:443", "https://tool.example.org"),
        ("http://localhost:8400", "http://localhost:8400"),
        ("http://[::1]:8400/", "http://[::1]:8400"),
    ],
)
def test_origin_is_written_as_browsers_write_it(url: str, origin: str) -> None:
    assert origin_of(url) == origin


def test_check_says_what_one_address_for_all_gives_up(tmp_path: Path) -> None:
    shared = environment(tmp_path, COURSEBRIDGE_HUB__URL="https://hub.example.org")
    assert any("COURSEBRIDGE_JUPYTERHUB_SUBDOMAINS=1" in line for line in notes(shared))
    assert notes({**shared, "COURSEBRIDGE_JUPYTERHUB_SUBDOMAINS": "1"}) == []
    plain = {**shared, "COURSEBRIDGE_HUB__URL": "http://hub.example.org", "COURSEBRIDGE_JUPYTERHUB_SUBDOMAINS": "1"}
    assert any("https" in line for line in notes(plain))
