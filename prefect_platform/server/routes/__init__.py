"""HTTP: parse, call one service, render. One file a resource."""

import importlib
import importlib.util

from fastapi import APIRouter

PREFIX = "/api/v1"

_N = ["me", "installation", "tokens", "users", "projects", "flows", "bundles", "runs", "attempts", "capacity", "agents", "workloads", "logs", "shutdown"]
from prefect_platform.server.routes import health
OPEN_ROUTERS: list[APIRouter] = [health.router]
ROUTERS: list[APIRouter] = [importlib.import_module(f"{__name__}.{n}").router for n in _N if importlib.util.find_spec(f"{__name__}.{n}")]
