"""The application as it is, without starting anything: for tests and pages that read its routes."""

from __future__ import annotations

import tempfile
from pathlib import Path

from fastapi import FastAPI

from prefect_platform.server.app import create_app
from prefect_platform.server.config import ServerConfig


def application() -> FastAPI:
    return create_app(ServerConfig(data_dir=Path(tempfile.gettempdir()) / "never-made", backend="memory"))
