"""The documentation says what is there: commands, files, decisions."""

import ast
import html
import json
import re
import subprocess
from pathlib import Path

import click
import pytest

from lti_tool.app.cli import cli

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))
PICTURE_BYTES = 120_000
NODE = 18
"""Debian 12's."""


def code_of(text: str) -> list[str]:
    """Everything that a page sets as code, a line each, comments left out."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S)
    spans = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text)
    return [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()] + spans


def make_targets() -> set[str]:
    """Targets of the Makefile that have a line of help."""
    return set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.M))


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading the plugins' commands reads the settings."""
    monkeypatch.setenv("COURSEBRIDGE_DATA_DIR", str(tmp_path))


def find_command(words: list[str]) -> click.Command | None:
    """The command that the first words name; None when there is none."""
    command: click.Command | None = cli
    context = click.Context(cli, info_name="coursebridge")
    for word in words:
        if not isinstance(command, click.Group):
            break
        command = command.get_command(context, word)
        if command is None:
            return None
        context = click.Context(command, info_name=word, parent=context)
    context.find_root().close()
    return command


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    words = re.sub(r"^```.*?^```|`[^`\n]+`", "", page.read_text(), flags=re.M | re.S)
    links = re.findall(r"\]\(([^)\s]+)\)", words)
    ours = [link.split("#")[0] for link in links if not re.match(r"[a-z]+:|#", link)]
    assert [link for link in ours if not (page.parent / link).exists()] == []


@pytest.fixture(scope="module")
def messages() -> str:
    """Every text in the code and the templates, a line each; what is filled in is `…`."""
    files = [file for part in ("lti_tool", "grading", "plugins") for file in (ROOT / part).rglob("*")]
    found = [text for file in files if file.suffix == ".py" for text in _texts_of(ast.parse(file.read_text()))]
    found += [re.sub(r"%\(\w+\)s", "…", html.unescape(file.read_text())) for file in files if file.suffix == ".html"]
    return "\n".join(found)


def _texts_of(tree: ast.AST) -> list[str]:
    parts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant | ast.JoinedStr)]
    return [re.sub(r"%\(\w+\)s", "…", _text_of(node)) for node in parts]


def _text_of(node: ast.Constant | ast.JoinedStr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)


def troubles(text: str) -> list[str]:
    """The messages in a guide's last table."""
    table = text.partition("## When something does not work\n")[2]
    rows = re.findall(r"^\| (.+?) \|", table, re.M)
    return [row for row in rows if row not in ("The tool says", "---")]


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_the_messages_that_a_guide_explains_are_the_tools(guide: Path, messages: str) -> None:
    explained = troubles(guide.read_text())
    assert len(explained) > 5
    assert [message for message in explained if message not in messages] == []


def test_a_message_that_the_tool_never_says_would_be_noticed(messages: str) -> None:
    (made_up,) = troubles(
        "## When something does not work\n\n| The tool says | x |\n| --- | --- |\n| It is Tuesday. | y |"
    )
    assert made_up not in messages


def test_every_guide_picture_is_shown_and_small() -> None:
    pictures = set((ROOT / "docs" / "images" / "guides").iterdir())
    shown = re.findall(r"!\[[^]]+\]\(([^)]+)\)", "".join(guide.read_text() for guide in GUIDES))
    assert pictures <= {(ROOT / "docs" / "guides" / path).resolve() for path in shown}
    assert [picture.name for picture in pictures if picture.stat().st_size > PICTURE_BYTES] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_make_targets_that_pages_name_are_there(page: Path) -> None:
    named = {line.split()[1] for line in code_of(page.read_text()) if re.match(r"make [a-z]", line)}
    assert named <= make_targets()


@pytest.mark.usefixtures("data_dir")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_that_pages_name_are_there(page: Path) -> None:
    lines = [line for line in code_of(page.read_text()) if re.match(r"coursebridge [a-z]", line)]
    words = [re.findall(r"^[a-z-]+$", " ".join(line.split()[1:3]).replace(" ", "\n"), re.M) for line in lines]
    assert [found for found in words if found and find_command(found) is None] == []


def test_a_command_that_is_not_there_would_be_noticed(data_dir: None) -> None:
    assert find_command(["platform", "burn"]) is None
    assert find_command(["burn"]) is None
    assert find_command(["config", "show"]) is not None


def test_every_decision_is_listed() -> None:
    files = {path.name for path in (ROOT / "docs" / "adr").glob("[0-9]*.md")}
    listed = re.findall(r"^\| \[\d{4}\]\(([^)]+)\) \|", (ROOT / "docs" / "adr" / "README.md").read_text(), re.M)
    assert sorted(listed) == sorted(files)
    assert listed == sorted(listed)


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "adr").glob("[0-9]*.md")), ids=lambda path: path.stem)
def test_a_decision_begins_with_its_number(path: Path) -> None:
    assert path.read_text().startswith(f"# {path.stem[:4]}: ")


def test_changelog_has_a_place_for_what_is_new() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert headings[0] == "Unreleased"


def test_readme_shows_the_two_commands_in_its_first_screen() -> None:
    first = "\n".join((ROOT / "README.md").read_text().splitlines()[:25])
    assert "make demo" in first
    assert "make test" in first


def test_make_help_names_every_target() -> None:
    told = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {line.split()[0] for line in told.splitlines()} == make_targets()
    phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.M)
    assert phony
    assert make_targets() <= set(phony[1].split())


@pytest.mark.parametrize("lock", ["config/hub/package-lock.json", "jupyter_ext/labextension/package-lock.json"])
def test_what_npm_installs_runs_on_debians_node(lock: str) -> None:
    packages = json.loads((ROOT / lock).read_text())["packages"]
    wanted = {name: part["engines"] for name, part in packages.items() if isinstance(part.get("engines"), dict)}
    too_new = {
        name: engines["node"]
        for name, engines in wanted.items()
        if (least := [int(n) for n in re.findall(r"(?:^|\|\|)\s*[\^>=~v ]*(\d+)", engines.get("node", ""))])
        and min(least) > NODE
    }
    assert too_new == {}


def test_npm_of_debian_can_read_the_package() -> None:
    package = json.loads((ROOT / "jupyter_ext/labextension/package.json").read_text())
    aliases = [value for value in package.get("overrides", {}).values() if str(value).startswith("npm:")]
    assert aliases == [], "npm 9.2 ends with `Invalid comparator`: put the alias into devDependencies"


def test_the_lock_file_names_no_registry() -> None:
    assert re.findall(r"https?://|^--", (ROOT / "requirements.lock").read_text(), re.M) == []
