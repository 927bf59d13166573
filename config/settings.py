"""All settings, loaded once and passed down.

Sources, the first that has a value wins: `COURSEBRIDGE_*` environment variables (nested names joined by `__`, as in
`COURSEBRIDGE_DATABASE__URL`), then the TOML file named by `COURSEBRIDGE_CONFIG`, then the defaults below, which run the
whole tool on one machine with SQLite and local files.
"""

import os
import secrets
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, HttpUrl, SecretStr, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings import SettingsError as SourceError

from config.section import Section
from config.settings_admin import AdminSettings
from config.settings_courses import CoursesSettings
from config.settings_files import FilesSettings
from config.settings_quizzes import QuizSettings
from config.settings_reviews import ReviewsSettings
from config.settings_video import VideoSettings

PREFIX = "COURSEBRIDGE_"
OTHERS = tuple(PREFIX + name for name in ("URL", "JUPYTERHUB_", "DEMO_", "TEST_", "CRASH_AT"))
"""Beginnings of variables that the Hub and `coursebridge demo` read (docs/hub.md, README.md), and the tests."""
DEFAULT_PLUGINS = [
    "lti_tool.lti",
    "lti_tool.admin",
    "grading",
    "plugins.files",
    "plugins.progress",
    "plugins.video",
    "plugins.reviews",
    "plugins.courses",
]
SECRET_LENGTH = 32


class SettingsError(Exception):
    """The settings cannot be used; the text is one line that says which and why."""


def _check_database_url(url: str) -> str:
    for plain in ("postgres://", "postgresql://"):
        if url.startswith(plain):
            return "postgresql+psycopg://" + url.removeprefix(plain)
    if url and not url.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ValueError("It begins with `sqlite:///` or `postgresql+psycopg://`")
    return url


def _check_secret_key(key: SecretStr) -> SecretStr:
    if 0 < len(key.get_secret_value()) < SECRET_LENGTH:
        raise ValueError(
            f"It has fewer than {SECRET_LENGTH} characters, so it could be guessed. Leave it empty to have one made, "
            "or take the output of `openssl rand -base64 48`"
        )
    return key


DatabaseUrl = Annotated[str, AfterValidator(_check_database_url)]
"""SQLAlchemy URL; `postgresql://` means our driver, psycopg."""


class DatabaseSettings(Section):
    """Where rows live."""

    url: DatabaseUrl = Field(
        "", description="SQLAlchemy URL. Empty: SQLite in the data directory. PostgreSQL: `postgresql+psycopg://…`."
    )
    pool_size: int = Field(10, ge=1, description="Connections kept open per process (PostgreSQL).")
    busy_timeout_s: float = Field(30.0, gt=0, description="How long a SQLite writer waits for another, in seconds.")


