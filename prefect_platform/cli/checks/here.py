"""This machine: the parts that `up` started, the room they have."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from prefect_platform.cli import output
from prefect_platform.cli.embedded.places import Places
from prefect_platform.cli.embedded.state import read_state
from prefect_platform.wire.installation import Check

ROOM_BYTES = 1 << 30
"""Less free space than this is wrong: one run may write more."""


def checks(places: Places) -> Iterator[Check]:
    yield _parts(places)
    yield _room(places)


def _parts(places: Places) -> Check:
    state = read_state(places)
    if state is None:
        return Check(name="parts", ok=True, detail=f"no platform was started in {places.data}")
    if not state.supervisor.process.alive:
        text = "`up` was killed and did not stop in order. `prefect-platform up` takes over what still runs"
        return Check(name="parts", ok=False, detail=text)
    missing = [n for n in state.expected if n not in state.parts or not state.parts[n].process.alive]
    if missing:
        text = f"not running: {', '.join(missing)}. `up` starts them again; their output is in {places.logs}"
        return Check(name="parts", ok=False, detail=text)
    often = [f"{name} {part.restarts} times" for name, part in state.parts.items() if part.restarts]
    also = f"; started again: {', '.join(often)}, see {places.logs}" if often else ""
    return Check(name="parts", ok=True, detail=f"{', '.join(state.expected)} run{also}")


def _room(places: Places) -> Check:
    place = places.data
    while not place.exists():
        place = place.parent
    usage = shutil.disk_usage(place)
    text = f"{output.size(usage.free)} free at {places.data}"
    if usage.free < ROOM_BYTES:
        text += (
            f": too little, {output.size(ROOM_BYTES)} are needed. Free some, or move PREFECT_PLATFORM_HOME"
        )
    return Check(name="disk space", ok=usage.free >= ROOM_BYTES, detail=text)
