"""What a server's start does without: it is nearly all imports, and people wait for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

HEAVY = {"alembic", "apprise", "distributed", "httpx", "kubernetes", "prefect", "rich"}
"""What a platform that was just made has no use for yet."""

CODE = """
import gc, json, sys
from prefect_platform.cli.main import main
from prefect_platform.server import app
from prefect_platform.server.app import serving

found = {}
start = app.serve

def begin(config):
    found["collected"] = gc.isenabled()
    start(config)

async def serve(self, sockets):
    loaded = sorted({name.partition(".")[0] for name in sys.modules})
    found.update(loaded=loaded, collects=gc.isenabled(), skipped=gc.get_freeze_count())
    print(json.dumps(found))

app.serve = begin
serving.PlatformServer.serve = serve
main(["server"])
"""


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """How a fresh process is when it begins to serve, with an empty data directory."""
    environment = {
        **os.environ,
        "PREFECT_PLATFORM_DATA_DIR": str(tmp_path_factory.mktemp("serving") / "data"),
        "PREFECT_PLATFORM_ORCHESTRATOR_URL": "http://127.0.0.1:1/api",
        "PREFECT_PLATFORM_PORT": "0",
    }
    done = subprocess.run(
        [sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_nothing_heavy_is_loaded_that_only_later_work_needs(ready: dict[str, Any]) -> None:
    assert not HEAVY.intersection(ready["loaded"])
    assert {"fastapi", "sqlalchemy", "uvicorn"} <= set(ready["loaded"])


def test_garbage_is_collected_from_the_first_request_on(ready: dict[str, Any]) -> None:
    assert not ready["collected"]
    assert ready["collects"]
    assert ready["skipped"] > 100_000