class WebSettings(Section):
    """The HTTP server."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8400, ge=1, le=65535, description="Port to listen on.")
    workers: int = Field(1, ge=1, description="Server processes: each uses one core at most.")
    threads: int = Field(4, ge=1, description="Threads per server process: two for each core are plenty.")
    session_hours: int = Field(8, ge=1, le=72, description="Life of a session after a launch, in hours.")
    trusted_proxies: int = Field(0, ge=0, description="Reverse proxies in front whose X-Forwarded-* headers count.")
    design_page: bool = Field(False, description="Show every part that pages are made of at `/design`.")
    max_request_bytes: int = Field(32_000_000, ge=1_000_000, description="Largest request body accepted, in bytes.")


class JobSettings(Section):
    """Background work: the job table is the truth, the broker only carries hints."""

    broker_url: str = Field(
        "", description="Celery broker: `redis://…` or `amqp://…`. Empty: folders in the data directory (one machine)."
    )
    concurrency: int = Field(2, ge=1, description="Worker processes started by `coursebridge up`.")
    lease_s: int = Field(
        60, ge=2, description="A running job whose worker is silent this long is given to another, in seconds."
    )
    keep_done_days: int = Field(
        30, ge=1, description="Days after which a finished job is deleted. One that was given up stays until it is run."
    )
    sweep_s: float = Field(2.0, gt=0, description="Seconds between two sweeps for due jobs and lost workers.")


class HubSettings(Section):
    """JupyterHub."""

    url: str = Field(
        "http://127.0.0.1:8402", description="Address of JupyterHub as a browser reaches it, without `/hub`."
    )
    api_url: str = Field(
        "",
        description="Address of the Hub's REST API as the tool reaches it. Empty: `{url}/hub/api`, by way of 127.0.0.1 "
        "where the name ends in `.localhost`.",
    )
    service_token: SecretStr = Field(
        SecretStr(""), description="Secret shared by Hub and tool. Empty: made on first start in the data directory."
    )
    ticket_s: int = Field(60, ge=5, le=60, description="Life of a sign-in ticket, in seconds.")


class LtiSettings(Section):
    """LTI 1.3 Advantage."""

    tool_name: str = Field("Coursebridge", description="Name shown by the LMS when the tool is registered.")
    state_s: int = Field(600, ge=30, le=600, description="Longest time between login and launch, in seconds.")
    leeway_s: int = Field(60, ge=0, le=120, description="Clock difference with the LMS that is forgiven, in seconds.")
    token_age_s: int = Field(600, ge=60, description="Oldest `iat` of a launch that is accepted, in seconds.")
    allow_private_hosts: bool = Field(
        False,
        description="Let the tool call platforms on loopback and private addresses, and over http. For development.",
    )
    approve_registrations: bool = Field(
        True, description="A platform registered by an invite link waits for `coursebridge platform approve`."
    )
    approve_deployments: bool = Field(
        True,
        description="A deployment seen for the first time waits for approval, but for the first one of a platform, "
        "which comes with the platform's own. Off: every one is accepted.",
    )
    roster_interval_s: int = Field(
        3600,
        ge=300,
        description="Time between two readings of an LMS course's list of participants, in seconds: whoever leaves "
        "the LMS course loses access here within it.",
    )


class GradingSettings(Section):
    """Marking and the limits that a submission runs under."""

    max_submission_bytes: int = Field(20_000_000, ge=100_000, description="Largest submission, in bytes.")
    wall_s: int = Field(120, ge=5, description="Longest time one submission may take, in seconds.")
    cell_s: int = Field(30, ge=1, description="Longest time one cell may take, in seconds.")
    memory_mb: int = Field(1024, ge=128, description="Memory of one submission, in MiB.")
    processes: int = Field(64, ge=8, description="Processes and threads of one submission.")
    disk_mb: int = Field(256, ge=16, description="Disk of one submission, in MiB.")
    output_mb: int = Field(10, ge=1, description="Output kept of one submission, in MiB.")
    warm: bool = Field(
        True,
        description="Fork submissions from a warm process, about 150 MB in each marking worker. Off: start a kernel "
        "for each, which takes a second longer.",
    )
    control_groups: str = Field(
        "",
        description="Directories of control groups that are delegated to marking workers, for a bound on memory and "
        "processes of a whole submission: one of version 2, or those of memory and of pids of version 1, with `:` "
        "between them. Empty: the limits of each process hold, and the sum of memory is looked at five times a second.",
    )


class Settings(BaseSettings):
    """Everything that an operator can set."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        validate_default=True,
        nested_model_default_partial_update=True,
    )

    base_url: HttpUrl = Field(
        HttpUrl("http://localhost:8400"), description="Address of the tool as browsers and the LMS reach it."
    )
    data_dir: Path = Field(
        Path("var"), description="Folder for the embedded database, course folders, keys and queues."
    )
    secret_key: Annotated[SecretStr, AfterValidator(_check_secret_key)] = Field(
        SecretStr(""),
        description="Key that signs and encrypts, 32 characters or more. Empty: made on first start in the data "
        "directory.",
    )
    plugins: list[str] = Field(DEFAULT_PLUGINS, description="Plugins in order, by dotted name.")
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Least important level logged.")
    database: DatabaseSettings = Field(default_factory=lambda: DatabaseSettings(), description="Where rows live.")
    web: WebSettings = Field(default_factory=lambda: WebSettings(), description="The HTTP server.")
    jobs: JobSettings = Field(default_factory=lambda: JobSettings(), description="Background work.")
    hub: HubSettings = Field(default_factory=lambda: HubSettings(), description="JupyterHub.")
    lti: LtiSettings = Field(default_factory=lambda: LtiSettings(), description="LTI 1.3 Advantage.")
    admin: AdminSettings = Field(default_factory=lambda: AdminSettings(), description="The console.")
    grading: GradingSettings = Field(default_factory=lambda: GradingSettings(), description="Marking.")
    quizzes: QuizSettings = Field(
        default_factory=lambda: QuizSettings(), description="What teachers may choose for a quiz."
    )
    files: FilesSettings = Field(default_factory=lambda: FilesSettings(), description="Uploaded files.")
    video: VideoSettings = Field(default_factory=lambda: VideoSettings(), description="Videos.")
    courses: CoursesSettings = Field(
        default_factory=lambda: CoursesSettings(), description="Courses and who takes them."
    )
    reviews: ReviewsSettings = Field(default_factory=lambda: ReviewsSettings(), description="Reviews of courses.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment over the TOML file over defaults."""
        named = os.environ.get(f"{PREFIX}CONFIG")
        toml = (TomlConfigSettingsSource(settings_cls, named),) if named else ()
        return (init_settings, env_settings, *toml)

    @model_validator(mode="after")
    def _fill_from_data_dir(self) -> "Settings":
        self.data_dir = self.data_dir.absolute()
        if not self.database.url:
            self.database.url = f"sqlite:///{self.data_dir / 'coursebridge.sqlite3'}"
        if not self.hub.api_url:
            self.hub.api_url = _reachable(self.hub.url).rstrip("/") + "/hub/api"
        return self

    @property
    def root_url(self) -> str:
        """The base URL without a trailing slash."""
        return str(self.base_url).rstrip("/")

    @property
    def courses_dir(self) -> Path:
        """Folder that holds one nbgrader course root per course."""
        return self.data_dir / "courses"

    def course_dir(self, course_slug: str) -> Path:
        """Folder of what all placements of a course share: `source/` and `release/`."""
        return self.courses_dir / course_slug

    def structure_url(self, course_slug: str) -> str:
        """SQLAlchemy URL of the gradebook without learners that a course is released into."""
        return f"sqlite:///{self.course_dir(course_slug) / 'structure.db'}"

    def placement_dir(self, course_slug: str, placement_id: int) -> Path:
        """Folder of what one placement of a course has for itself: gradebook, submissions, feedback."""
        return self.course_dir(course_slug) / "placements" / str(placement_id)

    def gradebook_url(self, course_slug: str, placement_id: int) -> str:
        """SQLAlchemy URL of the gradebook of one placement of a course."""
        return f"sqlite:///{self.placement_dir(course_slug, placement_id) / 'gradebook' / 'gradebook.db'}"


def load_settings(**overrides: object) -> Settings:
    """Read the settings and make the data directory and the secrets that are not given.

    Raises: pydantic.ValidationError: one problem per setting that is wrong. SettingsError: a source cannot be read, or
    the data directory cannot be used.
    """
    settings = read_settings(**overrides)
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)  # it holds the keys and everybody's work
        _make_secrets(settings)
    except OSError as error:
        raise SettingsError(f"{PREFIX}DATA_DIR: {settings.data_dir} cannot be used: {error.strerror}.") from error
    return settings


