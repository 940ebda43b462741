"""Settings of the server: one frozen tree, read once. Nothing else in `server` reads the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from prefect_platform.errors import UsageError
from prefect_platform.wire import orchestrators
from prefect_platform.wire.git import LOOPBACK

PREFIX = "PREFECT_PLATFORM_"
_USUAL = (("http", 80), ("https", 443))
"""Ports that browsers leave out."""
_DOMAIN = re.compile(r"(?=.{1,180}$)[a-z0-9-]+(\.[a-z0-9-]+)*(:[1-9][0-9]{0,4})?")
DATABASE_FILE = "platform.db"
"""In the data directory, where no other database is named."""
MAX_DAYS = 36_500
"""A century: more is meant as 0, which is for ever."""
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
    """A result that was neither written nor read for so long is deleted; 0 keeps it for ever."""


@dataclass(frozen=True)
class LogSettings:
    """How often launchers send, and how often readers hear that the platform is there."""

    interval_seconds: float = 0.25
    watched_interval_seconds: float = 0.05
    """While somebody follows the log of this workload or its run."""
    heartbeat_seconds: float = 15.0
    """Between the comments of a live log in which nothing happens."""


LOCAL_SCHEMES = frozenset(
    {"blink1", "dbus", "file", "gio", "glib", "gnome", "kde", "macosx", "qt", "syslog", "windows"}
)
"""What would run, write or show something on the platform's own machine: no setting allows it."""

SAFE_SCHEMES = (
    "jsons", "xmls", "forms", "mailto", "mailtos", "mailgun", "sendgrid", "postmark", "brevo", "ses",
    "smtp2go", "slack", "discord", "workflow", "workflows", "wxteams", "gchat", "mmosts", "rockets",
    "matrixs", "zulip", "tgram", "ntfys", "gotifys", "lark", "feishu", "dingtalk", "wecombot", "guilded",
    "revolt", "twist", "ryver", "zoom", "nctalks", "pagerduty", "opsgenie", "victorops", "signl4", "splunk",
    "pover", "sns",
)  # fmt: skip
"""Webhooks over TLS, mail, chat and on-call services."""


@dataclass(frozen=True)
class NotificationSettings:
    """Where messages may go. A target may be any address that this machine reaches."""

    schemes: tuple[str, ...] = SAFE_SCHEMES
    """What the address of a target may begin with; `NOTIFICATION_SCHEMES` replaces the list. What acts on the
    platform's own machine (`syslog`, `dbus`, `macosx`, `windows`, …) is never allowed."""
    send_seconds: float = 15.0
    """A target that has not taken a message by then is tried again later."""


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
class RetentionSettings:
    """How many days things are kept. 0 keeps them for ever. Results have theirs in `result_days`."""

    run_days: int = 365
    """Of a run after its end: with attempts, workloads, transitions, steps and what is left of its log."""
    log_days: int = 90
    """Of a log after the end of its run; never longer than the run. That there was one stays known."""
    bundle_days: int = 30
    """Of the code of a version that no deployment names, after it was last registered or run."""
    environment_days: int = 30
    """Of an environment that no version uses, after it was first stored."""


