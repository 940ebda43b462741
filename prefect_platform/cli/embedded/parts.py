"""The parts of an embedded platform: which command each is, and what its environment says."""

from __future__ import annotations

import sys
from pathlib import Path

from prefect_platform.cli.embedded.child import Part
from prefect_platform.cli.embedded.places import Places
from prefect_platform.cli.embedded.settings import UpSettings
from prefect_platform.client.profile import FILE
from prefect_platform.server.config import PREFIX

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
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", HOST, "--port", str(port)]
    return Part(PREFECT, command, environment, _log(places, PREFECT))


def platform_part(settings: UpSettings, places: Places, port: int, prefect_url: str) -> Part:
    environment = {
        **settings.environment,
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
    if settings.prefect_auth_string:
        environment["PREFECT_API_AUTH_STRING"] = settings.prefect_auth_string
    if settings.prefect_api_key:
        environment["PREFECT_API_KEY"] = settings.prefect_api_key
    return Part(AGENT, _ours("agent", "run"), environment, _log(places, AGENT))


def _ours(*words: str) -> list[str]:
    return [sys.executable, "-m", "prefect_platform", *words]


def _log(places: Places, name: str) -> Path:
    return places.logs / f"{name}.log"
