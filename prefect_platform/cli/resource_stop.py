from __future__ import annotations

from prefect_platform.cli.resource_moves import moving

command = moving("stop", "is to stop", "Stop resources, each by NAME or KIND/NAME, with their grace.")
