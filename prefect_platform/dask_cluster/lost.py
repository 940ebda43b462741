"""The one error that is no `Exception`."""

from __future__ import annotations


class SchedulerLost(BaseException):
    """The scheduler of a flow run is gone, and with it every task and result on its cluster.

    Not an `Exception`, like a signal: a flow must not take it for a failure of its own. Prefect ends the flow run
    as Crashed, and its message as the cause.
    """
