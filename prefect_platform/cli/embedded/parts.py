"""The parts of an embedded platform: which command each is, and what its environment says."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

from prefect_platform.cli.embedded.child import Part
from prefect_platform.cli.embedded.places import Places
from prefect_platform.cli.embedded.settings import UpSettings
from prefect_platform.client.profile import FILE
from prefect_platform.errors import UsageError
from prefect_platform.server.config import PREFIX
from prefect_platform.wire.orchestrators import CLOUD_SETTING, cloud_api_url

PLATFORM, PREFECT, AGENT = "platform", "prefect", "agent"
HOST = "127.0.0.1"


def prefect_part(settings: UpSettings, places: Places, port: int) -> Part:
    """A Prefect server of our own: its database and files below the data directory, telling nobody of us."""
    environment = {
        **settings.environment,
        "PREFECT_HOME": str(places.prefect),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_UI_API_URL": f"http://{HOST}:{port}/api",
        "PREFECT_UI_STATIC_DIRECTORY": str(places.prefect / "ui"),
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PYTHONUNBUFFERED": "1",
    }
    # Prefect's own command, with a remedy for a stall of minutes on SQLite; see the module.
    prefect = [sys.executable, "-m", "prefect_platform.agent.prefect_server"]
    command = [*prefect, "server", "start", "--host", HOST, "--port", str(port)]
    return Part(PREFECT, command, environment, _log(places, PREFECT))


def platform_part(settings: UpSettings, places: Places, port: int, prefect_url: str) -> Part:
    environment = {
        **settings.environment,
        **settings.server,
        PREFIX + "DATA_DIR": str(settings.data_dir),
        PREFIX + "HOST": HOST,
        PREFIX + "PORT": str(port),
        PREFIX + "ORCHESTRATOR_URL": prefect_url,
        "PYTHONUNBUFFERED": "1",
    }
    if settings.prefect_auth_string:
        environment[PREFIX + "ORCHESTRATOR_AUTH_STRING"] = settings.prefect_auth_string
    if settings.prefect_api_key:
        environment[PREFIX + "ORCHESTRATOR_API_KEY"] = settings.prefect_api_key
    return Part(PLATFORM, _ours("server"), environment, _log(places, PLATFORM))


def agent_part(settings: UpSettings, places: Places, prefect_url: str) -> Part:
    """The agent. Its token is in a profile file of its own, not in its environment."""
    environment = {
        **settings.environment,
        "PREFECT_HOME": str(places.prefect),
        "PREFECT_API_URL": prefect_url,
        "DO_NOT_TRACK": "1",
        FILE: str(places.agent_profile),
        "PYTHONUNBUFFERED": "1",
    }
    if cloud := cloud_api_url(prefect_url):
        environment[CLOUD_SETTING] = cloud
    if settings.prefect_auth_string:
        environment["PREFECT_API_AUTH_STRING"] = settings.prefect_auth_string
    if settings.prefect_api_key:
        environment["PREFECT_API_KEY"] = settings.prefect_api_key
    return Part(AGENT, _ours("agent", "run"), environment, _log(places, AGENT))


def require_installed(present: Callable[[str], bool] | None = None) -> None:
    """Go on only where every part can be started.

    Raises:
        UsageError: an extra is not installed.
    """
    present = present or _present
    for name in ("prefect", "fastapi", "sqlalchemy", "httpx"):
        if not present(name):
            raise UsageError(
                f"`up` runs a server, an agent and Prefect, and {name!r} is not installed: "
                "pip install 'prefect-platform[all]'"
            )


def _present(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def _ours(*words: str) -> list[str]:
    return [sys.executable, "-m", "prefect_platform", *words]


def _log(places: Places, name: str) -> Path:
    return places.logs / f"{name}.log"
