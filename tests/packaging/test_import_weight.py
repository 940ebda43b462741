"""What an import costs, in a fresh process: contracts cannot see what comes late or through others."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {
    "prefect",
    "sqlalchemy",
    "alembic",
    "fastapi",
    "starlette",
    "uvicorn",
    "distributed",
    "kubernetes",
    "cryptography",
}
LIGHT_TOO = {"pydantic", "requests", "httpx", "click", "asyncio", "psutil", "cloudpickle"}


def loaded_by(statement: str) -> set[str]:
    """Top-level names of the modules that a fresh interpreter holds after `statement`."""
    code = (
        f"import sys, json; {statement}; print(json.dumps(sorted({{m.split('.')[0] for m in sys.modules}})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "statement",
    [
        "import prefect_platform",
        "import prefect_platform.launcher.main",
        "import prefect_platform.wire.launch",
        "import prefect_platform.client.settings",
        "import prefect_platform.errors, prefect_platform.names",
        "import prefect_platform.dask_cluster, prefect_platform.dask_cluster.worker_side",
    ],
)
def test_the_light_parts_load_the_standard_library_alone(statement: str) -> None:
    assert not loaded_by(statement) & (HEAVY | LIGHT_TOO)


@pytest.mark.parametrize("module", ["client.api", "client.transport", "cli.main"])
def test_the_client_side_loads_no_framework(module: str) -> None:
    assert not loaded_by(f"import prefect_platform.{module}") & HEAVY


def test_up_loads_next_to_nothing_before_it_starts_the_server() -> None:
    loaded = loaded_by("import prefect_platform.cli.up, prefect_platform.cli.embedded.supervisor")
    assert not loaded & (HEAVY | LIGHT_TOO - {"click"})


def test_a_dask_scheduler_and_its_workers_do_not_load_prefect() -> None:
    """What unpickles there before the first Prefect task."""
    assert "prefect" not in loaded_by(
        "import prefect_platform.dask_cluster.ledger, prefect_platform.dask_cluster.worker_plugin"
    )


def test_the_server_does_not_load_prefect() -> None:
    assert "prefect" not in loaded_by("import prefect_platform.server.app")


def test_a_heavy_import_would_be_seen() -> None:
    assert "sqlalchemy" in loaded_by("import sqlalchemy")
