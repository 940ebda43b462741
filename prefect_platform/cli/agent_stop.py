from __future__ import annotations

from prefect_platform.cli.one_kind import of_kind
from prefect_platform.cli.resource_stop import command as any_kind

command = of_kind(
    "prefect-agent",
    any_kind,
    "Stop agents: they take no more runs, and those that run go on. A stopped agent stays stopped.",
)
