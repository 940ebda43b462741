from __future__ import annotations

from prefect_platform.cli.one_kind import of_kind
from prefect_platform.cli.resource_restart import command as any_kind

command = of_kind(
    "prefect-agent", any_kind, "End agents and start them anew, with their spec of now. Runs go on."
)
