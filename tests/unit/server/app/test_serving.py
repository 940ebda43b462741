"""A server's start leaves garbage alone, and its service does not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CODE = """
import gc
from prefect_platform.cli.main import main
from prefect_platform.server.app import serving

async def serve(self, sockets):
    print("collects", gc.isenabled(), "skips", gc.get_freeze_count() > 100_000)

serving.PlatformServer.serve = serve
gc.enable()
main(["server"])
"""


def test_garbage_is_collected_from_the_first_request_on(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PREFECT_PLATFORM_DATA_DIR": str(tmp_path / "data"),
        "PREFECT_PLATFORM_BACKEND": "memory",
        "PREFECT_PLATFORM_ORCHESTRATOR_URL": "http://127.0.0.1:1/api",
        "PREFECT_PLATFORM_PORT": "0",
    }
    done = subprocess.run(
        [sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.split() == ["collects", "True", "skips", "True"], done.stderr
