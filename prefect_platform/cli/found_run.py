"""A run by its id, or by its name or the beginning of its id among the newest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect_platform.errors import NotFound, UsageError
from prefect_platform.names import nearest

if TYPE_CHECKING:
    from prefect_platform.client.api import PlatformClient
    from prefect_platform.wire.runs import RunDetail

_NEWEST = 200
_BEGINNING = 4
"""Characters of an id that may stand for it."""


def find_run(client: PlatformClient, text: str) -> RunDetail:
    """The run that `text` names; of several runs of one name the newest.

    Raises:
        NotFound: there is none; the message offers the nearest name.
        UsageError: several ids begin like this.
    """
    try:
        return client.runs.get(text)
    except NotFound:
        runs = client.runs.list(client.project, limit=_NEWEST).items
    found = next((run for run in runs if run.name == text), None)
    if found is None and len(text) >= _BEGINNING:
        begins = [run for run in runs if run.id.startswith(text)]
        if len(begins) > 1:
            raise UsageError(f"Several runs begin with {text!r}: {', '.join(run.id for run in begins[:5])}.")
        found = begins[0] if begins else None
    if found is None:
        hint = nearest(text, [run.name for run in runs]) or " `prefect-platform run list` shows the newest."
        raise NotFound(f"Project {client.project!r} has no run {text!r}.{hint}")
    return client.runs.get(found.id)
