"""Settings of the server: one frozen tree, read once. Nothing else in `server` reads the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from prefect_platform.errors import UsageError
from prefect_platform.wire import orchestrators
from prefect_platform.wire.git import LOOPBACK

PREFIX = "PREFECT_PLATFORM_"
DATABASE_FILE = "platform.db"
"""In the data directory, where no other database is named."""
RESULTS_DIRECTORY = "stored-results"
"""In the data directory. `results` beside it is where runs keep theirs that cannot use the platform's."""


@dataclass(frozen=True)
class OrchestratorSettings:
    """One Prefect API, and how the platform and its runs sign in there.

    Those of the configuration serve the projects that name no other.
    """

    url: str = "http://127.0.0.1:4200/api"
    ui_url: str | None = None
    """Where people open Prefect's UI; by default the URL without `/api`."""
    auth_string: str | None = field(default=None, repr=False)
    """`user:password` of a Prefect server with authentication on."""
    api_key: str | None = field(default=None, repr=False)
    """Key of Prefect Cloud."""

    @property
    def home(self) -> str:
        return orchestrators.home(self.url, self.ui_url)

    @property
    def pages(self) -> str:
        """What stands before `/runs/flow-run/<id>` in the address of a run's page."""
        return orchestrators.pages(self.url, self.ui_url)


@dataclass(frozen=True)
class LimitSettings:
    """Bounds on what comes from outside."""

    body_bytes: int = 1 << 20
    """Largest request body, except registrations, bundles, results and log appends."""
    registration_bytes: int = 16 << 20
    """A registration names each file and each package: tens of thousands of them are many, and no mistake."""
    bundle_bytes: int = 1 << 30
    log_cap_bytes: int = 4 << 30
    """Per source; past it a marker says how much was left out."""
    result_bytes: int = 1 << 30
    """Largest result of a task or flow."""
    result_days: int = 30
    """A result that was neither written nor read for so long is deleted."""


@dataclass(frozen=True)
class LogSettings:
    """How often launchers send, and how often readers hear that the platform is there."""

    interval_seconds: float = 0.25
    watched_interval_seconds: float = 0.05
    """While somebody follows the log of this workload or its run."""
    heartbeat_seconds: float = 15.0
    """Between the comments of a live log in which nothing happens."""


@dataclass(frozen=True)
class EnvironmentSettings:
    """Environments that are built on this machine, for runs that cannot use an interpreter as it is."""

    uv: str = ""
    """Path of `uv`; by default the one that is installed with the platform."""
    cache_bytes: int = 20 << 30
    """Disk that built environments may take together; the longest unused go first."""
    keep_days: int = 30
    """How long one that no run uses is kept."""


@dataclass(frozen=True)
class RunSettings:
    default_cores: float = 1.0
    default_memory_bytes: int = 1 << 30
    core_overcommit: float = 2.0
    """Cores are soft on one machine: this many times the real ones may be promised."""
    silence_seconds: float = 60.0
    """Launcher and backend silent for this long, by the platform's own uptime, is a crash."""
    lock_seconds: float = 30.0
    """A controller's claim on a row, renewed while it works; another may take it after that."""
    scan_seconds: float = 1.0
    """How often the controller looks for work that nobody told it of."""


@dataclass(frozen=True)
class ServerConfig:
    """Everything the server needs to know before it starts."""

    data_dir: Path
    """Database, bundles, logs and workload directories; made 0700."""
    host: str = "127.0.0.1"
    port: int = 4280
    url: str = ""
    """Where clients and launchers reach the platform; by default host and port."""
    database_url: str = field(default="", repr=False)
    """SQLAlchemy URL; by default SQLite in the data directory."""
    keyring: Path | None = None
    """File of the keys that protect secrets. SQLite may do without: then it is made in `data_dir`."""
    backend: str = "local"
    """`local` or `memory`."""
    sizes_file: Path | None = None
    """The operator's catalogue of sizes (YAML); by default the one that ships."""
    allowed_hosts: tuple[str, ...] = ()
    """Values of the Host header that are answered, beside the loopback names with our port."""
    allowed_origins: tuple[str, ...] = ()
    """Origins of web pages that may call, beside our own."""
    orchestrator: OrchestratorSettings = field(default_factory=OrchestratorSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    logs: LogSettings = field(default_factory=LogSettings)
    runs: RunSettings = field(default_factory=RunSettings)
    environments: EnvironmentSettings = field(default_factory=EnvironmentSettings)
    local_repositories: bool | None = None
    """Whether a flow may name a path of this machine as its git repository; by default where the platform
    is for this machine alone."""

    @property
    def takes_local_repositories(self) -> bool:
        return self.host in LOOPBACK if self.local_repositories is None else self.local_repositories

    @property
    def public_url(self) -> str:
        return self.url.rstrip("/") or f"http://{self.host}:{self.port}"

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir / DATABASE_FILE}"


