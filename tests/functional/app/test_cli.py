"""The command line: what an operator types and what it answers, in one clear line when it cannot."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import update

from lti_tool.app import cli
from lti_tool.kernel import jobs
from lti_tool.kernel.jobs import JobRow, JobState
from tests.fakes.bells.plugin import Ring
from tests.functional.app.conftest import Place
from tests.servers import free_port


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str


Run = Callable[..., Answer]


@pytest.fixture
def run(place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command as a shell would; keyword arguments are further environment variables."""
    monkeypatch.setenv("COURSEBRIDGE_DATA_DIR", str(place.data_dir))
    monkeypatch.setenv("COURSEBRIDGE_DATABASE__URL", place.database_url)

    def run(*arguments: str, **environment: str) -> Answer:
        capsys.readouterr()
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["coursebridge", *arguments])
            try:
                cli.main()
                code = 0
            except SystemExit as ended:
                code = int(str(ended.code))
        said = capsys.readouterr()
        return Answer(code, said.out, said.err)

    return run


def test_help_lists_our_commands_and_those_of_plugins(run: Run) -> None:
    done = run("--help")
    assert done.code == 0
    for name in (
        "up",
        "demo",
        "worker",
        "migrate",
        "jobs",
        "config",
        "platform",
        "keys",
        "course",
        "admin",
        "audit",
        "health",
    ):
        assert f"\n  {name} " in done.out
    for hidden in ("reference", "migration", "new-plugin"):
        assert f"\n  {hidden} " not in done.out


def test_every_command_that_others_rely_on_is_there(run: Run) -> None:
    for words in ("platform add", "platform invite", "platform list", "course import", "jobs list", "jobs retry"):
        assert run(*words.split(), "--help").code == 0


def test_config_show_masks_secrets_and_passwords(run: Run) -> None:
    done = run(
        "config",
        "show",
        COURSEBRIDGE_SECRET_KEY="do-not-tell-the-key-of-this-installation",
        COURSEBRIDGE_HUB__SERVICE_TOKEN="do-not-tell-the-token",
        COURSEBRIDGE_DATABASE__URL="postgresql://app:do-not-tell@db.example/app",
        COURSEBRIDGE_JOBS__BROKER_URL="redis://:do-not-tell@broker.example/0",
    )
    shown = json.loads(done.out)
    assert "do-not-tell" not in done.out + done.err
    assert shown["database"]["url"] == "postgresql+psycopg://app:***@db.example/app"
    assert shown["jobs"]["broker_url"] == "redis://:***@broker.example/0"
    assert shown["web"]["port"] == 8400


def test_config_show_makes_nothing(run: Run, place: Place) -> None:
    assert run("config", "show").code == 0
    assert not place.data_dir.exists()


def test_config_check_is_content_with_the_defaults(run: Run) -> None:
    assert run("config", "check", COURSEBRIDGE_DEMO_HUB_PORT="9402").out == "The settings are in order.\n"


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("COURSEBRIDGE_BASEURL", "x", "no setting has this name; do you mean COURSEBRIDGE_BASE_URL?"),
        ("COURSEBRIDGE_WEB__PROT", "1", "no setting has this name; do you mean COURSEBRIDGE_WEB__PORT?"),
        ("COURSEBRIDGE_WEB__PORT", "99999", "Input should be less than or equal to 65535 (it is '99999')."),
        ("COURSEBRIDGE_BASE_URL", "example", "Input should be a valid URL, relative URL without a base (it is 'exa"),
        (
            "COURSEBRIDGE_SECRET_KEY",
            "s" * 31,
            "It has fewer than 32 characters, so it could be guessed. Leave",
        ),
        ("COURSEBRIDGE_GRADING__GRADEBOOK_URL", "sqlite:///x", "no setting has this name"),
        ("COURSEBRIDGE_PLUGINS", "plugins.courses", "its value is JSON, as in docs/reference/settings.md."),
        (
            "COURSEBRIDGE_DATABASE__URL",
            "mysql://a:pw@b/c",
            "It begins with `sqlite:///` or `postgresql+psycopg://` (it",
        ),
        ("COURSEBRIDGE_CONFIG", "/nowhere.toml", "there is no file /nowhere.toml."),
        ("COURSEBRIDGE_DATA_DIR", "/dev/null/var", "/dev/null/var cannot be used: Not a directory."),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(run: Run, variable: str, value: str, line: str) -> None:
    done = run("config", "check", **{variable: value})
    assert done.code == 1
    assert done.out == ""
    assert len(done.err.splitlines()) == 1
    assert done.err.startswith(f"{variable}: ")
    assert line in done.err
    assert ":pw@" not in done.err


def test_a_misspelt_secret_is_not_printed(run: Run) -> None:
    done = run("config", "check", COURSEBRIDGE_HUB__SERVICE_TOKN="do-not-tell")
    assert done.code == 1
    assert "COURSEBRIDGE_HUB__SERVICE_TOKEN?" in done.err
    assert "do-not-tell" not in done.err


def test_a_settings_file_that_is_not_toml_is_one_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("base_url = https://\n")
    done = run("config", "check", COURSEBRIDGE_CONFIG=str(tmp_path / "settings.toml"))
    assert done.code == 1
    assert done.err.startswith("COURSEBRIDGE_CONFIG: ")
    assert "line 1" in done.err