def read_settings(**overrides: object) -> Settings:
    """Read the settings and make nothing. Raises: pydantic.ValidationError; SettingsError: a source cannot be read."""
    named = os.environ.get(f"{PREFIX}CONFIG")
    if named and not Path(named).is_file():
        raise SettingsError(f"{PREFIX}CONFIG: there is no file {named}.")
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # pydantic validates what it is given
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{PREFIX}CONFIG: {named} is not TOML: {error}.") from error
    except SourceError as error:
        name = str(error).partition('field "')[2].partition('"')[0].upper()
        raise SettingsError(f"{PREFIX}{name}: its value is JSON, as in docs/reference/settings.md.") from error


def _make_secrets(settings: Settings) -> None:
    if not settings.secret_key.get_secret_value():
        settings.secret_key = SecretStr(_secret_file(settings.data_dir / "secret.key"))
    if not settings.hub.service_token.get_secret_value():
        settings.hub.service_token = SecretStr(_secret_file(settings.data_dir / "hub.token"))


def list_variables() -> list[str]:
    """Names of the environment variables that settings are read from."""
    names = [f"{PREFIX}CONFIG"]
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            names += [f"{PREFIX}{name}__{inner}".upper() for inner in field.annotation.model_fields]
        else:
            names.append(f"{PREFIX}{name}".upper())
    return names


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Names of `COURSEBRIDGE_*` variables that nothing reads, most likely typing errors."""
    known = set(list_variables()) | {f"{PREFIX}{name}".upper() for name in Settings.model_fields}
    ours = [name for name in environ if name.startswith(PREFIX) and not name.startswith(OTHERS)]
    return sorted(name for name in ours if name.upper() not in known)


def _reachable(url: str) -> str:
    """The address for ourselves: names below `localhost` are known to browsers, but not to every C library."""
    parts = urlsplit(url)
    if not (parts.hostname or "").endswith(".localhost"):
        return url
    return parts._replace(netloc=f"127.0.0.1:{parts.port or (443 if parts.scheme == 'https' else 80)}").geturl()


def _secret_file(path: Path) -> str:
    """The secret kept in a file, made on first use; two processes that start together agree on one."""
    if not path.exists():
        made = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        made.touch(mode=0o600)
        made.write_text(secrets.token_urlsafe(48))
        with suppress(FileExistsError):
            path.hardlink_to(made)
        made.unlink()
    return path.read_text().strip()
