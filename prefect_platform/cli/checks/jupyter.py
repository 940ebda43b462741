"""Jupyter servers of the user's project: each that is stuck, or soon will be, with the evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prefect_platform.cli import jupyter_words
from prefect_platform.errors import PlatformError
from prefect_platform.wire.installation import Check
from prefect_platform.wire.resources import ResourceKind

if TYPE_CHECKING:
    from prefect_platform.client.api import PlatformClient

NAME = "jupyter"


def checks(client: PlatformClient) -> Iterator[Check]:
    try:
        found = client.resources.list(client.project, ResourceKind.JUPYTER_SERVER)
    except PlatformError as error:
        yield Check(name=NAME, ok=False, detail=error.message)
        return
    stuck = {one.name: jupyter_words.stuck(one, datetime.now(UTC)) for one in found}
    for name, evidence in stuck.items():
        if evidence:
            yield Check(name=f"{NAME} {name}", ok=False, detail=evidence)
    if found and not any(stuck.values()):
        counted = Counter(one.state.status.value for one in found)
        told = ", ".join(f"{count} {status}" for status, count in sorted(counted.items()))
        yield Check(name=NAME, ok=True, detail=f"servers: {told}")
