"""Settings of `up`: options, then environment. Nothing else in this folder reads the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from prefect_platform.client.profile import profile_path
from prefect_platform.errors import UsageError

HOME = "PREFECT_PLATFORM_HOME"
PLATFORM_PORT, PREFECT_PORT = 4280, 4200

_NOT_INHERITED = ("PREFECT_API_", "PREFECT_CLIENT_", "PREFECT__", "PREFECT_PROFILE", "PREFECT_PLATFORM_")
"""What would make a part talk to, or be, something else than it was started as."""

SERVER = tuple(
    f"PREFECT_PLATFORM_{name}"
    for name in (
        "BUNDLE_BYTES", "DEFAULT_CORES", "DEFAULT_MEMORY_BYTES", "ENVIRONMENT_CACHE_BYTES",
        "ENVIRONMENT_KEEP_DAYS", "JUPYTER_READY_SECONDS", "KEYRING", "LOCAL_REPOSITORIES", "LOG_CAP_BYTES",
        "NOTIFICATION_SCHEMES", "RESULT_BYTES",
        "RESULT_DAYS", "RETENTION_BUNDLE_DAYS", "RETENTION_ENVIRONMENT_DAYS", "RETENTION_LOG_DAYS",
        "RETENTION_RUN_DAYS", "SESSION_HOURS", "SIZES", "UV",
    )
)  # fmt: skip
"""Settings of the server that whoever starts a platform on one machine may give too."""


@dataclass(frozen=True)
class UpSettings:
    data_dir: Path
    profile: Path
    port: int | None = None
    """None: the last one, or 4280, or the next that is free."""
    prefect_port: int | None = None
    prefect_url: str | None = None
    """A Prefect API elsewhere; None: one of our own is started."""
    prefect_auth_string: str | None = field(default=None, repr=False)
    prefect_api_key: str | None = field(default=None, repr=False)
    server: Mapping[str, str] = field(default_factory=dict)
    """Variables of `SERVER` that are set."""
    grace_seconds: float = 10.0
    """How long open runs may take to end at Ctrl-C."""
    browser: bool = False
    """Whether to open the web UI once everything answers."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What the parts inherit."""


def data_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the platform of this user on this machine keeps its data."""
    named = environ.get(HOME)
    base = environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(named or Path(base) / "prefect-platform").expanduser().absolute()


@dataclass(frozen=True)
class Credentials:
    """How Prefect knows this user."""

    auth_string: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    url: str | None = None
    """The Prefect that they are for, where the environment says it: they are sent to no other."""

    def belong(self, url: str) -> bool:
        return self.url is None or urlsplit(self.url).netloc == urlsplit(url).netloc


def prefect_credentials(environ: Mapping[str, str] = os.environ) -> Credentials:
    return Credentials(
        environ.get("PREFECT_API_AUTH_STRING"), environ.get("PREFECT_API_KEY"), environ.get("PREFECT_API_URL")
    )


def up_settings(
    *,
    port: int | None = None,
    prefect_port: int | None = None,
    prefect_url: str | None = None,
    grace_seconds: float = 10.0,
    browser: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> UpSettings:
    """The settings of this call of `up`.

    Raises:
        UsageError: the address of Prefect is none, or a port is named for a Prefect that is elsewhere.
    """
    url = prefect_url or environ.get("PREFECT_API_URL") or None
    if url and not url.startswith(("http://", "https://")):
        raise UsageError(
            f"{url!r} is no address of a Prefect API: expected something like http://host:4200/api."
        )
    if url and "@" in urlsplit(url).netloc:
        raise UsageError(
            "The address of Prefect holds a user or a password, which would be shown to everybody: "
            "set PREFECT_API_AUTH_STRING to them instead."
        )
    if url and prefect_port is not None:
        raise UsageError(
            f"--prefect-port is for a Prefect that `up` starts, but {url} is named. Drop one of them."
        )
    return UpSettings(
        data_dir=data_dir(environ),
        profile=profile_path(environ),
        port=port,
        prefect_port=prefect_port,
        prefect_url=url.rstrip("/") if url else None,
        prefect_auth_string=environ.get("PREFECT_API_AUTH_STRING") if url else None,
        prefect_api_key=environ.get("PREFECT_API_KEY") if url else None,
        server={name: environ[name] for name in SERVER if environ.get(name)},
        grace_seconds=grace_seconds,
        browser=browser,
        environment={n: v for n, v in environ.items() if not n.startswith(_NOT_INHERITED)},
    )