@dataclass(frozen=True)
class JupyterSettings:
    ready_seconds: float = 120.0
    """A Jupyter server that has not answered so long after its start script is ended."""


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
    content_domain: str = "localhost"
    """Where users' own web servers are served, each at a host of its own below this name: a wildcard domain
    (`content.example.org`, with its port if that is not the platform's) that serves nothing else."""
    orchestrator: OrchestratorSettings = field(default_factory=OrchestratorSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    logs: LogSettings = field(default_factory=LogSettings)
    runs: RunSettings = field(default_factory=RunSettings)
    jupyter: JupyterSettings = field(default_factory=JupyterSettings)
    environments: EnvironmentSettings = field(default_factory=EnvironmentSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    notifications: NotificationSettings = field(default_factory=NotificationSettings)
    session_hours: int = 7 * 24
    """A browser that has not called for so long is signed out."""
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
    def content_netloc(self) -> str:
        """Content domain with the port that browsers see: the platform's own, unless one is given."""
        parts = urlsplit(self.public_url)
        port = parts.port if self.url else self.port
        if ":" in self.content_domain or port is None or (parts.scheme, port) in _USUAL:
            return self.content_domain
        return f"{self.content_domain}:{port}"

    def content_url(self, label: str) -> str:
        """Origin of the content of one resource."""
        return f"{urlsplit(self.public_url).scheme}://{label}.{self.content_netloc}"

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

    def days(self, name: str, default: int) -> int:
        value = self.whole(name, default)
        if value > MAX_DAYS:
            raise UsageError(f"{PREFIX}{name} is {value}: at most {MAX_DAYS} days, or 0 for ever.")
        return value

    def some(self, name: str, default: int) -> int:
        value = self.whole(name, default)
        if not value:
            raise UsageError(f"{PREFIX}{name} is 0: that would be none at all.")
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
    url = _public_url(given.text("PUBLIC_URL"))
    return ServerConfig(
        data_dir=data_dir,
        host=given.text("HOST", "127.0.0.1"),
        port=given.whole("PORT", 4280),
        url=url,
        database_url=given.text("DATABASE_URL"),
        keyring=given.path("KEYRING"),
        backend=given.text("BACKEND", "local"),
        sizes_file=given.path("SIZES"),
        session_hours=given.some("SESSION_HOURS", ServerConfig.session_hours),
        local_repositories=given.yes("LOCAL_REPOSITORIES"),
        allowed_hosts=given.several("ALLOWED_HOSTS"),
        allowed_origins=given.several("ALLOWED_ORIGINS"),
        content_domain=_content_domain(given.text("CONTENT_DOMAIN", "localhost"), url),
        orchestrator=_orchestrator(given),
        limits=_limits(given),
        notifications=_notifications(given),
        environments=EnvironmentSettings(
            uv=given.text("UV"),
            cache_bytes=given.whole("ENVIRONMENT_CACHE_BYTES", EnvironmentSettings.cache_bytes),
            keep_days=given.whole("ENVIRONMENT_KEEP_DAYS", EnvironmentSettings.keep_days),
        ),
        retention=RetentionSettings(
            run_days=given.days("RETENTION_RUN_DAYS", RetentionSettings.run_days),
            log_days=given.days("RETENTION_LOG_DAYS", RetentionSettings.log_days),
            bundle_days=given.days("RETENTION_BUNDLE_DAYS", RetentionSettings.bundle_days),
            environment_days=given.days("RETENTION_ENVIRONMENT_DAYS", RetentionSettings.environment_days),
        ),
        jupyter=JupyterSettings(ready_seconds=float(given.some("JUPYTER_READY_SECONDS", 120))),
        runs=RunSettings(
            default_cores=float(given.some("DEFAULT_CORES", 1)),
            default_memory_bytes=given.some("DEFAULT_MEMORY_BYTES", 1 << 30),
        ),
    )


def _public_url(url: str) -> str:
    try:
        urlsplit(url).port  # noqa: B018 - asking for it is what checks it
    except ValueError as error:
        raise UsageError(f"{PREFIX}PUBLIC_URL is {url!r}: {error}.") from error
    return url


def _content_domain(domain: str, url: str) -> str:
    """Checked: users' pages could set cookies for a platform that lies in their own domain."""
    domain = domain.lower()
    name = domain.partition(":")[0]
    if not _DOMAIN.fullmatch(domain) or name.rpartition(".")[2].isdigit():
        raise UsageError(
            f"{PREFIX}CONTENT_DOMAIN is {domain!r}: expected a domain such as content.example.org, without "
            "scheme, path or `*.`."
        )
    ours = urlsplit(url).hostname or ""
    if name != "localhost" and f".{ours}".endswith(f".{name}"):
        raise UsageError(
            f"{PREFIX}CONTENT_DOMAIN is {domain!r}, and the platform itself is at {ours!r} inside it: users' "
            "pages need a domain in which nothing else is."
        )
    return domain


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
        result_days=given.days("RESULT_DAYS", LimitSettings.result_days),
    )


def _notifications(given: _Variables) -> NotificationSettings:
    schemes = tuple(scheme.lower() for scheme in given.several("NOTIFICATION_SCHEMES"))
    never = sorted(LOCAL_SCHEMES.intersection(schemes))
    if never:
        raise UsageError(
            f"{PREFIX}NOTIFICATION_SCHEMES names {', '.join(never)}, which would act on the platform's own "
            "machine: leave it out."
        )
    return NotificationSettings(schemes=schemes or SAFE_SCHEMES)


def _shown(url: str) -> str:
    """The address of Prefect, which everybody sees: it holds no password."""
    if "@" in urlsplit(url).netloc:
        raise UsageError(
            f"{PREFIX}ORCHESTRATOR_URL holds a user or a password, which would be shown to everybody: set "
            f"{PREFIX}ORCHESTRATOR_AUTH_STRING to them instead."
        )
    return url.rstrip("/")
