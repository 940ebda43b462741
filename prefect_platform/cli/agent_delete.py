from __future__ import annotations

from prefect_platform.cli.one_kind import of_kind
from prefect_platform.cli.resource_delete import command as any_kind

command = of_kind(
    "prefect-agent", any_kind, "Stop an agent and forget it. Its runs go on, and its logs stay."
)