@dataclass(frozen=True)
class _Variables:
    """The variables of this process, by what stands behind the prefix."""

    environ: Mapping[str, str]

    def text(self, name: str, default: str = "") -> str:
        return self.environ.get(PREFIX + name, default)

    def whole(self, name: str, default: int) -> int:
        value = self.text(name, str(default))
        if not value.isdigit():
            raise UsageError(f"{PREFIX}{name} is {value!r}: expected a whole number.")
        return int(value)

    def some(self, name: str, default: int) -> int:
        value = self.whole(name, default)
        if not value:
            raise UsageError(f"{PREFIX}{name} is 0: a run that declares nothing gets nothing.")
        return value

    def yes(self, name: str) -> bool | None:
        value = self.text(name)
        if value not in ("", "0", "1"):
            raise UsageError(f"{PREFIX}{name} is {value!r}: expected 1 for yes or 0 for no.")
        return value == "1" if value else None

    def path(self, name: str) -> Path | None:
        return Path(self.text(name)).expanduser().absolute() if self.text(name) else None

    def several(self, name: str) -> tuple[str, ...]:
        return tuple(item.strip() for item in self.text(name).split(",") if item.strip())


def from_environment(environ: Mapping[str, str] = os.environ) -> ServerConfig:
    """The settings that `prefect-platform server` runs with.

    Raises:
        UsageError: a variable has a value that cannot be read; the message names it.
    """
    given = _Variables(environ)
    data_dir = given.path("DATA_DIR")
    if data_dir is None:
        raise UsageError(f"{PREFIX}DATA_DIR is not set: name the directory that holds the platform's data.")
    return ServerConfig(
        data_dir=data_dir,
        host=given.text("HOST", "127.0.0.1"),
        port=given.whole("PORT", 4280),
        url=given.text("PUBLIC_URL"),
        database_url=given.text("DATABASE_URL"),
        keyring=given.path("KEYRING"),
        backend=given.text("BACKEND", "local"),
        sizes_file=given.path("SIZES"),
        local_repositories=given.yes("LOCAL_REPOSITORIES"),
        allowed_hosts=given.several("ALLOWED_HOSTS"),
        allowed_origins=given.several("ALLOWED_ORIGINS"),
        orchestrator=_orchestrator(given),
        limits=_limits(given),
        environments=EnvironmentSettings(
            uv=given.text("UV"),
            cache_bytes=given.whole("ENVIRONMENT_CACHE_BYTES", EnvironmentSettings.cache_bytes),
            keep_days=given.whole("ENVIRONMENT_KEEP_DAYS", EnvironmentSettings.keep_days),
        ),
        runs=RunSettings(
            default_cores=float(given.some("DEFAULT_CORES", 1)),
            default_memory_bytes=given.some("DEFAULT_MEMORY_BYTES", 1 << 30),
        ),
    )


def _orchestrator(given: _Variables) -> OrchestratorSettings:
    return OrchestratorSettings(
        url=_shown(given.text("ORCHESTRATOR_URL", "http://127.0.0.1:4200/api")),
        ui_url=given.text("ORCHESTRATOR_UI_URL") or None,
        auth_string=given.text("ORCHESTRATOR_AUTH_STRING") or None,
        api_key=given.text("ORCHESTRATOR_API_KEY") or None,
    )


def _limits(given: _Variables) -> LimitSettings:
    return LimitSettings(
        bundle_bytes=given.whole("BUNDLE_BYTES", LimitSettings.bundle_bytes),
        log_cap_bytes=given.whole("LOG_CAP_BYTES", LimitSettings.log_cap_bytes),
        result_bytes=given.whole("RESULT_BYTES", LimitSettings.result_bytes),
        result_days=given.whole("RESULT_DAYS", LimitSettings.result_days),
    )


def _shown(url: str) -> str:
    """The address of Prefect, which everybody sees: it holds no password."""
    if "@" in urlsplit(url).netloc:
        raise UsageError(
            f"{PREFIX}ORCHESTRATOR_URL holds a user or a password, which would be shown to everybody: set "
            f"{PREFIX}ORCHESTRATOR_AUTH_STRING to them instead."
        )
    return url.rstrip("/")
