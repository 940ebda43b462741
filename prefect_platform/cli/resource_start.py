from __future__ import annotations

from prefect_platform.cli.resource_moves import moving

command = moving("start", "is to run", "Start resources, each by NAME or KIND/NAME.")
