"""What `doctor` looks at, in the order in which one thing needs the other. Each says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prefect_platform.cli.checks import environment, here, jupyter, platform, prefect
from prefect_platform.wire.installation import Check

if TYPE_CHECKING:
    from prefect_platform.cli.embedded.places import Places
    from prefect_platform.cli.embedded.settings import Credentials


def all_checks(places: Places, credentials: Credentials) -> Iterator[Check]:
    """One after the other, as they are found; what cannot be asked because of a fault before is left out."""
    yield from here.checks(places)
    yield from environment.checks()
    signed_in = yield from platform.checks()
    if signed_in is not None:
        with signed_in as client:
            yield from prefect.checks(client, credentials)
            yield from platform.agents(client)
            yield from jupyter.checks(client)