@pytest.mark.parametrize("command", ["config check", "migrate", "platform list"])
def test_a_database_that_does_not_answer_is_one_line(run: Run, command: str) -> None:
    url = f"postgresql://app:do-not-tell@127.0.0.1:{free_port()}/app"
    done = run(*command.split(), COURSEBRIDGE_DATABASE__URL=url)
    assert done.code == 1
    assert len(done.err.splitlines()) == 1
    assert done.err.startswith("The database does not answer")
    assert "do-not-tell" not in done.err


def test_a_database_that_is_not_migrated_says_what_to_do(run: Run) -> None:
    done = run("jobs", "list")
    assert done.code == 1
    assert "`coursebridge migrate`" in done.err


def test_migrate_can_be_repeated(run: Run) -> None:
    assert run("migrate").out == run("migrate").out == "The database is up to date.\n"


def test_a_plugin_that_is_not_there_is_one_line(run: Run) -> None:
    done = run("jobs", "list", COURSEBRIDGE_PLUGINS='["plugins.nothing"]')
    assert done.code == 1
    assert done.err == "The setting `plugins` names plugins.nothing, which is not installed.\n"


def test_a_platform_is_added_and_listed(run: Run) -> None:
    run("migrate")
    lms = "https://lms.example"
    facts = {"--name": "Our LMS", "--issuer": lms, "--client-id": "c1", "--auth-url": f"{lms}/auth"}
    facts |= {"--token-url": f"{lms}/token", "--jwks-url": f"{lms}/jwks", "--deployment-id": "1"}
    added = run("platform", "add", *(word for pair in facts.items() for word in pair))
    assert added.out == "Registered Our LMS as platform 1.\n"
    again = run("platform", "add", *(word for pair in facts.items() for word in pair))
    assert again.code == 1
    assert len(again.err.splitlines()) == 1
    listed = run("platform", "list")
    assert "Our LMS" in listed.out
    assert "deployment 1" in listed.out


def test_an_invite_is_a_link_of_ours(run: Run) -> None:
    run("migrate")
    done = run("platform", "invite", COURSEBRIDGE_BASE_URL="https://courses.example.edu")
    assert done.out.startswith("https://courses.example.edu/lti/register/")


def test_dead_jobs_are_listed_with_their_reason_and_run_again(run: Run, place: Place) -> None:
    with place.open() as runtime, runtime.db.transaction() as tx:
        job_id = jobs.enqueue(tx, Ring("cracked"))
        tx.execute(update(JobRow).values(state=JobState.DEAD, attempts=8, error="Cracked: it gave no sound"))
    bells = {"COURSEBRIDGE_PLUGINS": '["tests.fakes.bells"]'}
    listed = run("jobs", "list", "--state", "dead", **bells)
    assert f"{job_id}\tdead\tbells.ring\tattempt 8\t" in listed.out
    assert "Cracked: it gave no sound" in listed.out
    assert run("jobs", "retry", str(job_id), **bells).out == f"Job {job_id} is queued again.\n"
    assert run("jobs", "list", "--state", "dead", **bells).out == ""
    with place.open() as runtime, runtime.db.transaction() as tx:
        tx.execute(update(JobRow).values(state=JobState.DEAD))
    assert run("jobs", "retry-all", "bells.ring", **bells).out == "1 job is queued again.\n"
    acts = run("audit", "list", "--action", "job.", **bells).out
    assert acts.count(f"\tjob.retry\tjob {job_id} (bells.ring)\n") == 2 and "(command)" in acts
    assert list((place.data_dir / "broker" / "messages").iterdir()), "no worker was told"


def test_health_says_what_is_broken_and_what_to_do(run: Run) -> None:
    run("migrate")
    done = run("health", COURSEBRIDGE_PLUGINS='["lti_tool.lti"]')
    assert done.code == 1
    assert "GOOD  Database: " in done.out and "WARN  Platforms: No LMS is registered yet." in done.out
    assert "BAD   Workers: No worker runs.\n      Start one: coursebridge up" in done.out
    away = f"postgresql://app:do-not-tell@127.0.0.1:{free_port()}/app"
    down = run("health", COURSEBRIDGE_DATABASE__URL=away, COURSEBRIDGE_JOBS__BROKER_URL="redis://127.0.0.1:1/0")
    assert down.code == 1
    assert [line.partition(":")[0] for line in down.out.splitlines() if line[0] != " "] == [
        "BAD   Database",
        "WARN  Broker",
        "GOOD  Disk",
    ]
    assert "do-not-tell" not in down.out + down.err


def test_console_is_opened_and_closed_from_the_command_line(run: Run) -> None:
    run("migrate")
    link = run("admin", "link", COURSEBRIDGE_BASE_URL="https://courses.example.edu")
    assert link.out.startswith("https://courses.example.edu/admin/sign-in/") and "works once" in link.err
    assert run("admin", "sign-out-all").out == "0 sessions ended.\n"
    assert run("admin", "trust", "7").code == 1


def test_what_cannot_be_done_is_one_line(run: Run) -> None:
    run("migrate")
    done = run("jobs", "retry", "77")
    assert (done.code, done.out) == (1, "")
    assert done.err == "There is no job 77. The list of jobs has those that are kept.\n"


def test_wrong_usage_names_the_command(run: Run) -> None:
    done = run("jobs", "burn")
    assert done.code == 2
    assert "No such command 'burn'" in done.err
