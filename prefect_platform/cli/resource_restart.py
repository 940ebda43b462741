from __future__ import annotations

from prefect_platform.cli.resource_moves import moving

command = moving(
    "restart",
    "is restarted",
    "End what runs of resources, each by NAME or KIND/NAME, and start them anew with their spec of now.",
)
