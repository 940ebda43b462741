"""Finding a resource by what somebody typed: its name, or kind and name where a name is not enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect_platform.errors import NotFound, UsageError, foreign
from prefect_platform.names import nearest

if TYPE_CHECKING:
    from prefect_platform.client.api import PlatformClient
    from prefect_platform.wire.resources import Resource


def found(client: PlatformClient, wanted: str) -> Resource:
    """The resource `NAME` or `KIND/NAME` of the client's project.

    Raises:
        NotFound: there is none, with the nearest name.
        UsageError: several kinds have one of this name.
    """
    kind, _, name = wanted.rpartition("/")
    all_of_them = client.resources.list(client.project)
    those = [one for one in all_of_them if one.name == name and kind in ("", one.kind.value)]
    if not those:
        hint = nearest(name, (one.name for one in all_of_them))
        raise NotFound(f"Project {client.project!r} has no resource {foreign(wanted)!r}.{hint}")
    if len(those) > 1:
        ways = ", ".join(f"{one.kind.value}/{one.name}" for one in those)
        raise UsageError(f"There are several resources named {name!r}: say {ways}.")
    return those[0]


def own_source(client: PlatformClient, workload_id: str) -> str:
    """What the process itself writes; before it has written anything, what its launcher says."""
    names = [one.source for one in client.logs.workload_sources(workload_id)]
    return next((name for name in reversed(names) if name not in ("launcher", "start-script")), "launcher")
