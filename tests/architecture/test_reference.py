"""The reference pages say what the code says."""

from pathlib import Path

import pytest

from config.settings import load_settings
from lti_tool.app.cli import cli
from lti_tool.app.reference import FOLDER, make_pages
from lti_tool.contract import load_plugins


@pytest.mark.parametrize("name", ["settings.md", "commands.md", "messages.md"])
def test_a_reference_page_is_up_to_date(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSEBRIDGE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    pages = make_pages(cli, load_plugins(load_settings(data_dir=tmp_path).plugins))
    assert (FOLDER / name).read_text(encoding="utf-8") == pages[name], "run `make reference`"
