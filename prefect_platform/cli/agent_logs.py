from __future__ import annotations

from prefect_platform.cli.one_kind import of_kind
from prefect_platform.cli.resource_logs import command as any_kind

command = of_kind("prefect-agent", any_kind, "What an agent has said since its last start.")
