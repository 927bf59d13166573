"""Secrets: in the data directory, in what commands print, in logs."""

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from config.settings import load_settings
from lti_tool.app.cli import cli
from lti_tool.kernel.logging import redact


def test_data_directory_is_for_its_owner_alone(tmp_path: Path) -> None:
    load_settings(data_dir=tmp_path / "var")
    assert stat.S_IMODE((tmp_path / "var").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "var" / "secret.key").stat().st_mode) == 0o600


def test_config_show_masks_passwords_inside_urls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = {
        "SECRET_KEY": "hunter2-key-of-more-than-32-characters",
        "HUB__SERVICE_TOKEN": "hunter2-token",
        "DATABASE__URL": "postgresql+psycopg://tool:hunter2%40x@db/tool?sslpassword=hunter2&connect_timeout=5",
        "JOBS__BROKER_URL": "redis://:hunter2@redis:6379/0",
        "DATA_DIR": str(tmp_path),
    }
    for name, value in given.items():
        monkeypatch.setenv(f"COURSEBRIDGE_{name}", value)
    shown = CliRunner().invoke(cli, ["config", "show"], catch_exceptions=False).output
    assert "hunter2" not in shown
    for kept in ("tool:**", "@db/tool", "connect_timeout=5", "@redis:6379/0"):
        assert kept in shown


@pytest.mark.parametrize(
    "line",
    [
        "GET /s/SECRET/grading/x",
        "GET /w/SECRET",
        "POST /admin/sign-in/SECRET",
        "GET /admin/enter/SECRET",
        "GET /lti/register/SECRET?openid_configuration=https://lms.example&registration_token=SECRET",
        "POST /lti/window?window=SECRET",
        "/hub/coursebridge/ticket?ticket=SECRET",
        "lti_message_hint=SECRET&login_hint=SECRET",
    ],
)
def test_log_tells_no_secret_of_an_address(line: str) -> None:
    assert "SECRET" not in redact(line)
