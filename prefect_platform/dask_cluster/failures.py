"""What a task raised, on its way to the flow: an error that cannot go there is told by one that can."""

from __future__ import annotations

import pickle
import traceback
from typing import Any

import cloudpickle
from prefect.client.schemas.objects import State

from prefect_platform.errors import CannotTravel


def made_to_travel(state: State[Any], task: str) -> State[Any]:
    """The final state of a task run, with an error in it that the flow can be given.

    Many errors of libraries hold what cannot be pickled, or ask more of who makes them than they keep. Dask
    would raise what went wrong with them, and not say what the task had raised.
    """
    record: Any = state.data
    error = getattr(record, "result", record)
    if isinstance(error, BaseException) and (why := _why_not(error)) is not None:
        stand_in = _told(task, error, why)
        if error is record:
            state.data = stand_in
        else:
            record.result = stand_in
    return state


def _why_not(error: BaseException) -> Exception | None:
    try:
        pickle.loads(cloudpickle.dumps(error))  # noqa: S301 - made in this moment
    except Exception as why:  # noqa: BLE001 - whatever it is, Dask would meet it too
        return why
    return None


def _told(task: str, error: BaseException, why: Exception) -> CannotTravel:
    kind = type(error).__name__
    stand_in = CannotTravel(
        f"Task {task!r} raised {kind}: {error}. The error itself stays on its worker, as it cannot be "
        f"pickled and made again: {type(why).__name__}: {why}.",
        object=kind,
    )
    stand_in.add_note("".join(traceback.format_exception(error)))
    return stand_in
