"""Where the cluster of this run is: a file that the launcher keeps, named by `PREFECT_PLATFORM_DASK`.

    {"state": "starting" | "ready" | "failed", "address": "tls://10.0.0.7:8786" | null,
     "tls": {"ca": path, "cert": path, "key": path} | null, "dashboard": url | null, "reason": text | null}

The launcher replaces the file as a whole, so that half of one is never read. The cluster starts beside the
run, so a run may ask before the scheduler is there: then it waits.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect_platform.errors import ClusterUnavailable, UsageError

if TYPE_CHECKING:
    from distributed import Security

VARIABLE = "PREFECT_PLATFORM_DASK"
START_SECONDS = 300.0
"""How long a run waits for its scheduler."""
LOOK_SECONDS = 0.05
"""Between two looks at the file, so that a ready scheduler is known at once."""


@dataclass(frozen=True)
class Connection:
    """Where a scheduler is, and with which certificates it is spoken to."""

    address: str
    security: Security | None = None
    dashboard: str | None = None


def is_known(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this process belongs to something that has a cluster."""
    return bool(environment.get(VARIABLE))


def own_cluster(
    environment: Mapping[str, str] = os.environ, wait_seconds: float = START_SECONDS
) -> Connection:
    """The connection to the cluster of this run, once its scheduler is there.

    Raises:
        UsageError: this run has no cluster.
        ClusterUnavailable: the cluster failed, or was not ready within `wait_seconds`.
    """
    named = environment.get(VARIABLE)
    if not named:
        raise UsageError(
            f"This process has no Dask cluster of its own: {VARIABLE} is not set. Register the flow with "
            "dask=DaskCluster(...), or give PlatformTaskRunner a cluster= or an address=."
        )
    path, until = Path(named), time.monotonic() + wait_seconds
    while True:
        found = _read(path)
        if found.get("state") == "ready":
            return _connection(found, path)
        _raise_if_over(found, path, until, wait_seconds)
        time.sleep(LOOK_SECONDS)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {"state": "starting"}
    except ValueError as error:
        raise ClusterUnavailable(f"{path} ({VARIABLE}) is not JSON: {error}.") from error
    if not isinstance(found, dict):
        raise ClusterUnavailable(f"{path} ({VARIABLE}) is not a JSON object.")
    return found


def _raise_if_over(found: Mapping[str, Any], path: Path, until: float, wait_seconds: float) -> None:
    state = found.get("state")
    if state == "failed":
        raise ClusterUnavailable(
            f"The Dask cluster of this run failed to start: {found.get('reason') or 'no reason was given'}"
        )
    if state != "starting":
        raise ClusterUnavailable(
            f"{path} ({VARIABLE}) says state {state!r}; known are starting, ready, failed."
        )
    if time.monotonic() >= until:
        raise ClusterUnavailable(
            f"The Dask cluster of this run was not ready within {wait_seconds:g} s "
            f"({found.get('reason') or 'it is still starting'}). The log of its scheduler says more."
        )


def _connection(found: Mapping[str, Any], path: Path) -> Connection:
    address = found.get("address")
    if not address:
        raise ClusterUnavailable(f"{path} ({VARIABLE}) says ready, but names no address.")
    return Connection(str(address), _security(found.get("tls"), path), found.get("dashboard"))


def _security(tls: Mapping[str, str] | None, path: Path) -> Security | None:
    if tls is None:
        return None
    missing = {"ca", "cert", "key"} - set(tls)
    if missing:
        raise ClusterUnavailable(f"{path} ({VARIABLE}): tls lacks {', '.join(sorted(missing))}.")
    from distributed import Security

    return Security(
        tls_ca_file=tls["ca"],
        tls_client_cert=tls["cert"],
        tls_client_key=tls["key"],
        require_encryption=True,
    )
